//! The cluster: connecting, asking, watching. One per connection and process, shared by all runs.

mod connection;
mod in_cluster;
mod lines;
mod pace;
mod pem;
mod refusal;
mod strays;
mod watch;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body, client::Connection as WebSocket};
use serde_json::Value;
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore},
    time::{Instant, sleep, timeout},
};
use tracing::{
    instrument::{WithDispatch, WithSubscriber as _},
    subscriber::NoSubscriber,
};

pub use connection::{Connection, chain, hex};
pub use refusal::{Refusal, Trouble};
pub use watch::{Sight, Tracked, Watch};

use crate::{error::Failure, properties::Config};
use connection::Connected;
use pace::Pace;

/// How long one answer may take. Streams are not one answer.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the API may be away before a run is given up.
pub const ABSENCE: Duration = Duration::from_secs(600);
/// How long refused credentials are tried again: a rotated token may arrive late.
const REFUSED_CREDENTIALS: Duration = Duration::from_secs(60);
const CLUSTERS_KEPT: usize = 16;

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    /// The rule of an RBAC role that it needs.
    pub verb: &'static str,
    /// The resource of that rule.
    pub resource: &'static str,
    /// Where.
    pub namespace: String,
    /// What it is for: "… while {doing}".
    pub doing: &'static str,
    /// HTTP method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// JSON body, and its media type.
    pub body: Option<(Value, &'static str)>,
}

impl Call {
    /// A request about pods or what is below one.
    pub fn pods(verb: &'static str, resource: &'static str, namespace: &str, rest: &str, doing: &'static str) -> Self {
        let method = match verb {
            "create" => Method::POST,
            "delete" => Method::DELETE,
            "patch" => Method::PATCH,
            _ => Method::GET,
        };
        let path = format!("/api/v1/namespaces/{}/pods{rest}", escape(namespace));
        Self { verb, resource, namespace: namespace.to_owned(), doing, method, path, body: None }
    }

    /// With a JSON body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some((body, "application/json"));
        self
    }

    /// With a merge patch.
    #[must_use]
    pub fn patch(mut self, body: Value) -> Self {
        self.body = Some((body, "application/merge-patch+json"));
        self
    }
}

/// By namespace, and by host whose pods they see.
type Watches = HashMap<(String, Option<String>), Arc<Watch>>;

/// A cluster as one account sees it.
pub struct Cluster {
    connection: Connection,
    client: AsyncMutex<Held>,
    /// Address of the server.
    pub server: String,
    /// Where the configuration came from.
    pub source: &'static str,
    pace: Pace,
    places: Semaphore,
    watches: Mutex<Watches>,
    /// Pause before a broken watch is opened again.
    pub reconnect: Duration,
    /// Pause between pings.
    pub ping: Duration,
}

struct Held {
    client: Client,
    generation: u64,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("server", &self.server).field("source", &self.source).finish_non_exhaustive()
    }
}

/// Clusters by connection, the longest unused first.
static CLUSTERS: Mutex<Vec<(String, Arc<Cluster>)>> = Mutex::new(Vec::new());

impl Cluster {
    /// The cluster of this `config` property; once connected, it is remembered.
    pub async fn find(config: Option<&Config>) -> Result<Arc<Self>, Failure> {
        let connection = Connection::of(config);
        // What a client starts belongs to the runtime it was made on.
        let identity = format!("{} {}", connection.identity(), tokio::runtime::Handle::current().id());
        if let Some(known) = remembered(&identity, None) {
            return Ok(known);
        }
        let Connected { client, server, source } = connection.connect().await?;
        tracing::debug!(%server, source, "using this Kubernetes cluster");
        let count = |count: Option<crate::scalar::Count>| count.and_then(|c| usize::try_from(c.0).ok()).filter(|c| *c > 0);
        let places =
            [count(config.and_then(|c| c.max_concurrent_requests)), count(config.and_then(|c| c.max_concurrent_requests_per_host))];
        let cluster = Arc::new(Self {
            connection,
            client: AsyncMutex::new(Held { client, generation: 0 }),
            server,
            source,
            pace: Pace::new(config.and_then(|c| c.requests_per_second).map_or(50, |c| c.0)),
            places: Semaphore::new(places.into_iter().flatten().min().unwrap_or(64).min(10_000)),
            watches: Mutex::default(),
            reconnect: config.and_then(|c| c.watch_reconnect_interval).map_or(Duration::from_secs(1), |d| d.0),
            ping: config.and_then(|c| c.websocket_ping_interval).map_or(Duration::from_secs(15), |d| d.0.max(Duration::from_secs(1))),
        });
        Ok(remembered(&identity, Some(cluster.clone())).unwrap_or(cluster))
    }

