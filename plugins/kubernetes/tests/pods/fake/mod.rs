//! An API server with a kubelet that runs containers as processes of this machine, below a directory that takes the place of `/kestra`.

mod exec;
mod kubelet;
mod routes;
mod store;
mod streams;

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body_util::combinators::BoxBody;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::setup::{Setup, with};
use store::State;

type Body = BoxBody<Bytes, io::Error>;
type Answer = Result<Response<Body>, io::Error>;

/// What happens in the place of the usual.
#[derive(Clone)]
pub enum Instead {
    /// Status, reason, message.
    Refuse(u16, &'static str, String),
    /// Status 429 with so many seconds.
    Busy(u64),
    /// It is done, but nobody hears of it.
    LoseAnswer,
    /// The connection ends without a word.
    Break,
}

pub struct Rule {
    what: &'static str,
    times: u32,
    instead: Instead,
}

/// The server; it ends with the value.
pub struct Fake {
    pub state: Arc<State>,
    port: u16,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
pub struct Settings {
    pub protocol: &'static str,
    /// The first stream of a log breaks after so many bytes, the next after twice as many, and so on.
    pub log_bytes: usize,
    /// It does not break there, but ends as if that were all.
    pub log_ends_early: bool,
    /// Containers are not run: they end at once, with their command as output.
    pub instant: bool,
    /// Containers are not run: the test says what becomes of them.
    pub manual: bool,
    /// How far the node's clock is ahead of ours, in seconds.
    pub skew: i64,
    /// What a webhook of the cluster makes of a pod.
    pub inject: Option<fn(&mut Value)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            protocol: "v5.channel.k8s.io",
            log_bytes: usize::MAX,
            log_ends_early: false,
            instant: false,
            manual: false,
            skew: 0,
            inject: None,
        }
    }
}

impl Fake {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let state = Arc::new(State::new(settings));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(routes::serve(listener, state.clone()));
        Self { state, port, serving }
    }

    pub fn setup(&self, command: &str, properties: Value) -> Setup {
        let config = json!({ "config": { "masterUrl": format!("http://127.0.0.1:{}", self.port), "oauthToken": "t", "watchReconnectInterval": "PT0.05S" } });
        Setup::new(command, with(config, properties))
    }

    /// Something else for the next so many requests whose line contains this.
    pub fn instead(&self, what: &'static str, times: u32, instead: Instead) {
        self.state.rules.lock().unwrap().push(Rule { what, times, instead });
    }

    pub fn refuse(&self, what: &'static str, times: u32, status: u16, reason: &'static str, message: &str) {
        self.instead(what, times, Instead::Refuse(status, reason, message.to_owned()));
    }

    /// Request lines so far: `POST /api/v1/…`.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.requests().iter().filter(|line| line.contains(what)).count()
    }

    pub fn pods(&self) -> Vec<Value> {
        self.state.pods.lock().unwrap().values().cloned().collect()
    }

    pub fn add(&self, pod: Value) {
        self.state.put("ADDED", pod);
    }

    /// What the kubelet says of the only pod, merged into it.
    pub fn status(&self, news: &Value) {
        let pod = self.pods().remove(0);
        self.state.change(pod["metadata"]["name"].as_str().unwrap(), |pod| merge(pod, news));
    }

    /// A line of the log of the only pod.
    pub fn say(&self, line: &str) {
        let pod = self.pods().remove(0);
        self.state.say(pod["metadata"]["name"].as_str().unwrap(), format!("{line}\n").into_bytes());
    }

    /// Waits for a change that makes this true.
    pub async fn until(&self, holds: impl Fn() -> bool) {
        let mut news = self.state.news.subscribe();
        while !holds() {
            news.changed().await.unwrap();
        }
    }

    /// What somebody has asked to go goes.
    pub fn delete_all_marked(&self) {
        for pod in self.pods().iter().filter(|pod| pod["metadata"].get("deletionTimestamp").is_some()) {
            self.state.remove(pod["metadata"]["name"].as_str().unwrap());
        }
    }

    pub fn delete_all(&self) {
        for pod in self.pods() {
            self.state.remove(pod["metadata"]["name"].as_str().unwrap());
        }
    }

    /// Breaks every stream and connection.
    pub fn cut(&self) {
        self.state.cut.send_modify(|n| *n += 1);
    }

    /// A watch that comes back has missed too much.
    pub fn forget(&self) {
        self.state.forgotten.store(self.state.version.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Nobody answers for a while.
    pub async fn restart(&mut self, pause: Duration) {
        self.serving.abort();
        self.cut();
        tokio::time::sleep(pause).await;
        let listener = loop {
            match TcpListener::bind(("127.0.0.1", self.port)).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        self.serving = tokio::spawn(routes::serve(listener, self.state.clone()));
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
        for (_, work) in self.state.work.lock().unwrap().drain() {
            work.abort();
        }
    }
}

/// Maps by key, everything else as a whole.
fn merge(base: &mut Value, news: &Value) {
    match (base, news) {
        (Value::Object(base), Value::Object(news)) => {
            for (name, value) in news {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, news) => *base = news.clone(),
    }
}
