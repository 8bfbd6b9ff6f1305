//! Components whose calls are recorded, whatever they are and wherever they run.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, Entry, Line, context::RecordedContext};
use crate::{
    Attached, BoxFuture, ComponentKind, Context, DynTask, DynTaskRunner, Error, Files, Health, Outcome, Paths, Plan, PlanContext, Preview,
    Problem, RunRequest, TaskOutcome, TaskRequest,
};

/// Where lines go. Called on any thread, also on those of plugins; should not block for long.
pub trait Sink: Send + Sync {
    /// Takes a line.
    fn take(&self, line: Line);
}

/// Records the calls of one attempt. Cheap to clone.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    sink: Arc<dyn Sink>,
    began: Instant,
    calls: AtomicU64,
    services: AtomicU64,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("calls", &self.0.calls).finish_non_exhaustive()
    }
}

impl Recorder {
    /// A recorder that begins now.
    pub fn new(sink: Arc<dyn Sink>) -> Self {
        Self(Arc::new(Inner { sink, began: Instant::now(), calls: AtomicU64::new(1), services: AtomicU64::new(1) }))
    }

    /// Adds a line.
    pub fn put(&self, entry: Entry) {
        let at = u64::try_from(self.0.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.sink.take(Line { at, entry });
    }

    /// The same runner, whose calls are recorded.
    pub fn runner(&self, type_name: &str, runner: Arc<dyn DynTaskRunner>) -> Arc<dyn DynTaskRunner> {
        Arc::new(Recorded { recorder: self.clone(), kind: ComponentKind::TaskRunner, type_name: type_name.into(), inner: runner })
    }

    /// The same task, whose calls are recorded.
    pub fn task(&self, type_name: &str, task: Arc<dyn DynTask>) -> Arc<dyn DynTask> {
        Arc::new(Recorded { recorder: self.clone(), kind: ComponentKind::Task, type_name: type_name.into(), inner: task })
    }

    pub(super) fn next_service(&self) -> u64 {
        self.0.services.fetch_add(1, Ordering::Relaxed)
    }
}

struct Recorded<T: ?Sized> {
    recorder: Recorder,
    kind: ComponentKind,
    type_name: Arc<str>,
    inner: Arc<T>,
}

impl<T: ?Sized> Recorded<T> {
    fn begin(&self, method: &str, payload: &impl Serialize) -> u64 {
        let call = self.recorder.0.calls.fetch_add(1, Ordering::Relaxed);
        let payload = serde_json::to_value(payload).unwrap_or(Value::Null);
        let type_name = self.type_name.to_string();
        self.recorder.put(Entry::Call { call, component: self.kind, type_name, method: method.to_owned(), payload });
        call
    }

    fn now<R: Serialize>(&self, method: &str, payload: &impl Serialize, work: impl FnOnce(&T) -> Result<R, Error>) -> Result<R, Error> {
        let call = self.begin(method, payload);
        let result = work(&self.inner);
        self.recorder.put(Entry::Reply { call, result: Answer::of(&result) });
        result
    }

    /// The context of a call, whose every word is recorded.
    fn heard(&self, call: u64, inner: Context) -> Context {
        Context::new(Arc::new(RecordedContext::new(inner, self.recorder.clone(), call)))
    }

    fn later<R: Serialize + Send + 'static>(&self, call: u64, work: BoxFuture<Result<R, Error>>) -> BoxFuture<Result<R, Error>> {
        let recorder = self.recorder.clone();
        Box::pin(async move {
            let result = work.await;
            recorder.put(Entry::Reply { call, result: Answer::of(&result) });
            result
        })
    }
}

impl DynTaskRunner for Recorded<dyn DynTaskRunner> {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.now("validate", properties, |runner| runner.validate(properties))
    }

    fn paths(&self, properties: &Value, files: &Files) -> Result<Paths, Error> {
        self.now("paths", &json!({ "properties": properties, "files": files }), |runner| runner.paths(properties, files))
    }

    fn preview(&self, request: RunRequest) -> BoxFuture<Result<Preview, Error>> {
        let call = self.begin("preview", &request);
        self.later(call, self.inner.preview(request))
    }

    fn run(&self, request: RunRequest, context: Context) -> BoxFuture<Result<Outcome, Error>> {
        let call = self.begin("run", &request);
        self.later(call, self.inner.run(request, self.heard(call, context)))
    }

    fn attach(&self, request: RunRequest, checkpoint: Option<Value>, context: Context) -> BoxFuture<Result<Attached, Error>> {
        let call = self.begin("attach", &json!({ "request": request, "checkpoint": checkpoint }));
        self.later(call, self.inner.attach(request, checkpoint, self.heard(call, context)))
    }

    fn health(&self, properties: Value) -> BoxFuture<Result<Health, Error>> {
        let call = self.begin("health", &properties);
        self.later(call, self.inner.health(properties))
    }
}

impl DynTask for Recorded<dyn DynTask> {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.now("validate", properties, |task| task.validate(properties))
    }

    fn plan(&self, properties: &Value, context: &PlanContext) -> Result<Plan, Error> {
        self.now("plan", &json!({ "properties": properties, "context": context }), |task| task.plan(properties, context))
    }

    fn run(&self, request: TaskRequest, context: Context) -> BoxFuture<Result<TaskOutcome, Error>> {
        let call = self.begin("run", &request);
        self.later(call, self.inner.run(request, self.heard(call, context)))
    }
}
