//! `switchyard doctor`: whether each task runner could run something now.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use switchyard_engine::{Engine, Loaded, Submission, TaskPreview, load, patience};
use switchyard_plugin_api::{ComponentKind, Error, Health};

use super::{print, print_json, run as running};
use crate::{
    arguments::{Doctor, Format, Globals},
    exit::Exit,
    failure::Failure,
    host::Host,
    scratch::Scratch,
    screen::{Progress, Screen},
};

/// What a runner answered.
struct Answer {
    runner: String,
    /// The first task of a flow that uses it like this.
    task: Option<String>,
    health: Result<Health, Error>,
}

impl Answer {
    fn is_good(&self) -> bool {
        self.health.as_ref().is_ok_and(|health| health.ok)
    }

    fn message(&self) -> String {
        match &self.health {
            Ok(health) => health.message.clone(),
            Err(error) => error.to_string(),
        }
    }
}

pub fn run(globals: &Globals, command: &Doctor) -> Result<Exit, Failure> {
    let mut host = Host::open(globals)?;
    let loaded = match &command.flow {
        Some(flow) => {
            let loaded = host.load(flow).map_err(|violations| Failure::findings(violations, host.sources.clone()))?;
            if loaded.violations.has_errors() {
                return Err(host.failure(loaded.violations));
            }
            Some(loaded)
        }
        None => every_runner(&mut host, &command.namespace),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, "cli::threads", format!("threads cannot be started: {error}")))?;
    let answers = runtime.block_on(async {
        match loaded {
            Some(loaded) => of_flow(globals, command, &host, loaded).await,
            None => Ok(without_defaults(&host).await),
        }
    });
    // A thread of a plugin that blocks must not keep the program.
    runtime.shutdown_background();
    let answers = answers?;
    show(globals, command, &answers)?;
    Ok(if answers.iter().all(Answer::is_good) { Exit::Success } else { Exit::Failed })
}

/// A flow with one task for each runner, so that defaults reach them as they do in every other flow.
fn every_runner(host: &mut Host, namespace: &str) -> Option<Loaded> {
    let mut text = format!("id: doctor\nnamespace: {}\ntasks:\n", Json::from(namespace));
    for (number, runner) in runners(host).into_iter().enumerate() {
        text.push_str(&format!(
            "  - {{id: runner{number}, type: io.kestra.plugin.scripts.shell.Commands, containerImage: busybox, commands: [\"true\"], \
             taskRunner: {{type: {runner}}}}}\n"
        ));
    }
    let loaded = load::bytes_of("doctor", text.as_bytes(), &host.registry, &host.config, &mut host.sources).ok()?;
    (!loaded.violations.has_errors()).then_some(loaded)
}

fn runners(host: &Host) -> Vec<String> {
    let runners = host.registry.types().filter(|(kind, _)| *kind == ComponentKind::TaskRunner);
    runners.map(|(_, name)| name.to_owned()).collect()
}

async fn of_flow(globals: &Globals, command: &Doctor, host: &Host, loaded: Loaded) -> Result<Vec<Answer>, Failure> {
    let Some(flow) = loaded.program.clone() else { return Ok(Vec::new()) };
    let scratch = Scratch::new(None);
    let progress = Arc::new(Progress::new(globals, true, true));
    let options = running::options(host, &scratch, false, None)?;
    let engine = Engine::start(options, host.registry.clone(), progress).map_err(|error| running::failed(&error))?;
    let submission = match &command.flow {
        Some(_) => running::submission(&command.inputs, &[], &loaded)?,
        None => Submission::default(),
    };
    let tasks = engine.examine(&flow, submission).await.map_err(|refused| running::refusal(refused, host))?;
    let mut answers: Vec<Answer> = Vec::new();
    let mut asked: Vec<(Option<String>, Json)> = Vec::new();
    for TaskPreview { task_id, runner_type, runner_properties, health, .. } in tasks {
        let Some(health) = health else { continue };
        // The same runner with the same properties says the same.
        let question = (runner_type, runner_properties);
        if asked.contains(&question) {
            continue;
        }
        let runner = question.0.clone().unwrap_or_else(|| "no task runner".to_owned());
        asked.push(question);
        answers.push(Answer { runner, task: command.flow.as_ref().map(|_| task_id.to_string()), health });
    }
    Ok(answers)
}

/// Without script tasks no default can reach a runner.
async fn without_defaults(host: &Host) -> Vec<Answer> {
    let mut answers = Vec::new();
    for runner in runners(host) {
        let health = match host.registry.runner(&runner) {
            Ok(found) => patience::answered("health", found.health(json!({}))).await,
            Err(error) => Err(error.into()),
        };
        answers.push(Answer { runner, task: None, health });
    }
    answers
}

fn show(globals: &Globals, command: &Doctor, answers: &[Answer]) -> Result<(), Failure> {
    if command.format == Format::Json {
        let document = |answer: &Answer| {
            let facts = answer.health.as_ref().map(|health| health.facts.clone()).unwrap_or_default();
            json!({ "runner": answer.runner, "task": answer.task, "ok": answer.is_good(), "message": answer.message(), "facts": facts })
        };
        return print_json(&answers.iter().map(document).collect::<Vec<_>>());
    }
    let palette = Screen::stdout(globals.color).palette;
    let mut text = String::new();
    for answer in answers {
        let mark = if answer.is_good() { palette.good("ok  ").to_string() } else { palette.bad("fail").to_string() };
        let task = answer.task.as_ref().map(|task| format!(" (task {task})")).unwrap_or_default();
        text.push_str(&format!("{mark} {}{}\n     {}\n", palette.name(&answer.runner), palette.dim(task), answer.message()));
        for (name, value) in answer.health.iter().flat_map(|health| &health.facts) {
            for line in lines(value) {
                text.push_str(&format!("     {} {line}\n", palette.dim(format!("{name}:"))));
            }
        }
    }
    print(text.as_bytes())
}

fn lines(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(lines).collect(),
        other => vec![other.to_string()],
    }
}