    /// The watch of this host's pods in a namespace, open. Other hosts in it are not heard.
    pub async fn watch(self: &Arc<Self>, namespace: &str, instance: Option<&str>) -> Result<Arc<Watch>, Failure> {
        let watch = {
            let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (namespace.to_owned(), instance.map(str::to_owned));
            match watches.get(&key).filter(|w| !w.has_ended()) {
                Some(watch) => watch.clone(),
                None => {
                    let watch = Watch::start(self.clone(), namespace, instance);
                    watches.insert(key, watch.clone());
                    watch
                }
            }
        };
        watch.opened().await?;
        Ok(watch)
    }

    /// Asks once for something and again while that may help, for as long as `patience` says.
    pub async fn ask(&self, call: &Call, patience: Duration) -> Result<Bytes, Trouble> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(100);
        loop {
            let (client, generation) = self.client().await;
            let trouble = match self.once(&client, call).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            let left = patience.saturating_sub(started.elapsed());
            if left.is_zero() || !trouble.may_pass() {
                return Err(trouble);
            }
            if trouble.is_unauthorized() {
                if started.elapsed() > REFUSED_CREDENTIALS {
                    return Err(trouble);
                }
                self.refresh(generation).await;
            }
            tracing::debug!(doing = call.doing, trouble = %trouble, "asking again");
            let asked_for = trouble.retry_after().unwrap_or(pause);
            sleep(jitter(asked_for).min(left)).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Like [`Cluster::ask`] with the usual patience, for calls whose refusals need no distinction.
    pub async fn demand(&self, call: &Call) -> Result<Bytes, Failure> {
        self.ask(call, Duration::from_secs(60)).await.map_err(|trouble| self.failure(call, trouble))
    }

    async fn once(&self, client: &Client, call: &Call) -> Result<Bytes, Trouble> {
        self.pace.turn().await;
        // Closed never: the error has no meaning.
        let _place = self.places.acquire().await;
        let request = request(call)?;
        let answer = timeout(
            ANSWER,
            quiet(async {
                let response = client.send(request).await.map_err(|e| Trouble::Broken(chain(&e)))?;
                let (head, body) = self.accepted(response).await?.into_parts();
                drop(head);
                body.collect().await.map(http_body_util::Collected::to_bytes).map_err(|e| Trouble::Broken(chain(&e)))
            }),
        );
        answer.await.unwrap_or_else(|_| Err(Trouble::Broken(format!("no answer within {} s", ANSWER.as_secs()))))
    }

    /// Opens an endless answer; not tried again.
    pub async fn stream(&self, call: &Call) -> Result<Body, Trouble> {
        let (client, generation) = self.client().await;
        self.pace.turn().await;
        let request = request(call)?;
        let opened = timeout(
            ANSWER,
            quiet(async {
                let response = client.send(request).await.map_err(|e| Trouble::Broken(chain(&e)))?;
                self.accepted(response).await
            }),
        );
        let opened = opened.await.unwrap_or_else(|_| Err(Trouble::Broken(format!("no answer within {} s", ANSWER.as_secs()))));
        if opened.as_ref().is_err_and(Trouble::is_unauthorized) {
            self.refresh(generation).await;
        }
        opened.map(Response::into_body)
    }

    /// Opens a websocket; not tried again.
    pub async fn websocket(&self, call: &Call) -> Result<WebSocket, Trouble> {
        let (client, generation) = self.client().await;
        self.pace.turn().await;
        let request =
            Request::builder().method(Method::GET).uri(&call.path).body(Vec::new()).map_err(|e| Trouble::Broken(e.to_string()))?;
        let opened = match timeout(ANSWER, quiet(client.connect(request))).await {
            Ok(Ok(socket)) => Ok(socket),
            Ok(Err(kube::Error::Api(status))) => Err(Trouble::Refused(Refusal {
                status: status.code,
                reason: status.reason.clone(),
                message: status.message.clone(),
                retry_after: None,
            })),
            Ok(Err(error)) => Err(Trouble::Broken(chain(&error))),
            Err(_) => Err(Trouble::Broken(format!("no answer within {} s", ANSWER.as_secs()))),
        };
        if opened.as_ref().is_err_and(Trouble::is_unauthorized) {
            self.refresh(generation).await;
        }
        opened
    }

    /// What a trouble means for the run.
    pub fn failure(&self, call: &Call, trouble: Trouble) -> Failure {
        trouble.into_failure(&self.server, call)
    }

    async fn accepted(&self, response: Response<Body>) -> Result<Response<Body>, Trouble> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
        let retry_after = after.map(Duration::from_secs);
        if status == StatusCode::TOO_MANY_REQUESTS {
            // The server has too much to do: nobody of us asks before it wants to be asked.
            self.pace.hold(retry_after.unwrap_or(Duration::from_secs(1)));
        }
        let body = response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(Trouble::Refused(Refusal::read(status.as_u16(), &body, retry_after)))
    }

