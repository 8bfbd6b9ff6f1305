//! Task runners: the trait authors implement, and its object-safe twin that the host uses.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Attached, BoxFuture, Capabilities, Component, ComponentKind, Context, Description, Error, Files, Health, Outcome, Paths, Preview,
    Problem, RunRequest, value,
};

/// Takes a finished command, files, environment and image, and runs it somewhere.
///
/// Inside a plugin every method runs on the plugin's own Tokio runtime, every panic becomes an [`Error`] of kind `plugin`.
/// A cancelled run is never dropped half-way: its [`Context`] asks it to end.
pub trait TaskRunner: Send + Sync + 'static {
    /// The properties below `taskRunner:`, apart from `type`. Field docs become schema descriptions.
    type Properties: DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// Canonical type name, such as `io.kestra.plugin.scripts.runner.docker.Docker`.
    const TYPE: &'static str;

    /// Title, docs, aliases, icon and examples.
    fn describe(&self) -> Description;

    /// What it can do; checked before a run.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Problems of literal properties that the schema cannot express. Called when a flow is checked; does no I/O.
    fn validate(&self, properties: &Self::Properties) -> Vec<Problem> {
        let _ = properties;
        Vec::new()
    }

    /// Paths as the command will see them. Called before the command is rendered; does no I/O.
    fn paths(&self, properties: &Self::Properties, files: &Files) -> Paths {
        let _ = properties;
        Paths::local(files)
    }

    /// The exact object that [`TaskRunner::run`] would create. Creates nothing.
    fn preview(&self, request: RunRequest<Self::Properties>) -> impl Future<Output = Result<Preview, Error>> + Send {
        async move {
            Ok(Preview { kind: "command".into(), document: serde_json::to_value(&request.command).unwrap_or_default(), notes: Vec::new() })
        }
    }

    /// Runs the command to its end. A non-zero exit code is `Ok`.
    fn run(&self, request: RunRequest<Self::Properties>, context: Context) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// After a restart of the host: finds the work of this request by its last checkpoint or by its key, follows it to its end.
    fn attach(
        &self,
        request: RunRequest<Self::Properties>,
        checkpoint: Option<Value>,
        context: Context,
    ) -> impl Future<Output = Result<Attached, Error>> + Send {
        let _ = (request, checkpoint, context);
        async { Ok(Attached::Gone) }
    }

    /// Whether it could run something now, with these properties.
    fn health(&self, properties: Self::Properties) -> impl Future<Output = Result<Health, Error>> + Send {
        let _ = properties;
        async { Ok(Health { ok: true, message: "no outside system".into(), facts: Default::default() }) }
    }
}

/// A task runner with JSON properties: compiled in, loaded from a library, or running in another process.
pub trait DynTaskRunner: Send + Sync {
    /// See [`TaskRunner::validate`]; also fails when the properties do not fit the runner's type.
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error>;
    /// See [`TaskRunner::paths`].
    fn paths(&self, properties: &Value, files: &Files) -> Result<Paths, Error>;
    /// See [`TaskRunner::preview`].
    fn preview(&self, request: RunRequest) -> BoxFuture<Result<Preview, Error>>;
    /// See [`TaskRunner::run`].
    fn run(&self, request: RunRequest, context: Context) -> BoxFuture<Result<Outcome, Error>>;
    /// See [`TaskRunner::attach`].
    fn attach(&self, request: RunRequest, checkpoint: Option<Value>, context: Context) -> BoxFuture<Result<Attached, Error>>;
    /// See [`TaskRunner::health`].
    fn health(&self, properties: Value) -> BoxFuture<Result<Health, Error>>;
}

/// Makes a [`DynTaskRunner`] of a [`TaskRunner`].
pub struct TypedRunner<R>(Arc<R>);

impl<R: TaskRunner> TypedRunner<R> {
    /// Wraps a runner.
    pub fn new(runner: R) -> Self {
        Self(Arc::new(runner))
    }

    /// Its entry in the manifest.
    pub fn component(&self) -> Component {
        Component {
            kind: ComponentKind::TaskRunner,
            type_name: R::TYPE.to_owned(),
            description: self.0.describe(),
            schema: value::schema_of::<R::Properties>(),
            outputs: None,
            capabilities: self.0.capabilities(),
            planned: false,
        }
    }
}

impl<R: TaskRunner> DynTaskRunner for TypedRunner<R> {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        value::decode::<R::Properties>(R::TYPE, properties).map(|p| self.0.validate(&p))
    }

    fn paths(&self, properties: &Value, files: &Files) -> Result<Paths, Error> {
        value::decode::<R::Properties>(R::TYPE, properties).map(|p| self.0.paths(&p, files))
    }

    fn preview(&self, request: RunRequest) -> BoxFuture<Result<Preview, Error>> {
        let runner = self.0.clone();
        Box::pin(async move { runner.preview(request.map(|p| value::decode(R::TYPE, &p))?).await })
    }

    fn run(&self, request: RunRequest, context: Context) -> BoxFuture<Result<Outcome, Error>> {
        let runner = self.0.clone();
        Box::pin(async move { runner.run(request.map(|p| value::decode(R::TYPE, &p))?, context).await })
    }

    fn attach(&self, request: RunRequest, checkpoint: Option<Value>, context: Context) -> BoxFuture<Result<Attached, Error>> {
        let runner = self.0.clone();
        Box::pin(async move { runner.attach(request.map(|p| value::decode(R::TYPE, &p))?, checkpoint, context).await })
    }

    fn health(&self, properties: Value) -> BoxFuture<Result<Health, Error>> {
        let runner = self.0.clone();
        Box::pin(async move { runner.health(value::decode(R::TYPE, &properties)?).await })
    }
}
