//! The engine: finding it, and asking it for things.

mod endpoint;
mod owners;
mod probe;
mod ssh;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error as EngineError,
    models::{ContainerInspectResponse, ContainerSummary},
    query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder},
};

use tokio::time::sleep;

pub use endpoint::{Candidate, Endpoint, candidates};

use self::{owners::Owners, probe::Found, ssh::Tunnel};
use crate::{
    error::{Failure, Tried},
    pull::Pulls,
    surroundings::Surroundings,
};

/// How long a single answer may take. Following a container is not one answer.
const PATIENCE: u64 = 300;

/// How often, and how many times, a state is asked for again that is about to pass.
const MOMENT: Duration = Duration::from_millis(50);
const MOMENTS: u32 = 200;

/// A connected engine; shared by all runs of the process.
pub struct Engine {
    /// The client. Every request is a connection of its own.
    pub docker: Docker,
    /// Where it listens.
    pub endpoint: String,
    /// Who named the endpoint.
    pub source: String,
    /// Pulls that are under way.
    pub pulls: Pulls,
    /// Whom images run as.
    pub owners: Owners,
    lacks_init: AtomicBool,
    /// The way to it, when it is on another machine.
    _tunnel: Option<Tunnel>,
    /// It is Podman, which prepares a container when it is attached to.
    pub podman: bool,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("endpoint", &self.endpoint).field("source", &self.source).finish_non_exhaustive()
    }
}

/// Engines by the `host` property.
static CONNECTED: Mutex<Option<HashMap<String, Arc<Engine>>>> = Mutex::new(None);

impl Engine {
    /// Finds the engine for this `host` property; once found, it is remembered.
    pub async fn find(host: Option<&str>) -> Result<Arc<Self>, Failure> {
        let key = host.unwrap_or_default().to_owned();
        let known = CONNECTED.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|map| map.get(&key).cloned());
        if let Some(engine) = known {
            return Ok(engine);
        }
        let around = Surroundings::of_process();
        let engine = Arc::new(Self::first(candidates(host, &around)?, &around).await?);
        tracing::debug!(endpoint = %engine.endpoint, source = %engine.source, "using this Docker engine");
        // Somebody else may have found it meanwhile. All share one, and with it the pulls that are under way.
        let mut connected = CONNECTED.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(connected.get_or_insert_default().entry(key).or_insert(engine).clone())
    }

    async fn first(candidates: Vec<Candidate>, around: &Surroundings) -> Result<Self, Failure> {
        let mut tried = Vec::new();
        for Candidate { endpoint, source } in candidates {
            match probe::probe(&endpoint, around).await {
                Ok(Found { docker, tunnel, podman }) => {
                    return Ok(Self {
                        podman,
                        _tunnel: tunnel,
                        docker: docker.with_timeout(Duration::from_secs(PATIENCE)),
                        endpoint: endpoint.to_string(),
                        source,
                        pulls: Pulls::default(),
                        owners: Owners::default(),
                        lacks_init: AtomicBool::new(false),
                    });
                }
                Err(reason) => tried.push(Tried { endpoint: endpoint.to_string(), source, reason }),
            }
        }
        // Sockets of products that are not installed would only hide the one that matters.
        if tried.iter().any(|t| t.reason != probe::ABSENT) {
            tried.retain(|t| t.reason != probe::ABSENT);
        }
        Err(Failure::Unreachable { tried })
    }

    /// Forgets the engine, so that the next run looks for one again.
    fn forget(&self) {
        if let Some(map) = CONNECTED.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            map.retain(|_, engine| engine.endpoint != self.endpoint);
        }
    }

    /// Whether the engine is known to lack its init program.
    pub fn lacks_init(&self) -> bool {
        self.lacks_init.load(Ordering::Relaxed)
    }

    /// Remembers that the engine lacks its init program.
    pub fn note_lack_of_init(&self) {
        self.lacks_init.store(true, Ordering::Relaxed);
    }

    /// A container's state. Podman has one more than the protocol: `stopped`, for the moment before it is `exited`.
    pub async fn inspect(&self, container: &str) -> Result<ContainerInspectResponse, EngineError> {
        let mut tries = 0;
        loop {
            match self.docker.inspect_container(container, None::<InspectContainerOptions>).await {
                Err(error) if tries < MOMENTS && is_passing(&error) => tries += 1,
                result => return result,
            }
            sleep(MOMENT).await;
        }
    }

    /// Containers with a label, in whatever state.
    pub async fn list(&self, label: String) -> Result<Vec<ContainerSummary>, EngineError> {
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let mut tries = 0;
        loop {
            match self.docker.list_containers(Some(options.clone())).await {
                Err(error) if tries < MOMENTS && is_passing(&error) => tries += 1,
                result => return result,
            }
            sleep(MOMENT).await;
        }
    }

    /// A client whose answers may take longer.
    pub fn patient(&self, more: Duration) -> Docker {
        self.docker.clone().with_timeout(Duration::from_secs(PATIENCE) + more)
    }

    /// Names what went wrong.
    pub fn failure(&self, doing: &str, error: EngineError) -> Failure {
        let endpoint = self.endpoint.clone();
        let doing = doing.to_owned();
        match error {
            EngineError::DockerResponseServerError { message, .. } if message.contains("no space left on device") => {
                Failure::NoSpace { endpoint, doing, message }
            }
            EngineError::DockerResponseServerError { status_code, message } => {
                Failure::Refused { endpoint, doing, status: status_code, message: message.trim().to_owned() }
            }
            other => {
                if is_connect_error(&other) {
                    self.forget();
                }
                Failure::Lost { endpoint, doing, reason: chain(&other) }
            }
        }
    }
}

/// HTTP status of an engine's refusal.
pub fn status(error: &EngineError) -> Option<u16> {
    match error {
        EngineError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Podman's state between running and exited, which the protocol does not know.
fn is_passing(error: &EngineError) -> bool {
    chain(error).contains("unknown variant `stopped`")
}

fn is_connect_error(error: &EngineError) -> bool {
    matches!(error, EngineError::HyperLegacyError { err } if err.is_connect())
}

/// An error with its causes, each said once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let part = inner.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = inner.source();
    }
    text
}

/// A client for an endpoint; does not connect yet.
fn client(endpoint: &Endpoint, seconds: u64) -> Result<Docker, EngineError> {
    match endpoint {
        Endpoint::Unix(path) => Docker::connect_with_unix(&path.display().to_string(), seconds, API_DEFAULT_VERSION),
        Endpoint::Http(host) => Docker::connect_with_http(host, seconds, API_DEFAULT_VERSION),
        Endpoint::Https { host, certificates } => {
            // Another one may be installed already; either will do.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let file = |name: &str| certificates.join(name);
            Docker::connect_with_ssl(host, &file("key.pem"), &file("cert.pem"), &file("ca.pem"), seconds, API_DEFAULT_VERSION)
        }
        // Its tunnel is a socket here.
        Endpoint::Ssh(_) => Err(EngineError::UnsupportedURISchemeError { uri: endpoint.to_string() }),
    }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod endpoint_tests;