    async fn client(&self) -> (Client, u64) {
        let held = self.client.lock().await;
        let (client, generation) = (held.client.clone(), held.generation);
        let expired = client.valid_until().is_some_and(|until| until.duration_since(k8s_openapi::jiff::Timestamp::now()).as_secs() < 10);
        drop(held);
        if expired {
            self.refresh(generation).await;
            let held = self.client.lock().await;
            return (held.client.clone(), held.generation);
        }
        (client, generation)
    }

    /// Connects anew with credentials read anew, unless somebody else has done so meanwhile.
    async fn refresh(&self, generation: u64) {
        let mut held = self.client.lock().await;
        if held.generation != generation {
            return;
        }
        match self.connection.connect().await {
            Ok(connected) => {
                tracing::debug!(server = %self.server, "credentials were read again");
                *held = Held { client: connected.client, generation: generation + 1 };
            }
            Err(failure) => tracing::warn!(server = %self.server, %failure, "credentials cannot be read again"),
        }
    }
}

fn remembered(identity: &str, new: Option<Arc<Cluster>>) -> Option<Arc<Cluster>> {
    let mut clusters = CLUSTERS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = clusters.iter().position(|(i, _)| i == identity).map(|index| clusters.remove(index));
    let entry = known.or_else(|| new.map(|cluster| (identity.to_owned(), cluster)))?;
    let cluster = entry.1.clone();
    clusters.push(entry);
    if clusters.len() > CLUSTERS_KEPT {
        clusters.remove(0);
    }
    Some(cluster)
}

fn request(call: &Call) -> Result<Request<Body>, Trouble> {
    let mut request = Request::builder().method(call.method.clone()).uri(&call.path).header(header::ACCEPT, "application/json, */*");
    let body = match &call.body {
        Some((body, kind)) => {
            request = request.header(header::CONTENT_TYPE, *kind);
            Body::from(serde_json::to_vec(body).map_err(|e| Trouble::Broken(e.to_string()))?)
        }
        None => Body::empty(),
    };
    request.body(body).map_err(|e| Trouble::Broken(e.to_string()))
}

/// Up to a quarter more, so that many do not come back at the same moment.
pub fn jitter(pause: Duration) -> Duration {
    let noise = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    pause + pause.mul_f64(f64::from(noise % 1000) / 4000.0)
}

/// Leaves out what the client's libraries would tell on the way: whoever asks tells it, with what it was asked for, and only when it matters.
pub fn quiet<F: Future>(asking: F) -> WithDispatch<F> {
    asking.with_subscriber(NoSubscriber::new())
}

/// For a path or a query.
pub fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            escaped.push(byte.into());
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}
