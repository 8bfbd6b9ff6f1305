//! What comes of an attempt: its state, outputs and files.

use serde_json::{Map, Value as Json};
use switchyard_model::{JsonMap, Level, State};
use switchyard_plugin_api::{CancelReason, DynamicRun, DynamicState, Error, ErrorKind, FailureReason, Outcome, Phase, TaskOutcome};
use switchyard_store::workdir::WorkDir;

use super::{Attempt, archives, clock, context, outputs};
use crate::core::{Part, TaskEnd};

/// How the work ended, before its state is known.
pub(super) enum Finished {
    Script(Result<Outcome, Error>),
    Task(Result<TaskOutcome, Error>),
}

fn part(run: DynamicRun) -> Part {
    let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let state = match run.state {
        DynamicState::Success => State::Success,
        DynamicState::Warning => State::Warning,
        DynamicState::Failed => State::Failed,
        DynamicState::Skipped => State::Skipped,
    };
    Part { id: run.id.into(), state, started: time(run.started), ended: time(run.ended), outputs: run.outputs }
}

fn script_outputs(exit_code: Option<i32>, capture: context::Captured, files: Map<String, Json>) -> JsonMap {
    let mut outputs = JsonMap::new();
    outputs.extend(exit_code.map(|code| ("exitCode".to_owned(), code.into())));
    outputs.insert("vars".into(), Json::Object(capture.vars));
    outputs.insert("outputFiles".into(), Json::Object(files));
    if !capture.details.is_empty() {
        outputs.insert("taskRunner".into(), Json::Object(capture.details));
    }
    outputs
}

pub(super) fn failed(outputs: JsonMap) -> TaskEnd {
    TaskEnd { random: crate::random::unit(), ..TaskEnd::state(State::Failed).outputs(outputs) }
}

impl Attempt {
    pub(super) async fn conclude(&self, finished: Finished, capture: context::Captured, directory: &WorkDir) -> TaskEnd {
        let reason = self.cancel.current().map(|cancellation| cancellation.reason);
        match reason {
            Some(CancelReason::Kill) => return TaskEnd::state(State::Killed),
            Some(CancelReason::Timeout) => {
                let timeout = self.timeout.unwrap_or_default();
                self.log.message(Level::Error, &format!("Timeout after {}", clock(timeout)));
                return failed(JsonMap::new());
            }
            Some(CancelReason::Detach) | None => {}
        }
        match finished {
            Finished::Script(Ok(outcome)) => self.script_end(outcome, capture, directory).await,
            Finished::Task(Ok(outcome)) => self.task_end(outcome, capture, directory).await,
            Finished::Script(Err(error)) | Finished::Task(Err(error)) => {
                self.log.error(&error);
                if error.kind == ErrorKind::Plugin {
                    tracing::error!(code = %error.code, message = %error.message, backtrace = error.backtrace.as_deref(), "a plugin failed");
                }
                let ran = self.planned || capture.plans.count > 0;
                failed(if ran { script_outputs(None, capture, Map::new()) } else { JsonMap::new() })
            }
        }
    }

    async fn script_end(&self, outcome: Outcome, mut capture: context::Captured, directory: &WorkDir) -> TaskEnd {
        self.log.phase(Phase::StagingOut);
        let mut ok = outcome.exit_code == 0;
        let files = match outputs::collect(&self.shared, &self.prepared, &[], directory, &self.log).await {
            Ok(files) => files,
            Err(error) => {
                self.log.error(&error);
                ok = false;
                Map::new()
            }
        };
        if outcome.exit_code != 0 {
            let why = match (&outcome.message, outcome.reason) {
                (Some(message), _) => format!(": {message}"),
                (None, Some(FailureReason::OutOfMemory)) => ": it ran out of memory".to_owned(),
                _ => String::new(),
            };
            self.log.message(Level::Error, &format!("Command failed with exit code {}{why}", outcome.exit_code));
        }
        capture.details.extend(outcome.details);
        if ok {
            archives::keep(&self.shared, &self.prepared, directory, &self.log).await;
        }
        let outputs = script_outputs(Some(outcome.exit_code), capture, files);
        self.log.phase(Phase::Done);
        if ok { TaskEnd::state(State::Success).outputs(outputs) } else { failed(outputs) }
    }

    /// A task that did its work itself. One that ran plans has what a script has, unless it says something else.
    async fn task_end(&self, outcome: TaskOutcome, mut capture: context::Captured, directory: &WorkDir) -> TaskEnd {
        let mut failure = outcome.failure;
        let mut outputs = outcome.outputs;
        self.log.phase(Phase::StagingOut);
        match outputs::collect(&self.shared, &self.prepared, &capture.plans.own, directory, &self.log).await {
            Ok(files) if files.is_empty() => {}
            Ok(files) => {
                if let Json::Object(all) = outputs.entry("outputFiles").or_insert_with(|| Json::Object(Map::new())) {
                    for (name, uri) in files {
                        all.entry(name).or_insert(uri);
                    }
                }
            }
            Err(error) => {
                self.log.error(&error);
                failure = failure.or_else(|| Some("its output files could not be kept".into()));
            }
        }
        if let Some(last) = capture.plans.last.take() {
            capture.details.extend(last.details);
            for (name, value) in script_outputs(Some(last.exit_code), capture, Map::new()) {
                outputs.entry(name).or_insert(value);
            }
        } else if !capture.vars.is_empty() {
            outputs.entry("vars").or_insert(Json::Object(capture.vars));
        }
        self.log.phase(Phase::Done);
        let end = match failure {
            Some(failure) => {
                self.log.message(Level::Error, &failure);
                failed(outputs)
            }
            None => TaskEnd::state(if outcome.warning { State::Warning } else { State::Success }).outputs(outputs),
        };
        TaskEnd { parts: outcome.task_runs.into_iter().map(part).collect(), ..end }
    }
}
