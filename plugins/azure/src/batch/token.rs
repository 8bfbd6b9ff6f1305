//! Tokens of Entra, for a host that has no access key: a service principal, a workload identity, a managed identity.

use std::{
    env, fs,
    time::{Duration, Instant},
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use switchyard_cloud_api::http;
use switchyard_plugin_api::Error;
use tokio::sync::Mutex;

const SCOPE: &str = "https://batch.core.windows.net//.default";
const RESOURCE: &str = "https://batch.core.windows.net/";
/// A token is renewed this long before it ends.
const EARLY: Duration = Duration::from_secs(120);

enum Source {
    Secret {
        tenant: String,
        client: String,
        secret: String,
    },
    /// A file that the platform writes anew from time to time.
    Workload {
        tenant: String,
        client: String,
        file: String,
    },
    Managed {
        client: Option<String>,
    },
}

pub struct Token {
    http: Option<reqwest::Client>,
    source: Source,
    kept: Mutex<Option<(String, Instant)>>,
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn unusable(what: impl std::fmt::Display) -> Error {
    Error::user("azure::no_token", format!("no token for Azure Batch: {what}")).with_help(
        "set `account` and `accessKey`, or on the host AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or give the host a managed identity",
    )
}

impl Token {
    /// What the host's environment names, in the order of Azure's own libraries.
    pub fn of_host(http: reqwest::Client) -> Option<Self> {
        let (tenant, client) = (variable("AZURE_TENANT_ID")?, variable("AZURE_CLIENT_ID")?);
        let source = match (variable("AZURE_CLIENT_SECRET"), variable("AZURE_FEDERATED_TOKEN_FILE")) {
            (Some(secret), _) => Source::Secret { tenant, client, secret },
            (None, Some(file)) => Source::Workload { tenant, client, file },
            (None, None) => return None,
        };
        Some(Self { http: Some(http), source, kept: Mutex::default() })
    }

    /// That of the machine.
    pub fn managed() -> Self {
        Self { http: http::client().ok(), source: Source::Managed { client: variable("AZURE_CLIENT_ID") }, kept: Mutex::default() }
    }

    pub async fn get(&self, fresh: bool) -> Result<String, Error> {
        let mut kept = self.kept.lock().await;
        if let Some((token, until)) = kept.as_ref().filter(|_| !fresh) {
            if *until > Instant::now() {
                return Ok(token.clone());
            }
        }
        let (token, lives) = self.ask().await?;
        *kept = Some((token.clone(), Instant::now() + lives.saturating_sub(EARLY)));
        Ok(token)
    }

    async fn ask(&self) -> Result<(String, Duration), Error> {
        let Some(http) = &self.http else { return Err(unusable("no HTTP client can be made")) };
        let request = match &self.source {
            Source::Managed { client } => {
                let host = variable("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| "http://169.254.169.254".to_owned());
                let mut url = format!("{host}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}", encode(RESOURCE));
                if let Some(client) = client {
                    url.push_str(&format!("&client_id={}", encode(client)));
                }
                http.get(url).header("metadata", "true").timeout(Duration::from_secs(5))
            }
            Source::Secret { tenant, client, secret } => form(http, tenant, client, &[("client_secret", secret)]),
            Source::Workload { tenant, client, file } => {
                let assertion = fs::read_to_string(file).map_err(|error| unusable(format!("{file} cannot be read: {error}")))?;
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form(http, tenant, client, &[("client_assertion_type", kind), ("client_assertion", assertion.trim())])
            }
        };
        let response = request.send().await.map_err(|error| unusable(http::reason(&error)))?;
        let status = response.status();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap_or_default()).unwrap_or_default();
        let Some(token) = answer["access_token"].as_str() else {
            let said = answer["error_description"].as_str().unwrap_or_default().lines().next().unwrap_or_default();
            return Err(unusable(format!("the token service answered {}: {said}", status.as_u16())));
        };
        // The metadata service writes numbers as text.
        let lives = answer["expires_in"].as_u64().or_else(|| answer["expires_in"].as_str()?.parse().ok()).unwrap_or(3600);
        Ok((token.to_owned(), Duration::from_secs(lives)))
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn form(http: &reqwest::Client, tenant: &str, client: &str, proof: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let authority = variable("AZURE_AUTHORITY_HOST").unwrap_or_else(|| "https://login.microsoftonline.com".to_owned());
    let url = format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/'));
    let fields = [("grant_type", "client_credentials"), ("client_id", client), ("scope", SCOPE)];
    let body: Vec<String> = fields.iter().chain(proof).map(|(name, value)| format!("{name}={}", encode(value))).collect();
    http.post(url).header("content-type", "application/x-www-form-urlencoded").timeout(Duration::from_secs(30)).body(body.join("&"))
}
