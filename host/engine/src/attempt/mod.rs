//! One attempt of one task in the hands of a runner: from its slot to its outputs.

mod cancel;
mod context;
mod files;
mod log;
mod outputs;
mod plan;
mod staging;

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value as Json};
use switchyard_model::{JsonMap, Level, State, TaskRun};
use switchyard_plugin_api::{
    CancelReason, Context, DynTask, DynamicRun, DynamicState, Error, ErrorKind, FailureReason, Outcome, Phase, Placement, TaskOutcome,
    TaskRequest,
};
use switchyard_store::workdir::WorkDir;
use tokio::sync::mpsc;

pub use cancel::Cancel;
pub use log::TaskLog;
pub(crate) use outputs::store;
pub(crate) use staging::place;

use self::context::{AttemptContext, Shareable};
use crate::{
    actor::Message,
    core::{Event, Part, RunIx, TaskEnd},
    engine::Shared,
    script::Prepared,
};

/// An attempt that is ready to run.
pub struct Attempt {
    shared: Arc<Shared>,
    prepared: Prepared,
    task: Arc<dyn DynTask>,
    /// The host runs the plan; otherwise the task does its work itself.
    planned: bool,
    timeout: Option<Duration>,
    log: TaskLog,
    cancel: Cancel,
}

/// How the work ended, before its state is known.
enum Finished {
    Script(Result<Outcome, Error>),
    Task(Result<TaskOutcome, Error>),
}

impl Attempt {
    pub(crate) fn new(
        shared: Arc<Shared>,
        prepared: Prepared,
        task: Arc<dyn DynTask>,
        planned: bool,
        timeout: Option<Duration>,
        log: TaskLog,
    ) -> Self {
        Self { shared, prepared, task, planned, timeout, log, cancel: Cancel::default() }
    }

    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Runs to the end and reports it. Never dropped half-way.
    pub async fn run(self, run: RunIx, outbox: mpsc::UnboundedSender<Message>) {
        // Remote systems have their own queues; what runs here shares the machine.
        let local = self.prepared.runner_component.capabilities.placement != Placement::Remote;
        let slots = Arc::clone(&self.shared.slots);
        let slot = match Arc::clone(&slots).try_acquire_owned() {
            _ if !local => None,
            Ok(slot) => Some(slot),
            Err(_) => {
                self.log.phase(Phase::Queued);
                tokio::select! {
                    slot = slots.acquire_owned() => slot.ok(),
                    _ = self.cancel.requested() => None,
                }
            }
        };
        let _ = outbox.send(Message::Event(Event::Started { run }));
        let end = if self.cancel.current().is_some() { TaskEnd::state(State::Killed) } else { self.work().await };
        drop(slot);
        let _ = outbox.send(Message::Event(Event::Ended { run, end }));
    }

    async fn work(mut self) -> TaskEnd {
        let directory = match staging::stage(&self.shared, &mut self.prepared, &self.log).await {
            Ok(directory) => directory,
            Err(error) => {
                self.log.error(&error);
                return failed(JsonMap::new());
            }
        };
        let context = AttemptContext::new(Arc::clone(&self.shared), self.log.clone(), self.cancel.clone(), &self.prepared, &directory);
        let finished = self.follow(&context).await;
        // What ended by itself on this machine is gone; what was stopped, or runs elsewhere, may still be at work.
        let clean = self.cancel.current().is_none() && matches!(&finished, Finished::Script(Ok(_)));
        let mut capture = context.close();
        let metrics = std::mem::take(&mut capture.metrics);
        let mut end = self.conclude(finished, capture, &directory).await;
        // Whatever became of the task: what it measured was measured.
        end.metrics = metrics;
        if !self.prepared.request.files.shared {
            let path = directory.path().to_owned();
            if let Err(error) = self.shared.work_dirs.release(&directory, clean) {
                tracing::warn!(path = %path.display(), %error, "a working directory could not be removed");
            }
        }
        end
    }

    /// Runs the work; asks it to end when its time is up.
    async fn follow(&self, context: &Arc<AttemptContext>) -> Finished {
        let handle = Context::new(Arc::new(Shareable(Arc::clone(context))));
        let request = self.prepared.request.clone();
        let work = async {
            if self.planned {
                Finished::Script(self.prepared.runner.run(request, handle).await)
            } else {
                let request = TaskRequest {
                    task: request.task,
                    properties: self.prepared.properties.clone(),
                    config: self.shared.config.plugin(&[&self.prepared.plan.runner_type]),
                    files: request.files,
                    plan: self.prepared.plan.clone(),
                };
                Finished::Task(self.task.run(request, handle).await)
            }
        };
        let mut work = std::pin::pin!(work);
        let Some(timeout) = self.timeout else { return work.await };
        tokio::select! {
            finished = &mut work => finished,
            () = tokio::time::sleep(timeout) => {
                self.cancel.request(CancelReason::Timeout, self.shared.grace);
                work.await
            }
        }
    }

    async fn conclude(&self, finished: Finished, capture: context::Captured, directory: &WorkDir) -> TaskEnd {
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

fn failed(outputs: JsonMap) -> TaskEnd {
    TaskEnd { random: crate::random::unit(), ..TaskEnd::state(State::Failed).outputs(outputs) }
}

/// `00:00:02.000`.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, duration.subsec_millis())
}

/// Names the working directory of an attempt.
pub fn directory_id(run: &TaskRun, attempt: usize) -> String {
    format!("{}-{attempt}", run.id)
}
