// A plugin as it was written against plugin API 1.0. Never change it: that it still builds, loads and works is what is promised.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchyard_plugin_api::{CancelReason, FileStrategy, LogStreams, Placement, TaskRef, prelude::*};

/// Properties of the frozen runner.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FrozenProperties {
    /// A word that is said first.
    #[serde(default)]
    word: String,
    /// How long to wait.
    #[serde(default)]
    pause: Option<IsoDuration>,
}

#[derive(Default)]
pub struct FrozenRunner;

impl TaskRunner for FrozenRunner {
    type Properties = FrozenProperties;
    const TYPE: &'static str = "dev.switchyard.test.Frozen";

    fn describe(&self) -> Description {
        Description::new("Says what it was asked to run.")
            .docs("As it was in 1.0.")
            .alias("dev.switchyard.test.FrozenTaskRunner")
            .icon("<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>")
            .example("One", "id: a")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            placement: Placement::Local,
            reattach: true,
            preview: true,
            file_strategies: vec![FileStrategy::Shared],
            log_streams: LogStreams::Separate,
            ..Capabilities::default()
        }
    }

    fn validate(&self, properties: &FrozenProperties) -> Vec<Problem> {
        let refused = properties.word == "refused";
        refused.then(|| Problem::new("/word", "this word is refused").with_help("write another")).into_iter().collect()
    }

    fn paths(&self, _: &FrozenProperties, files: &Files) -> Paths {
        Paths::local(files)
    }

    async fn preview(&self, request: RunRequest<FrozenProperties>) -> Result<Preview, Error> {
        Ok(Preview { kind: "frozen".into(), document: json!({ "argv": request.command.argv }), notes: vec!["a note".into()] })
    }

    async fn run(&self, request: RunRequest<FrozenProperties>, context: Context) -> Result<Outcome, Error> {
        let TaskRef { key, .. } = &request.task;
        context.phase(Phase::Starting);
        context.checkpoint(&BTreeMap::from([("key", key)])).await?;
        context.phase(Phase::Running);
        let Command { argv, .. } = &request.command;
        let line = format!("{} {}\n", request.properties.word, argv.join(" "));
        context.write_log(LogStream::Stdout, line.as_bytes()).await;
        context.write_log(LogStream::Stderr, b"\xff\n").await;
        context.message(Level::Info, "a message");
        context.counter("lines", 1.0);
        context.detail("place", "here");
        if request.properties.pause.is_some() {
            let asked = context.cancelled().await;
            if asked.reason == CancelReason::Detach {
                return Ok(Outcome::detached());
            }
            return Ok(Outcome::signalled(15).because(FailureReason::Killed, "asked to end"));
        }
        let answer = context.service::<Value>("a_service_of_tomorrow", &json!({})).await;
        let code = answer.err().map_or("served".to_owned(), |error| error.code);
        Ok(Outcome::exited(3).detail("tomorrow", code))
    }

    async fn attach(&self, _: RunRequest<FrozenProperties>, checkpoint: Option<Value>, _: Context) -> Result<Attached, Error> {
        match checkpoint {
            Some(state) => Ok(Attached::Ended { outcome: Outcome::exited(0).detail("key", state["key"].clone()) }),
            None => Ok(Attached::Gone),
        }
    }

    async fn health(&self, _: FrozenProperties) -> Result<Health, Error> {
        Ok(Health { ok: true, message: "as in 1.0".into(), ..Health::default() })
    }
}

#[derive(Default)]
pub struct FrozenTask;

impl Task for FrozenTask {
    type Properties = FrozenProperties;
    const TYPE: &'static str = "dev.switchyard.test.FrozenTask";

    fn describe(&self) -> Description {
        Description::new("Makes a plan.")
    }

    fn plan(&self, properties: &FrozenProperties, context: &PlanContext) -> Result<Plan, Error> {
        Ok(Plan { argv: vec!["echo".into(), properties.word.clone(), context.task.key.clone()], ..Plan::default() })
    }
}

switchyard_plugin_api::export_plugin! {
    id: "frozen",
    runners: [FrozenRunner],
    tasks: [FrozenTask],
}
