//! Calls into a library under the eyes of the watchdog.

use std::sync::Arc;

use serde_json::Value;
use switchyard_plugin_api::{
    Attached, BoxFuture, Context, DynTask, DynTaskRunner, Error, Files, Health, Outcome, Paths, Plan, PlanContext, Preview, Problem,
    RunRequest, TaskOutcome, TaskRequest,
};

use crate::watch::Watch;

pub(crate) struct Timed<T: ?Sized> {
    pub inner: Arc<T>,
    pub watch: Arc<Watch>,
    pub plugin: Arc<str>,
}

impl<T: ?Sized> Timed<T> {
    fn timed<R>(&self, what: &'static str, call: impl FnOnce(&T) -> Result<R, Error>) -> Result<R, Error> {
        let entry = self.watch.enter(&self.plugin, what);
        let result = call(&self.inner);
        drop(entry);
        result.inspect_err(|error| self.watch.failed(&self.plugin, &error.code))
    }

    fn begun<R: Send + 'static>(
        &self,
        what: &'static str,
        call: impl FnOnce(&T) -> BoxFuture<Result<R, Error>>,
    ) -> BoxFuture<Result<R, Error>> {
        let entry = self.watch.enter(&self.plugin, what);
        let work = call(&self.inner);
        drop(entry);
        let (watch, plugin) = (Arc::clone(&self.watch), Arc::clone(&self.plugin));
        Box::pin(async move { work.await.inspect_err(|error| watch.failed(&plugin, &error.code)) })
    }
}

impl DynTaskRunner for Timed<dyn DynTaskRunner> {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.timed("validate", |runner| runner.validate(properties))
    }

    fn paths(&self, properties: &Value, files: &Files) -> Result<Paths, Error> {
        self.timed("paths", |runner| runner.paths(properties, files))
    }

    fn preview(&self, request: RunRequest) -> BoxFuture<Result<Preview, Error>> {
        self.begun("preview", |runner| runner.preview(request))
    }

    fn run(&self, request: RunRequest, context: Context) -> BoxFuture<Result<Outcome, Error>> {
        self.begun("run", |runner| runner.run(request, context))
    }

    fn attach(&self, request: RunRequest, checkpoint: Option<Value>, context: Context) -> BoxFuture<Result<Attached, Error>> {
        self.begun("attach", |runner| runner.attach(request, checkpoint, context))
    }

    fn health(&self, properties: Value) -> BoxFuture<Result<Health, Error>> {
        self.begun("health", |runner| runner.health(properties))
    }
}

impl DynTask for Timed<dyn DynTask> {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.timed("validate", |task| task.validate(properties))
    }

    fn plan(&self, properties: &Value, context: &PlanContext) -> Result<Plan, Error> {
        self.timed("plan", |task| task.plan(properties, context))
    }

    fn run(&self, request: TaskRequest, context: Context) -> BoxFuture<Result<TaskOutcome, Error>> {
        self.begun("run", |task| task.run(request, context))
    }
}
