//! Who asks Azure Batch: the account's key, or an identity of Entra.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use reqwest::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, HeaderValue},
};
use ring::hmac;
use switchyard_plugin_api::Error;

use super::{properties::Properties, token::Token};

/// Headers whose values are signed, in this order. The length and the service's own headers follow rules of their own.
const SIGNED: &[&str] = &[
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

pub enum Auth {
    Key {
        account: String,
        key: hmac::Key,
    },
    Token(Token),
    /// An emulator asks for none.
    None,
}

/// A key as Azure gives it out.
pub fn key(text: &str) -> Option<hmac::Key> {
    STANDARD.decode(text.trim()).ok().filter(|bytes| !bytes.is_empty()).map(|bytes| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

pub fn signature(key: &hmac::Key, text: &str) -> String {
    STANDARD.encode(hmac::sign(key, text.as_bytes()))
}

/// This moment in the form of HTTP.
fn now() -> String {
    jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

impl Auth {
    pub fn find(http: reqwest::Client, properties: &Properties) -> Result<Self, Error> {
        let given = |value: &Option<String>| value.clone().filter(|text| !text.trim().is_empty());
        match (given(&properties.account), given(&properties.access_key)) {
            (Some(account), Some(text)) => {
                let key = key(&text).ok_or_else(|| {
                    Error::user("azure::invalid_key", "the access key is no base64 text")
                        .at("/accessKey")
                        .with_help("copy one of the two keys of the Batch account from the portal")
                })?;
                Ok(Self::Key { account, key })
            }
            (None, Some(_)) => Err(Error::user("azure::no_account", "there is an access key, but no account that it belongs to")
                .at("/account")
                .with_help("set `account` to the name of the Batch account")),
            (_, None) => match Token::of_host(http) {
                Some(token) => Ok(Self::Token(token)),
                None if properties.endpoint.starts_with("http://") => Ok(Self::None),
                None => Ok(Self::Token(Token::managed())),
            },
        }
    }

    pub async fn sign(&self, mut request: Request, again: bool) -> Result<Request, Error> {
        let value = match self {
            Self::None => return Ok(request),
            Self::Token(token) => format!("Bearer {}", token.get(again).await?),
            Self::Key { account, key } => {
                // Signed with the time of this very attempt: the service takes no old ones.
                if let Ok(now) = HeaderValue::from_str(&now()) {
                    request.headers_mut().insert("ocp-date", now);
                }
                let signature = signature(key, &to_sign(account, &request));
                format!("SharedKey {account}:{signature}")
            }
        };
        let value = HeaderValue::from_str(&value).map_err(|_| {
            Error::user("azure::no_account", "the account holds characters that no header may").at("/account").with_help("check `account`")
        })?;
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(request)
    }
}

/// The text that proves a request.
fn to_sign(account: &str, request: &Request) -> String {
    let has_length = !matches!(*request.method(), Method::GET | Method::HEAD);
    let length = request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len);
    let value = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if name == CONTENT_LENGTH.as_str() { if has_length { length.to_string() } else { String::new() } } else { value.to_owned() }
    };
    let mut text = format!("{}\n", request.method());
    for name in SIGNED {
        text.push_str(&value(name));
        text.push('\n');
    }
    let mut own: Vec<&str> = request.headers().keys().map(HeaderName::as_str).filter(|name| name.starts_with("ocp-")).collect();
    own.sort_unstable();
    for name in own {
        text.push_str(&format!("{name}:{}\n", value(name)));
    }
    text.push_str(&format!("/{account}{}", request.url().path()));
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut query: Vec<(String, String)> = request
        .url()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    query.sort();
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("\n{name}:{value}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signatures that Azure's own Python client (`azure-batch` 15.1.0) makes of the same requests.
    #[test]
    fn z3_signatures_are_those_of_azures_own_client() {
        let key = key(&STANDARD.encode("0123456789abcdef0123456789abcdef")).unwrap();
        let json = Some(("content-type", "application/json; odata=minimalmetadata"));
        let list = "jobs?api-version=2025-06-01&%24filter=startswith%28id%2C%27a-b-%27%29&%24select=id%2Cstate";
        for (method, path, header, body, expected) in [
            ("GET", "jobs/j?api-version=2025-06-01", None, 0, "+EzbfRj+M3qUEBFP3Yd7SVBzUrPcC240S5OIDBA/XcE="),
            ("GET", list, None, 0, "7I5jG6QclFC3A83EpHqrfNRKF4ZxDHPmsSKY1TjWKH8="),
            ("POST", "jobs?api-version=2025-06-01", json, 83, "eGVNWJ/iSrxEgD9UwqJqW8fyybIey8FxgqdQou7G7uw="),
            ("POST", "jobs/j/tasks/task-j/terminate?api-version=2025-06-01", None, 0, "ObzIyYvjJOlNuHU96KxuDUDb+w74qLP0FIlIQx09kNw="),
            ("DELETE", "jobs/j?api-version=2025-06-01", None, 0, "mjiN3IyhhftC7VsGO+zXDT7zlFwXSuYjcGxQKl8cWLQ="),
            (
                "GET",
                "jobs/j/tasks/task-j/files/stdout.txt?api-version=2025-06-01",
                Some(("ocp-range", "bytes=5-9")),
                0,
                "ifjsvbv5vqUv+GcYNNShVPlHbXb/Gqo2xj6A0fRgVWw=",
            ),
            (
                "GET",
                "jobs/j/tasks/task-j/files/wd%2Fa%20b.txt?api-version=2025-06-01",
                None,
                0,
                "6M2LnYAKkEMl7cnU0NINIBS29t4T2/NfxwxYRgCTcxg=",
            ),
        ] {
            let mut request = Request::new(method.parse().unwrap(), format!("http://h/{path}").parse().unwrap());
            request.headers_mut().insert("ocp-date", HeaderValue::from_static("Fri, 02 Jan 2026 03:04:05 GMT"));
            if let Some((name, value)) = header {
                request.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            if body > 0 {
                *request.body_mut() = Some(vec![b'x'; body].into());
            }
            assert_eq!(signature(&key, &to_sign("acct", &request)), expected, "{method} {path}");
        }
    }

    #[test]
    fn times_are_those_of_http() {
        let time = jiff::Timestamp::from_second(1_767_323_045).unwrap();
        assert_eq!(time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(), "Fri, 02 Jan 2026 03:04:05 GMT");
    }
}
