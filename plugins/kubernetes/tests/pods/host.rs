//! A host that keeps everything it is told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use switchyard_plugin_api::{BoxFuture, CancelReason, Cancellation, Context, Error, Event, HostContext, Level, LogStream, Phase};
use tokio::sync::watch;

/// The fake host of one run.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    logs: Mutex<[Vec<u8>; 2]>,
    times: Mutex<Vec<i64>>,
    events: Mutex<Vec<Event>>,
    checkpoints: Mutex<Vec<Value>>,
    /// Moves whenever anything was told.
    news: watch::Sender<u64>,
    cancellation: watch::Sender<Option<Cancellation>>,
    /// Bytes of output that the host says it has, when it says so.
    has: Option<(u64, u64)>,
}

impl Host {
    pub fn new() -> Self {
        Self::with_logs(None)
    }

    /// A host that has so many bytes of each stream already.
    pub fn with_logs(has: Option<(u64, u64)>) -> Self {
        Self(Arc::new(Inner {
            logs: Mutex::default(),
            times: Mutex::default(),
            events: Mutex::default(),
            checkpoints: Mutex::default(),
            news: watch::Sender::new(0),
            cancellation: watch::Sender::new(None),
            has,
        }))
    }

    pub fn context(&self) -> Context {
        Context::new(Arc::new(self.clone()))
    }

    pub fn cancel(&self, reason: CancelReason, grace: Duration) {
        let grace_ms = grace.as_millis().try_into().unwrap();
        self.0.cancellation.send_replace(Some(Cancellation { reason, grace_ms }));
    }

    pub fn bytes(&self, stream: LogStream) -> Vec<u8> {
        self.0.logs.lock().unwrap()[usize::from(stream == LogStream::Stderr)].clone()
    }

    pub fn stdout(&self) -> String {
        String::from_utf8(self.bytes(LogStream::Stdout)).unwrap()
    }

    /// Times of the pieces of output, in the order in which they came.
    pub fn times(&self) -> Vec<i64> {
        self.0.times.lock().unwrap().clone()
    }

    pub fn phases(&self) -> Vec<Phase> {
        let events = self.0.events.lock().unwrap();
        events.iter().filter_map(|e| if let Event::Phase { phase } = e { Some(*phase) } else { None }).collect()
    }

    pub fn warnings(&self) -> Vec<String> {
        self.messages(Level::Warn)
    }

    pub fn messages(&self, wanted: Level) -> Vec<String> {
        let events = self.0.events.lock().unwrap();
        events
            .iter()
            .filter_map(|e| match e {
                Event::Message { level, message } if *level == wanted => Some(message.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn detail(&self, name: &str) -> Option<Value> {
        let events = self.0.events.lock().unwrap();
        events.iter().rev().find_map(|e| if let Event::Details { details } = e { details.get(name).cloned() } else { None })
    }

    pub fn checkpoints(&self) -> Vec<Value> {
        self.0.checkpoints.lock().unwrap().clone()
    }

    /// Waits until the host was told something that makes this true.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let mut news = self.0.news.subscribe();
        let wait = async {
            while !holds(self) {
                news.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(120), wait).await.unwrap_or_else(|_| panic!("waited in vain for: {what}"));
    }

    fn moved(&self) {
        self.0.news.send_modify(|n| *n += 1);
    }
}

impl HostContext for Host {
    fn try_write_log(&self, stream: LogStream, time: i64, bytes: &[u8]) -> bool {
        self.0.times.lock().unwrap().push(time);
        self.0.logs.lock().unwrap()[usize::from(stream == LogStream::Stderr)].extend_from_slice(bytes);
        self.moved();
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }

    fn notify(&self, event: Event) {
        self.0.events.lock().unwrap().push(event);
        self.moved();
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        let answer = match (service, self.0.has) {
            ("checkpoint", _) => {
                self.0.checkpoints.lock().unwrap().push(payload);
                self.moved();
                Ok(Value::Null)
            }
            ("log_position", Some((stdout, stderr))) => Ok(json!({ "stdout": stdout, "stderr": stderr })),
            _ => Err(Error::plugin("host::unknown_service", service)),
        };
        Box::pin(std::future::ready(answer))
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        let mut asked = self.0.cancellation.subscribe();
        Box::pin(async move {
            match asked.wait_for(Option::is_some).await.map(|c| *c) {
                Ok(Some(cancellation)) => cancellation,
                _ => std::future::pending().await,
            }
        })
    }

    fn cancellation(&self) -> Option<Cancellation> {
        *self.0.cancellation.borrow()
    }
}
