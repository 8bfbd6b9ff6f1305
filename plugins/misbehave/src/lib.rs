//! A runner that commits every crime a plugin can commit, on request: at run time by its property `crime`, at load time by the
//! environment variable `SWITCHYARD_MISBEHAVE`. The host's tests show that it survives, or explains, each of them.

mod crime;
mod load;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use switchyard_plugin_api::prelude::{
    Capabilities, Command, Context, Description, Error, Files, Health, LogStream, Outcome, Paths, Preview, Problem, RunRequest, TaskRunner,
};
use switchyard_plugin_api::serde_json::Value;
use switchyard_plugin_api::{Attached, Plan, PlanContext, Task, TaskOutcome, TaskRequest};

pub use crime::Crime;
pub use load::{LoadCrime, VARIABLE};

/// What the runner is asked to do wrong.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Properties {
    /// Which crime to commit.
    pub crime: Crime,
    /// How long it blocks or waits.
    pub millis: u64,
    /// How many bytes it writes or takes.
    pub bytes: usize,
}

impl JsonSchema for Properties {
    fn schema_name() -> Cow<'static, str> {
        "Misbehave".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kind = if load::is_asked(LoadCrime::BadSchema) { "nonsense" } else { "object" };
        json_schema!({
            "type": kind,
            "properties": {
                "crime": { "type": "string", "description": "Which crime to commit.", "enum": Crime::NAMES },
                "millis": { "type": "integer", "minimum": 0 },
                "bytes": { "type": "integer", "minimum": 0 }
            },
            "additionalProperties": false
        })
    }
}

/// The runner.
pub struct Misbehave;

impl Default for Misbehave {
    fn default() -> Self {
        load::commit(load::Place::Init);
        Self
    }
}

impl TaskRunner for Misbehave {
    type Properties = Properties;
    const TYPE: &'static str = "dev.switchyard.test.Misbehave";

    fn describe(&self) -> Description {
        Description::new("Commits crimes on request.")
            .docs("For the tests of the host. Never install it where real work is done.")
            .alias("dev.switchyard.test.MisbehaveTaskRunner")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { preview: true, reattach: true, ..Capabilities::default() }
    }

    fn validate(&self, properties: &Properties) -> Vec<Problem> {
        match properties.crime {
            Crime::PanicInValidate => panic!("validate panics"),
            Crime::BlockInValidate => crime::block(properties.millis),
            _ => {}
        }
        Vec::new()
    }

    fn paths(&self, properties: &Properties, files: &Files) -> Paths {
        if properties.crime == Crime::PanicInPaths {
            panic!("paths panics");
        }
        Paths::local(files)
    }

    async fn preview(&self, request: RunRequest<Properties>) -> Result<Preview, Error> {
        if request.properties.crime == Crime::PanicInPreview {
            panic!("preview panics");
        }
        let Command { argv, .. } = request.command;
        Ok(Preview { kind: "crime".into(), document: argv.into(), notes: Vec::new() })
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        crime::commit(&request.properties, &context).await
    }

    async fn attach(&self, request: RunRequest<Properties>, checkpoint: Option<Value>, _: Context) -> Result<Attached, Error> {
        if request.properties.crime == Crime::SegfaultTwice {
            crime::segfault();
        }
        Ok(checkpoint.map_or(Attached::Gone, |state| Attached::Ended { outcome: Outcome::exited(0).detail("found", state) }))
    }

    async fn health(&self, properties: Properties) -> Result<Health, Error> {
        crime::block(if properties.crime == Crime::BlockRuntime { properties.millis } else { 0 });
        Ok(Health { ok: true, message: "as bad as ever".into(), ..Health::default() })
    }
}

/// A task with crimes of its own.
#[derive(Default)]
pub struct MisbehavingTask;

impl Task for MisbehavingTask {
    type Properties = Properties;
    const TYPE: &'static str = "dev.switchyard.test.MisbehavingTask";

    fn describe(&self) -> Description {
        Description::new("Commits crimes on request, as a task.")
    }

    fn plan(&self, properties: &Properties, _: &PlanContext) -> Result<Plan, Error> {
        if properties.crime == Crime::PanicInPlan {
            panic!("plan panics");
        }
        Ok(Plan { argv: vec!["true".into()], ..Plan::default() })
    }

    async fn run(&self, request: TaskRequest<Properties>, context: Context) -> Result<TaskOutcome, Error> {
        let outcome = crime::commit(&request.properties, &context).await?;
        context.write_log(LogStream::Stdout, b"done\n").await;
        Ok(TaskOutcome { outputs: outcome.details, ..TaskOutcome::default() })
    }
}

switchyard_plugin_api::export_plugin! {
    id: "misbehave",
    runners: [Misbehave],
    tasks: [MisbehavingTask],
}
