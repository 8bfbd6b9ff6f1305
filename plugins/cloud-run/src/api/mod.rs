//! Google's services over plain HTTP: a token, requests with retries, errors in words.

mod auth;
mod logging;
mod run;
mod storage;

use std::{sync::Arc, time::Duration};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use switchyard_plugin_api::{Error, ErrorKind};
use tokio::time::sleep;

pub use auth::Credentials;
pub use logging::Entry;
pub use run::{Ended, Execution};

use crate::properties::{Config, Properties};

/// Pauses before the same request is made again.
const PAUSES: [Duration; 4] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(8)];

/// A client for one run. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    credentials: Credentials,
    project: String,
    region: String,
    run: String,
    storage: String,
    logging: String,
}

impl Client {
    pub async fn new(properties: &Properties, config: &Config) -> Result<Self, Error> {
        // One provider for all of the program; another one that was first is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(120))
            .build()
            .map_err(|error| Error::environment("cloud_run::no_client", format!("no HTTP client can be made: {}", reason(&error))))?;
        let credentials = Credentials::find(http.clone(), properties, config)?;
        let project = match properties.project_id.clone().or_else(|| credentials.project()) {
            Some(project) => project,
            None => credentials.project_of_metadata().await.ok_or_else(|| {
                Error::user("cloud_run::no_project", "no project is named, and the credentials name none")
                    .at("/projectId")
                    .with_help("set `projectId`")
            })?,
        };
        let endpoint = |own: &Option<String>, usual: &str| own.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned();
        Ok(Self(Arc::new(Inner {
            http,
            credentials,
            project,
            region: properties.region.clone(),
            run: endpoint(&config.run_endpoint, "https://run.googleapis.com"),
            storage: endpoint(&config.storage_endpoint, "https://storage.googleapis.com"),
            logging: endpoint(&config.logging_endpoint, "https://logging.googleapis.com"),
        })))
    }

    /// The account that the runner itself is, when its key says so.
    pub fn account(&self) -> Option<String> {
        self.0.credentials.account()
    }

    /// Sends a request until it is answered: unreachable and overloaded services are asked again, a refused token is renewed once.
    async fn send(&self, what: &str, build: impl Fn(&reqwest::Client) -> RequestBuilder) -> Result<Response, Error> {
        let mut renewed = false;
        let mut pauses = PAUSES.iter();
        loop {
            let token = self.0.credentials.token(renewed).await?;
            let mut request = build(&self.0.http);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let error = match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) if response.status() == StatusCode::UNAUTHORIZED && !renewed => {
                    renewed = true;
                    continue;
                }
                Ok(response) => refused(what, response).await,
                Err(error) => Error::environment("cloud_run::unreachable", format!("while {what}: {}", reason(&error)))
                    .with_help("check the host's network and proxy settings"),
            };
            match pauses.next() {
                Some(pause) if is_passing(&error) => sleep(*pause).await,
                _ => return Err(error),
            }
        }
    }

    async fn json(&self, what: &str, method: Method, url: &str, body: Option<&Value>) -> Result<Value, Error> {
        let build = |http: &reqwest::Client| {
            let request = http.request(method.clone(), url);
            match body {
                Some(body) => request.header("content-type", "application/json").body(body.to_string()),
                None => request,
            }
        };
        let response = self.send(what, build).await?;
        let bytes = response.bytes().await.map_err(|error| {
            Error::environment("cloud_run::unreachable", format!("while {what} the answer was cut off: {}", reason(&error)))
        })?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::environment("cloud_run::unexpected_answer", format!("while {what} the answer was no JSON: {error}")))
    }
}

/// The innermost reason, which says most.
pub fn reason(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

async fn refused(what: &str, response: Response) -> Error {
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let message = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|answer| answer.pointer("/error/message").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_else(|| text.chars().take(300).collect());
    let message = format!("while {what} Google answered {}: {}", status.as_u16(), message.trim());
    let (kind, code, help) = match status {
        StatusCode::UNAUTHORIZED => (ErrorKind::User, "cloud_run::unauthorized", "check `serviceAccount`, or the credentials of the host"),
        StatusCode::FORBIDDEN => (
            ErrorKind::User,
            "cloud_run::forbidden",
            "the runner's account needs Cloud Run Developer, Logs Viewer, Storage Admin with a bucket, and Service Account User",
        ),
        StatusCode::NOT_FOUND => (ErrorKind::Environment, "cloud_run::not_found", "check `projectId`, `region` and `bucket`"),
        StatusCode::CONFLICT => (ErrorKind::Task, "cloud_run::exists", "another job has this name"),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            (ErrorKind::Environment, "cloud_run::overloaded", "a quota of the project may be used up")
        }
        status if status.is_server_error() => (ErrorKind::Environment, "cloud_run::overloaded", "try again later"),
        _ => (ErrorKind::User, "cloud_run::refused", "check the properties of the task runner"),
    };
    Error::new(kind, code, message).with_help(help)
}

/// Whether the same request may be answered a moment later.
fn is_passing(error: &Error) -> bool {
    matches!(error.code.as_str(), "cloud_run::unreachable" | "cloud_run::overloaded")
}

/// Whether an error says that something is not there.
pub fn is_missing(error: &Error) -> bool {
    error.code == "cloud_run::not_found"
}
