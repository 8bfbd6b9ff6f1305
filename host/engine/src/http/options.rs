//! The `options` of HTTP tasks, in the spellings of all versions.

use std::{sync::LazyLock, time::Duration};

use reqwest::{Client, Proxy, redirect::Policy};
use serde_json::Value as Json;
use switchyard_plugin_api::Error;

use crate::task::{plain, property};

/// How long the other side may be silent when nobody says.
const SILENCE: Duration = Duration::from_secs(300);
/// How long a connection may take when nobody says.
const CONNECT: Duration = Duration::from_secs(30);
const REDIRECTS: usize = 10;

/// How a request is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub connect_timeout: Duration,
    pub read_timeout: Duration,
    pub follow_redirects: bool,
    pub max_content_length: Option<u64>,
    pub default_charset: Option<String>,
    pub trust_all: bool,
    pub proxy: Option<Via>,
    pub auth: Option<Auth>,
    pub allow_failed: bool,
    pub allowed_codes: Vec<u16>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Via {
    url: String,
    user: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    Basic { user: String, password: String },
    Bearer(String),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT,
            read_timeout: SILENCE,
            follow_redirects: true,
            max_content_length: None,
            default_charset: None,
            trust_all: false,
            proxy: None,
            auth: None,
            allow_failed: false,
            allowed_codes: Vec::new(),
        }
    }
}

/// For requests without wishes, which are nearly all: connections are used again.
static USUAL: LazyLock<Result<Client, String>> = LazyLock::new(|| build(&Options::default()).map_err(|error| error.to_string()));

impl Options {
    /// From a rendered `options` map.
    pub fn read(options: &Json) -> Result<Self, Error> {
        let given = |path: &[&str]| {
            let found = path.iter().try_fold(options, |node, name| node.get(*name)).filter(|value| !value.is_null());
            found.map(plain).filter(|text| !text.is_empty())
        };
        let first = |paths: &[&[&str]]| paths.iter().find_map(|path| given(path));
        let duration = |paths: &[&[&str]], usual: Duration| {
            first(paths).map_or(Ok(usual), |text| property::duration(&text, &format!("options.{}", paths[0].join("."))))
        };
        let flag = |path: &[&str], usual: bool| given(path).map_or(usual, |text| switchyard_expr::is_truthy(&text));
        let number = |path: &[&str]| given(path).map(|text| property::count(&text, &format!("options.{}", path.join(".")))).transpose();
        let mut allowed_codes = Vec::new();
        for code in options.get("allowedResponseCodes").and_then(Json::as_array).into_iter().flatten() {
            let code = property::count(&plain(code), "options.allowedResponseCodes")?;
            allowed_codes.extend(u16::try_from(code).ok());
        }
        Ok(Self {
            connect_timeout: duration(&[&["timeout", "connectTimeout"], &["connectTimeout"]], CONNECT)?,
            read_timeout: duration(&[&["timeout", "readIdleTimeout"], &["readIdleTimeout"], &["readTimeout"]], SILENCE)?,
            follow_redirects: flag(&["followRedirects"], true),
            max_content_length: number(&["maxContentLength"])?,
            default_charset: given(&["defaultCharset"]),
            trust_all: flag(&["ssl", "insecureTrustAllCertificates"], false),
            proxy: proxy(&first)?,
            auth: auth(&given)?,
            allow_failed: flag(&["allowFailed"], false),
            allowed_codes,
        })
    }

    /// A client for them.
    pub fn client(&self) -> Result<Client, Error> {
        let connection = |options: &Self| {
            let Self { connect_timeout, read_timeout, follow_redirects, trust_all, proxy, .. } = options;
            (*connect_timeout, *read_timeout, *follow_redirects, *trust_all, proxy.clone())
        };
        let made =
            if connection(self) == connection(&Self::default()) { USUAL.clone() } else { build(self).map_err(|error| error.to_string()) };
        made.map_err(|error| Error::environment("http::client", format!("no HTTP client can be made: {error}")))
    }
}

fn build(options: &Options) -> reqwest::Result<Client> {
    switchyard_store::tls::install();
    let redirects = if options.follow_redirects { Policy::limited(REDIRECTS) } else { Policy::none() };
    let mut builder = Client::builder()
        .user_agent(concat!("Switchyard/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .redirect(redirects)
        .tls_danger_accept_invalid_certs(options.trust_all);
    if let Some(via) = &options.proxy {
        let mut proxy = Proxy::all(&via.url)?;
        if let Some((user, password)) = &via.user {
            proxy = proxy.basic_auth(user, password);
        }
        builder = builder.proxy(proxy);
    }
    builder.build()
}

fn proxy(given: &dyn Fn(&[&[&str]]) -> Option<String>) -> Result<Option<Via>, Error> {
    let kind = given(&[&["proxy", "type"], &["proxyType"]]).unwrap_or_else(|| "HTTP".to_owned());
    let Some(address) = given(&[&["proxy", "address"], &["proxyAddress"]]).filter(|_| kind != "DIRECT") else { return Ok(None) };
    let port = match given(&[&["proxy", "port"], &["proxyPort"]]) {
        Some(port) => format!(":{}", property::count(&port, "options.proxy.port")?),
        None => String::new(),
    };
    let scheme = if kind == "SOCKS" { "socks5" } else { "http" };
    let user = given(&[&["proxy", "username"], &["proxyUsername"]]);
    let password = given(&[&["proxy", "password"], &["proxyPassword"]]).unwrap_or_default();
    Ok(Some(Via { url: format!("{scheme}://{address}{port}"), user: user.map(|user| (user, password)) }))
}

fn auth(given: &dyn Fn(&[&str]) -> Option<String>) -> Result<Option<Auth>, Error> {
    let text = |name: &str| given(&["auth", name]).unwrap_or_default();
    match given(&["auth", "type"]).as_deref() {
        Some("BASIC") => Ok(Some(Auth::Basic { user: text("username"), password: text("password") })),
        Some("BEARER") => Ok(Some(Auth::Bearer(text("token")))),
        Some(other) => Err(Error::user("flow::invalid_property", format!("`options.auth.type` is `{other}`"))
            .with_help("write BASIC or BEARER")
            .at("/options/auth/type")),
        None => Ok(given(&["basicAuthUser"]).map(|user| Auth::Basic { user, password: given(&["basicAuthPassword"]).unwrap_or_default() })),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn old_and_new_spellings_mean_the_same_4_4() {
        for (old, new) in [
            (
                json!({"connectTimeout": "PT1S", "readTimeout": "PT2S"}),
                json!({"timeout": {"connectTimeout": "PT1S", "readIdleTimeout": "PT2S"}}),
            ),
            (
                json!({"proxyAddress": "p", "proxyPort": 8080, "proxyUsername": "u", "proxyPassword": "s", "proxyType": "SOCKS"}),
                json!({"proxy": {"address": "p", "port": "8080", "username": "u", "password": "s", "type": "SOCKS"}}),
            ),
            (json!({"basicAuthUser": "u", "basicAuthPassword": "p"}), json!({"auth": {"type": "BASIC", "username": "u", "password": "p"}})),
            (json!(null), json!({})),
        ] {
            let (old, new) = (Options::read(&old).unwrap(), Options::read(&new).unwrap());
            assert_eq!(old, new);
            assert!(old.client().is_ok());
        }
        assert!(Options::read(&json!({"auth": {"type": "DIGEST"}})).is_err());
        assert!(Options::read(&json!({"connectTimeout": "soon"})).is_err());
    }
}
