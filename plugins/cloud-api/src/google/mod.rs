//! Google's services over plain HTTP: a token, requests with retries, errors in words.

mod auth;
pub mod files;
pub mod log;
mod logging;
pub mod name;
mod permissions;
mod storage;

use std::sync::Arc;

use reqwest::{
    Method, Request, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap},
};
use serde::Deserialize;
use serde_json::Value;
use switchyard_plugin_api::{Context, Error, ErrorKind};

use crate::{
    http::{self, Service, reason},
    name::hash,
};
pub use auth::Credentials;
pub use logging::Entry;

/// Who the runner is, as a flow says it.
#[derive(Debug, Clone, Default)]
pub struct Access {
    pub project: Option<String>,
    /// Text of a key file.
    pub service_account: Option<String>,
    pub impersonate: Option<String>,
    pub scopes: Vec<String>,
    /// What the account must be allowed, in words.
    pub roles: &'static str,
}

/// Where the services are, when they are not where they usually are: emulators and private endpoints. Only an administrator may say so,
/// since tokens go there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoints {
    /// The service that runs jobs.
    #[serde(alias = "runEndpoint", alias = "batchEndpoint")]
    pub endpoint: Option<String>,
    pub storage_endpoint: Option<String>,
    pub logging_endpoint: Option<String>,
    pub iam_endpoint: Option<String>,
    pub resource_manager_endpoint: Option<String>,
}

impl Endpoints {
    /// What is configured, and what the host's environment says instead of the rest: variables with a prefix of the runner's, then those of
    /// Google's own tools. What is not understood is as good as nothing.
    pub fn of(config: &Value, prefix: &str, service: &str) -> Self {
        let own: Self = serde_json::from_value(config.clone()).unwrap_or_default();
        let other = Self::of_environment(prefix, service);
        Self {
            endpoint: own.endpoint.or(other.endpoint),
            storage_endpoint: own.storage_endpoint.or(other.storage_endpoint),
            logging_endpoint: own.logging_endpoint.or(other.logging_endpoint),
            iam_endpoint: own.iam_endpoint.or(other.iam_endpoint),
            resource_manager_endpoint: own.resource_manager_endpoint.or(other.resource_manager_endpoint),
        }
    }

