//! Tasks: the trait authors implement, and its object-safe twin that the host uses.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{BoxFuture, Component, ComponentKind, Context, Description, Error, Files, Paths, Problem, TargetOs, TaskRef, value};

/// Properties that every task has, whatever its type. The host acts on them and keeps them from the task.
pub const COMMON_PROPERTIES: &[&str] = &[
    "id",
    "type",
    "description",
    "disabled",
    "timeout",
    "retry",
    "runIf",
    "when",
    "allowFailure",
    "allowWarning",
    "logLevel",
    "logToFile",
    "workerGroup",
    "workerSelector",
    "taskCache",
    "assets",
    "version",
    "pluginDefaultsRef",
];

/// A file that a plan needs in the working directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanFile {
    /// Path relative to the working directory.
    pub path: String,
    /// Its text.
    pub content: String,
    /// Whether it may be executed.
    #[serde(default)]
    pub executable: bool,
}

/// What a script task makes of its properties: everything the host needs to run it on whichever runner the user chose.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Plan {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables of the task. They win over the user's `env`, except with `user_env_wins`.
    pub env: BTreeMap<String, String>,
    /// The user's `env` wins over the task's own variables.
    pub user_env_wins: bool,
    /// Image for runners that need one, when the user named none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Files the task needs besides the user's. They are never collected as output files.
    pub files: Vec<PlanFile>,
    /// Glob patterns of files that the task itself wants to read after the run, so that a runner brings them back to the working
    /// directory. They are no output files of the user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<String>,
    /// Archives that the command makes once and finds again in later runs, wherever they run. An older host knows none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<Archive>,
}

/// A file that outlives the run that made it, for all tasks of the namespace with the same image. It is an offer: the command has to do
/// without it, and to check what it finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// What it is: a digest of everything it is made of. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Where it lies before the run, when there is one; relative to the working directory.
    pub found: String,
    /// Where the command puts a new one; it is kept when the run succeeds.
    pub made: String,
}

/// What a plan may depend on besides the properties.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanContext {
    /// Which attempt of which task.
    pub task: TaskRef,
    /// Paths as the command will see them.
    pub paths: Paths,
    /// Type name of the runner that will run the plan.
    pub runner_type: String,
    /// Whether the command runs in a container or elsewhere, not on the host itself.
    pub containerized: bool,
    /// Style of paths and line ends.
    pub target_os: TargetOs,
}

/// One run of a task that does its work itself, with its properties of type `P`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRequest<P = Value> {
    /// Which attempt of which task.
    pub task: TaskRef,
    /// The task's properties, rendered.
    pub properties: P,
    /// What the administrator configured for this task type, or null.
    #[serde(default)]
    pub config: Value,
    /// The task's files.
    pub files: Files,
    /// What a plan would be made for.
    #[serde(default)]
    pub plan: PlanContext,
}

/// The end of a task that does its work itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskOutcome {
    /// What later tasks read as `outputs.<task>`.
    pub outputs: Map<String, Value>,
    /// Ends the task in state WARNING instead of SUCCESS.
    pub warning: bool,
    /// Ends the task in state FAILED, with this message, keeping the outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Parts of the work that get task runs of their own below this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_runs: Vec<DynamicRun>,
}

/// A part of a task's work that people want to see by itself, such as one model of dbt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DynamicRun {
    /// Its name; it becomes the `taskId` of the task run.
    pub id: String,
    /// How it ended.
    pub state: DynamicState,
    /// When it began (RFC 3339); the end of the task when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// When it ended (RFC 3339); the end of the task when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Its outputs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
}

impl DynamicRun {
    /// A part that ended in a state.
    pub fn new(id: impl Into<String>, state: DynamicState) -> Self {
        Self { id: id.into(), state, started: None, ended: None, outputs: Map::new() }
    }
}

/// How a part of a task's work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DynamicState {
    /// It did what it should.
    Success,
    /// It did, with a warning.
    Warning,
    /// It failed.
    Failed,
    /// It had no turn.
    Skipped,
}

/// Turns its own properties into work.
///
/// Most tasks are *script tasks*: they implement [`Task::plan`], a pure function. Others implement [`Task::run`] and set
/// [`Task::PLANNED`] to `false`; through the context they can still run plans on the user's runner.
pub trait Task: Send + Sync + 'static {
    /// The task's properties. Field docs become schema descriptions.
    type Properties: DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// Canonical type name.
    const TYPE: &'static str;

    /// Whether the host may run [`Task::plan`] by itself, without [`Task::run`].
    const PLANNED: bool = true;

    /// Title, docs, aliases, icon and examples.
    fn describe(&self) -> Description;

    /// Problems of literal properties that the schema cannot express. Does no I/O.
    fn validate(&self, properties: &Self::Properties) -> Vec<Problem> {
        let _ = properties;
        Vec::new()
    }

    /// The command for these properties. Does no I/O.
    fn plan(&self, properties: &Self::Properties, context: &PlanContext) -> Result<Plan, Error> {
        let _ = (properties, context);
        Err(Error::plugin("plugin::no_plan", format!("{} does its work itself and has no plan", Self::TYPE)))
    }

    /// Does the work, for tasks with [`Task::PLANNED`]` = false`.
    fn run(&self, request: TaskRequest<Self::Properties>, context: Context) -> impl Future<Output = Result<TaskOutcome, Error>> + Send {
        async move {
            let outcome = context.run_plan(&self.plan(&request.properties, &request.plan)?).await?;
            let failure = (outcome.exit_code != 0).then(|| format!("Command failed with exit code {}", outcome.exit_code));
            Ok(TaskOutcome { failure, ..TaskOutcome::default() })
        }
    }
}

/// A task with JSON properties: compiled in, loaded from a library, or running in another process.
pub trait DynTask: Send + Sync {
    /// See [`Task::validate`]; also fails when the properties do not fit the task's type.
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error>;
    /// See [`Task::plan`].
    fn plan(&self, properties: &Value, context: &PlanContext) -> Result<Plan, Error>;
    /// See [`Task::run`].
    fn run(&self, request: TaskRequest, context: Context) -> BoxFuture<Result<TaskOutcome, Error>>;
}

/// Makes a [`DynTask`] of a [`Task`].
pub struct TypedTask<T>(Arc<T>);

impl<T: Task> TypedTask<T> {
    /// Wraps a task.
    pub fn new(task: T) -> Self {
        Self(Arc::new(task))
    }

    /// Its entry in the manifest.
    pub fn component(&self) -> Component {
        Component {
            kind: ComponentKind::Task,
            type_name: T::TYPE.to_owned(),
            description: self.0.describe(),
            schema: value::schema_of::<T::Properties>(),
            outputs: None,
            capabilities: Default::default(),
            planned: T::PLANNED,
        }
    }
}

impl<T: Task> DynTask for TypedTask<T> {
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        value::decode::<T::Properties>(T::TYPE, properties).map(|p| self.0.validate(&p))
    }

    fn plan(&self, properties: &Value, context: &PlanContext) -> Result<Plan, Error> {
        self.0.plan(&value::decode::<T::Properties>(T::TYPE, properties)?, context)
    }

    fn run(&self, request: TaskRequest, context: Context) -> BoxFuture<Result<TaskOutcome, Error>> {
        let task = self.0.clone();
        Box::pin(async move {
            let request = TaskRequest {
                properties: value::decode(T::TYPE, &request.properties)?,
                task: request.task,
                config: request.config,
                files: request.files,
                plan: request.plan,
            };
            task.run(request, context).await
        })
    }
}
