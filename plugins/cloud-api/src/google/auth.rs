//! Tokens: a service account's key, the application default credentials, the metadata server; then impersonation.

use std::{
    env, fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine as _, engine::general_purpose};
use ring::{rand::SystemRandom, signature};
use serde::Deserialize;
use serde_json::{Value, json};
use switchyard_plugin_api::Error;
use tokio::sync::Mutex;

use super::{Access, Endpoints};
use crate::http::reason;

/// A token is renewed this long before it ends.
const EARLY: Duration = Duration::from_secs(120);
const IAM: &str = "https://iamcredentials.googleapis.com";

/// Where tokens come from. Cheap to clone.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    source: Source,
    scopes: String,
    /// Account to act as, and the service that lends its tokens.
    impersonate: Option<(String, String)>,
    token: Mutex<Option<(String, Instant)>>,
}

enum Source {
    Key(Box<Key>),
    /// A person's, left by `gcloud auth application-default login`.
    User(Value),
    Metadata(String),
    /// An emulator asks for none.
    None,
}

/// A service account's key file.
#[derive(Deserialize)]
struct Key {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default = "token_uri")]
    token_uri: String,
    #[serde(default)]
    project_id: Option<String>,
}

fn token_uri() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

pub(super) fn invalid(what: impl std::fmt::Display) -> Error {
    Error::user("google::invalid_credentials", format!("the credentials cannot be used: {what}"))
        .with_help("`serviceAccount` is the JSON text of a service account's key")
}

impl Credentials {
    pub fn find(http: reqwest::Client, access: &Access, endpoints: &Endpoints) -> Result<Self, Error> {
        let source = match access.service_account.as_ref().filter(|text| !text.trim().is_empty()) {
            Some(text) => Source::of_text(text).map_err(|error| error.at("/serviceAccount"))?,
            None if endpoints.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")) => Source::None,
            None => Source::of_host()?,
        };
        let iam = endpoints.iam_endpoint.clone().unwrap_or_else(|| IAM.to_owned());
        Ok(Self(Arc::new(Inner {
            http,
            source,
            scopes: access.scopes.join(" "),
            impersonate: access.impersonate.clone().filter(|account| !account.is_empty()).map(|account| (account, iam)),
            token: Mutex::new(None),
        })))
    }

    pub fn project(&self) -> Option<String> {
        match &self.0.source {
            Source::Key(key) => key.project_id.clone(),
            Source::User(file) => file["quota_project_id"].as_str().map(str::to_owned),
            _ => None,
        }
        .or_else(|| env::var("GOOGLE_CLOUD_PROJECT").ok())
    }

    pub async fn project_of_metadata(&self) -> Option<String> {
        let Source::Metadata(host) = &self.0.source else { return None };
        let url = format!("http://{host}/computeMetadata/v1/project/project-id");
        let response = self.0.http.get(url).header("metadata-flavor", "Google").timeout(Duration::from_secs(3)).send().await.ok()?;
        response.error_for_status().ok()?.text().await.ok().map(|text| text.trim().to_owned())
    }

    pub fn account(&self) -> Option<String> {
        match &self.0.source {
            Source::Key(key) => Some(key.client_email.clone()),
            _ => None,
        }
    }

    /// A token that is still good; `fresh` does not trust the one at hand.
    pub async fn token(&self, fresh: bool) -> Result<Option<String>, Error> {
        let mut kept = self.0.token.lock().await;
        if let Some((token, until)) = kept.as_ref().filter(|(_, until)| !fresh && *until > Instant::now()) {
            let _ = until;
            return Ok(Some(token.clone()));
        }
        let Some((token, lives)) = self.own().await? else { return Ok(None) };
        let (token, lives) = match &self.0.impersonate {
            Some((account, iam)) => self.lent(&token, account, iam).await?,
            None => (token, lives),
        };
        *kept = Some((token.clone(), Instant::now() + lives.saturating_sub(EARLY)));
        Ok(Some(token))
    }