    /// For those methods that are not told the configuration.
    pub fn of_environment(prefix: &str, service: &str) -> Self {
        let variable = |name: String| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = |own: &str, tool: &str| {
            variable(format!("{prefix}_{own}")).or_else(|| variable(format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{tool}")))
        };
        let emulator = || variable("STORAGE_EMULATOR_HOST".to_owned());
        let with_scheme = |host: String| if host.contains("://") { host } else { format!("http://{host}") };
        Self {
            endpoint: named("ENDPOINT", service),
            storage_endpoint: named("STORAGE_ENDPOINT", "STORAGE").or_else(|| emulator().map(with_scheme)),
            logging_endpoint: named("LOGGING_ENDPOINT", "LOGGING"),
            iam_endpoint: named("IAM_ENDPOINT", "IAMCREDENTIALS"),
            resource_manager_endpoint: named("RESOURCE_MANAGER_ENDPOINT", "CLOUDRESOURCEMANAGER"),
        }
    }
}

/// A client for one run. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>, Option<Context>);

struct Inner {
    http: reqwest::Client,
    credentials: Credentials,
    project: String,
    /// Of the service that runs jobs.
    endpoint: String,
    storage: String,
    logging: String,
    resource_manager: String,
    roles: &'static str,
    /// The same for everyone who asks the same service in the same name.
    identity: String,
}

impl Client {
    /// `usual` is the address of the service that runs jobs.
    pub async fn new(access: &Access, endpoints: &Endpoints, usual: &str) -> Result<Self, Error> {
        let http = http::client()
            .map_err(|error| Error::environment("google::no_client", format!("no HTTP client can be made: {}", reason(&error))))?;
        let credentials = Credentials::find(http.clone(), access, endpoints)?;
        let project = match access.project.clone().filter(|project| !project.is_empty()).or_else(|| credentials.project()) {
            Some(project) => project,
            None => credentials.project_of_metadata().await.ok_or_else(|| {
                Error::user("google::no_project", "no project is named, and the credentials name none")
                    .at("/projectId")
                    .with_help("set `projectId`")
            })?,
        };
        let endpoint = |own: &Option<String>, usual: &str| own.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned();
        let address = endpoint(&endpoints.endpoint, usual);
        let identity = format!("{address} {project} {:?} {:?}", access.service_account.as_deref().map(hash), access.impersonate);
        let inner = Arc::new(Inner {
            http,
            credentials,
            project,
            endpoint: address,
            storage: endpoint(&endpoints.storage_endpoint, "https://storage.googleapis.com"),
            logging: endpoint(&endpoints.logging_endpoint, "https://logging.googleapis.com"),
            resource_manager: endpoint(&endpoints.resource_manager_endpoint, "https://cloudresourcemanager.googleapis.com"),
            roles: access.roles,
            identity,
        });
        Ok(Self(inner, None))
    }

    /// The same client in a run, in whose recording its questions and their answers are; the bytes of files are not.
    #[must_use]
    pub fn during(self, context: &Context) -> Self {
        Self(self.0, Some(context.clone()))
    }

    pub fn project(&self) -> &str {
        &self.0.project
    }

    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// The same for all clients that would get the same answers.
    pub fn identity(&self) -> &str {
        &self.0.identity
    }

    /// The account that the runner itself is, when its key says so.
    pub fn account(&self) -> Option<String> {
        self.0.credentials.account()
    }

    async fn send(
        &self,
        what: &str,
        build: impl Fn(&reqwest::Client) -> Result<RequestBuilder, Error> + Send + Sync,
    ) -> Result<Response, Error> {
        http::send(self, &self.0.http, what, build).await
    }

    /// A request and its answer, both JSON.
    pub async fn json(&self, what: &str, method: Method, url: &str, body: Option<&Value>) -> Result<Value, Error> {
        let ask = || self.ask(what, method.clone(), url, body);
        match &self.1 {
            Some(context) => context.outside(&(method.as_str(), url, body), ask).await,
            None => ask().await,
        }
    }

    async fn ask(&self, what: &str, method: Method, url: &str, body: Option<&Value>) -> Result<Value, Error> {
        let build = |http: &reqwest::Client| {
            let request = http.request(method.clone(), url).timeout(http::SHORT);
            Ok(match body {
                Some(body) => request.header("content-type", "application/json").body(body.to_string()),
                None => request,
            })
        };
        let response = self.send(what, build).await?;
        http::json(self, what, response).await
    }
}

impl Service for Client {
    async fn sign(&self, mut request: Request, again: bool) -> Result<Request, Error> {
        if let Some(token) = self.0.credentials.token(again).await? {
            let value = format!("Bearer {token}").parse().map_err(|_| auth::invalid("the token holds characters that no header may"))?;
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    fn refused(&self, what: &str, status: StatusCode, _: &HeaderMap, body: &str) -> Error {
        let message = serde_json::from_str::<Value>(body)
            .ok()
            .and_then(|answer| answer.pointer("/error/message").and_then(Value::as_str).map(str::to_owned))
            .unwrap_or_else(|| body.chars().take(300).collect());
        let message = format!("while {what} Google answered {}: {}", status.as_u16(), message.trim());
        let (kind, code, help) = match status {
            StatusCode::UNAUTHORIZED => (ErrorKind::User, "google::unauthorized", "check `serviceAccount`, or the credentials of the host"),
            StatusCode::FORBIDDEN => {
                return Error::user("google::forbidden", message).with_help(format!("the runner's account needs {}", self.0.roles));
            }
            StatusCode::NOT_FOUND => (ErrorKind::Environment, "google::not_found", "check `projectId`, `region` and `bucket`"),
            StatusCode::CONFLICT => (ErrorKind::Task, "google::exists", "another job has this name"),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                (ErrorKind::Environment, "google::overloaded", "a quota of the project may be used up")
            }
            status if status.is_server_error() => (ErrorKind::Environment, "google::overloaded", "try again later"),
            _ => (ErrorKind::User, "google::refused", "check the properties of the task runner"),
        };
        Error::new(kind, code, message).with_help(help)
    }

    fn unreachable(&self, what: &str, why: &str) -> Error {
        Error::environment("google::unreachable", format!("while {what}: {why}")).with_help("check the host's network and proxy settings")
    }

    fn unexpected(&self, what: &str, why: &str) -> Error {
        Error::environment("google::unexpected_answer", format!("while {what}: {why}"))
            .with_help("check what answers at the configured endpoints; a proxy may stand between")
    }
}

/// Whether an error says that something is not there.
pub fn is_missing(error: &Error) -> bool {
    error.code == "google::not_found"
}

/// Whether an error says that the same request may be answered later.
pub fn is_passing(error: &Error) -> bool {
    matches!(error.code.as_str(), "google::unreachable" | "google::overloaded")
}
