//! What a component may ask of the host while it works.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{BoxFuture, Error, Event, FollowedPlan, Level, LogStream, Metric, MetricKind, Outcome, Phase, Plan, Progress};

/// Why the host asks work to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelReason {
    /// The user killed the execution.
    Kill,
    /// The task's time limit has passed.
    Timeout,
    /// The host stops and will attach again: leave the work running and return [`Outcome::detached`]. Only asked of runners
    /// that declare `reattach`.
    Detach,
}

/// A request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// Why.
    pub reason: CancelReason,
    /// How long the work may take to end by itself, in milliseconds, before it is killed.
    pub grace_ms: u64,
}

impl Cancellation {
    /// How long the work may take to end by itself before it is killed.
    pub fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }
}

/// The host's side of a [`Context`]. Plugins do not implement it, except as a fake in tests.
pub trait HostContext: Send + Sync {
    /// Takes bytes of the task's output if there is room; `false` means: wait for [`HostContext::log_ready`] and offer them again.
    /// `time` is Unix time in nanoseconds, or 0 for "now".
    fn try_write_log(&self, stream: LogStream, time: i64, bytes: &[u8]) -> bool;
    /// Resolves when there is room again.
    fn log_ready(&self) -> BoxFuture<()>;
    /// Takes an event; never blocks.
    fn notify(&self, event: Event);
    /// Asks the host for a service by name. Unknown services answer with the code `host::unknown_service`.
    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>>;
    /// Resolves when the work is asked to end.
    fn cancelled(&self) -> BoxFuture<Cancellation>;
    /// Whether it has been asked already.
    fn cancellation(&self) -> Option<Cancellation>;
}

/// A component's handle on its run. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<dyn HostContext>);

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("cancellation", &self.cancellation()).finish()
    }
}

impl Context {
    /// Wraps the host's side.
    pub fn new(host: Arc<dyn HostContext>) -> Self {
        Self(host)
    }

    /// The host's side.
    pub fn host(&self) -> &Arc<dyn HostContext> {
        &self.0
    }

    /// Writes bytes of the task's output, in order, waiting while the host has no room: this is the back-pressure that keeps
    /// memory bounded. Chunks may end anywhere, also inside a line or a character; large chunks are cheaper.
    pub async fn write_log(&self, stream: LogStream, bytes: &[u8]) {
        self.write_log_at(stream, 0, bytes).await;
    }

    /// Like [`Context::write_log`], with the time the bytes were really written (Unix time in nanoseconds).
    pub async fn write_log_at(&self, stream: LogStream, time: i64, bytes: &[u8]) {
        while !self.0.try_write_log(stream, time, bytes) {
            self.0.log_ready().await;
        }
    }

    /// Adds a message of the component itself to the task's log.
    pub fn message(&self, level: Level, message: impl Into<String>) {
        self.0.notify(Event::Message { level, message: message.into() });
    }

    /// Says that a new phase begins now.
    pub fn phase(&self, phase: Phase) {
        self.0.notify(Event::Phase { phase });
    }

    /// Says how far the current phase is.
    pub fn progress(&self, progress: Progress) {
        self.0.notify(Event::Progress(progress));
    }

    /// Adds to a counter.
    pub fn counter(&self, name: impl Into<String>, value: f64) {
        self.0.notify(Event::Metric(Metric { name: name.into(), kind: MetricKind::Counter, value, tags: Default::default() }));
    }

    /// Reports any event.
    pub fn notify(&self, event: Event) {
        self.0.notify(event);
    }

    /// Reports a fact early, such as the container id; it ends in `outputs.<task>.taskRunner`.
    pub fn detail(&self, name: impl Into<String>, value: impl Into<Value>) {
        let details = std::iter::once((name.into(), value.into())).collect();
        self.0.notify(Event::Details { details });
    }

    /// Stores what is needed to find this work again. It is durable when this returns; the latest one is given to
    /// [`crate::TaskRunner::attach`] after a restart of the host.
    pub async fn checkpoint(&self, state: &impl Serialize) -> Result<(), Error> {
        let state = serde_json::to_value(state)
            .map_err(|e| Error::plugin("plugin::checkpoint_not_json", format!("the checkpoint cannot be written as JSON: {e}")))?;
        self.0.call("checkpoint", state).await.map(drop)
    }

    /// Resolves when the work is asked to end; then end it within [`Cancellation::grace`].
    pub async fn cancelled(&self) -> Cancellation {
        self.0.cancelled().await
    }

    /// Whether the work has been asked to end.
    pub fn cancellation(&self) -> Option<Cancellation> {
        self.0.cancellation()
    }

    /// Runs a plan on the runner that the user chose for this task. For [`crate::Task`]s only.
    pub async fn run_plan(&self, plan: &Plan) -> Result<Outcome, Error> {
        self.service("run_plan", &json!({ "plan": plan })).await
    }

    /// Like [`Context::run_plan`], but the output comes here line by line instead of going to the log.
    pub fn follow_plan(&self, plan: &Plan) -> FollowedPlan {
        FollowedPlan::start(self.clone(), plan)
    }

    /// The text of a file in the working directory; `None` when there is no such file. The host refuses names that lead out of it.
    pub async fn read_file(&self, path: &str) -> Result<Option<String>, Error> {
        self.service("read_file", &json!({ "path": path })).await
    }

    /// Writes a file below the working directory, readable by its owner alone if `private`. It is the task's own: it never becomes
    /// an output file of the user.
    pub async fn write_file(&self, path: &str, content: &str, private: bool) -> Result<(), Error> {
        self.service("write_file", &json!({ "path": path, "content": content, "private": private })).await
    }

    /// Keeps a file of the working directory in internal storage, under this name; answers its URI, or `None` when there is no such
    /// file.
    pub async fn store_file(&self, path: &str, name: &str) -> Result<Option<String>, Error> {
        self.service("store_file", &json!({ "path": path, "name": name })).await
    }

    /// A value of the KV store of a namespace; `None` when there is no such key.
    pub async fn kv_get(&self, namespace: &str, key: &str) -> Result<Option<Value>, Error> {
        self.service("kv_get", &json!({ "namespace": namespace, "key": key })).await
    }

    /// Puts a value into the KV store of a namespace.
    pub async fn kv_put(&self, namespace: &str, key: &str, value: &Value) -> Result<(), Error> {
        self.service("kv_put", &json!({ "namespace": namespace, "key": key, "value": value })).await
    }

    /// Asks the host for a service by name and decodes its answer.
    pub async fn service<T: DeserializeOwned>(&self, name: &str, payload: &impl Serialize) -> Result<T, Error> {
        let payload = serde_json::to_value(payload)
            .map_err(|e| Error::plugin("plugin::payload_not_json", format!("the payload for {name} cannot be written as JSON: {e}")))?;
        let answer = self.0.call(name, payload).await?;
        serde_json::from_value(answer)
            .map_err(|e| Error::plugin("plugin::unexpected_answer", format!("the host's answer to {name} has another shape: {e}")))
    }
}