    async fn own(&self) -> Result<Option<(String, Duration)>, Error> {
        let http = &self.0.http;
        let request = match &self.0.source {
            Source::None => return Ok(None),
            Source::Key(key) => {
                let assertion = key.assertion(&self.0.scopes)?;
                form(http.post(&key.token_uri), &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)])
            }
            Source::User(file) => {
                let field = |name: &str| file[name].as_str().unwrap_or_default();
                let fields = [
                    ("grant_type", "refresh_token"),
                    ("client_id", field("client_id")),
                    ("client_secret", field("client_secret")),
                    ("refresh_token", field("refresh_token")),
                ];
                form(http.post(token_uri()), &fields)
            }
            Source::Metadata(host) => {
                let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
                http.get(url).header("metadata-flavor", "Google").timeout(Duration::from_secs(5))
            }
        };
        let answer = answer(request, "asking for a token").await?;
        let token = answer["access_token"].as_str().ok_or_else(|| invalid("the answer holds no token"))?;
        Ok(Some((token.to_owned(), Duration::from_secs(answer["expires_in"].as_u64().unwrap_or(3600)))))
    }

    async fn lent(&self, token: &str, account: &str, iam: &str) -> Result<(String, Duration), Error> {
        let url = format!("{}/v1/projects/-/serviceAccounts/{account}:generateAccessToken", iam.trim_end_matches('/'));
        let scopes: Vec<&str> = self.0.scopes.split(' ').collect();
        let body = json!({ "scope": scopes, "lifetime": "3600s" });
        let request = self.0.http.post(url).bearer_auth(token).header("content-type", "application/json").body(body.to_string());
        let answer = answer(request, &format!("acting as {account}")).await?;
        let token = answer["accessToken"].as_str().ok_or_else(|| invalid("the answer holds no token"))?;
        Ok((token.to_owned(), Duration::from_secs(3600)))
    }
}

fn form(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"))
}

async fn answer(request: reqwest::RequestBuilder, what: &str) -> Result<Value, Error> {
    let unreachable = |error: reqwest::Error| {
        Error::environment("google::no_token", format!("while {what}: {}", reason(&error)))
            .with_help("on a machine without a Google identity set `serviceAccount`, or GOOGLE_APPLICATION_CREDENTIALS on the host")
    };
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let text = response.text().await.map_err(unreachable)?;
    if !status.is_success() {
        let said: String = text.chars().take(300).collect();
        return Err(invalid(format!("while {what} Google answered {}: {}", status.as_u16(), said.trim())));
    }
    serde_json::from_str(&text).map_err(invalid)
}

impl Source {
    fn of_text(text: &str) -> Result<Self, Error> {
        let file: Value = serde_json::from_str(text).map_err(invalid)?;
        match file["type"].as_str() {
            Some("authorized_user") => Ok(Self::User(file)),
            _ => serde_json::from_value(file).map(|key| Self::Key(Box::new(key))).map_err(invalid),
        }
    }

    /// In the order of Google's own libraries.
    fn of_host() -> Result<Self, Error> {
        let named = env::var_os("GOOGLE_APPLICATION_CREDENTIALS").filter(|path| !path.is_empty()).map(PathBuf::from);
        let left = env::var_os("HOME").map(|home| PathBuf::from(home).join(".config/gcloud/application_default_credentials.json"));
        match named.or_else(|| left.filter(|path| path.is_file())) {
            Some(path) => {
                let text = fs::read_to_string(&path).map_err(|error| invalid(format!("{} cannot be read: {error}", path.display())))?;
                Self::of_text(&text)
            }
            None => Ok(Self::Metadata(env::var("GCE_METADATA_HOST").unwrap_or_else(|_| "metadata.google.internal".to_owned()))),
        }
    }
}

impl Key {
    /// A signed statement that the bearer is this account.
    fn assertion(&self, scopes: &str) -> Result<String, Error> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let encode = |bytes: &[u8]| general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.private_key_id });
        let claims = json!({ "iss": self.client_email, "scope": scopes, "aud": self.token_uri, "iat": now, "exp": now + 3600 });
        let text = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let pem: String = self.private_key.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let der = general_purpose::STANDARD.decode(pem).map_err(|_| invalid("the private key is no PEM"))?;
        let pair = signature::RsaKeyPair::from_pkcs8(&der).map_err(|error| invalid(format!("the private key is no RSA key: {error}")))?;
        let mut signed = vec![0; pair.public().modulus_len()];
        pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signed)
            .map_err(|_| invalid("the private key cannot sign"))?;
        Ok(format!("{text}.{}", encode(&signed)))
    }
}
