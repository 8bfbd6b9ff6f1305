//! One attempt of one task in the hands of a runner: from its slot to its outputs.

mod archives;
mod backlog;
mod cancel;
mod conclusion;
mod context;
mod files;
mod kv;
mod log;
mod log_file;
mod outputs;
mod plan;
mod staging;

use std::{sync::Arc, time::Duration};

use switchyard_model::{JsonMap, Level, State, TaskRun};
use switchyard_plugin_api::{Attached, CancelReason, Component, Context, DynTask, ErrorKind, Phase, Placement, TaskRequest};
use switchyard_store::workdir::WorkDir;
use tokio::sync::{mpsc, oneshot};

pub use cancel::Cancel;
pub use log::TaskLog;
pub use log_file::LogFile;
pub(crate) use outputs::store;
pub(crate) use staging::place;

use self::{
    conclusion::{Finished, failed},
    context::{AttemptContext, Shareable},
};
use crate::{
    actor::Message,
    core::{Event, RunIx, TaskEnd},
    engine::Shared,
    patience,
    recording::Tape,
    recovery::Trace,
    script::Prepared,
};

/// How long a recorded attempt waits for what its runner would create.
const PREVIEW_PATIENCE: Duration = Duration::from_secs(2);

/// An attempt that is ready to run.
pub struct Attempt {
    shared: Arc<Shared>,
    prepared: Prepared,
    task: Arc<dyn DynTask>,
    task_type: String,
    /// The host runs the plan; otherwise the task does its work itself.
    planned: bool,
    timeout: Option<Duration>,
    log: TaskLog,
    cancel: Cancel,
    /// An earlier host had begun it.
    left: Option<Left>,
    /// Takes down what crosses the boundary.
    tape: Option<Tape>,
}

/// An attempt that an earlier host had begun.
pub struct Left {
    pub trace: Trace,
    /// How long it has been running.
    pub elapsed: Duration,
}

/// What an attempt leaves on this machine. It may go once the attempt's end is durable.
#[derive(Default)]
pub struct Leftovers {
    directory: Option<(WorkDir, bool)>,
    /// Names the checkpoint in the journal; absent when there is none.
    pub key: Option<String>,
    /// Names what the keeper has of it.
    kept: Option<String>,
}

impl Attempt {
    pub(crate) fn new(
        shared: Arc<Shared>,
        mut prepared: Prepared,
        task: Arc<dyn DynTask>,
        component: &Component,
        timeout: Option<Duration>,
        log: TaskLog,
    ) -> Self {
        // Not part of what a task asks for: a preview is the same on every host.
        prepared.request.task.labels.insert(crate::instance::LABEL.to_owned(), shared.instance.clone());
        let (planned, task_type) = (component.planned, component.type_name.clone());
        Self { shared, prepared, task, task_type, planned, timeout, log, cancel: Cancel::default(), left: None, tape: None }
    }

    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// The same attempt, which an earlier host had begun.
    #[must_use]
    pub fn left(mut self, left: Left) -> Self {
        self.left = Some(left);
        self
    }

    /// The same attempt, taken down.
    #[must_use]
    pub(crate) fn recorded(mut self, tape: Option<Tape>) -> Self {
        self.tape = tape;
        self
    }

    /// Whether the work can go on without the host.
    pub fn outlives_host(&self) -> bool {
        self.planned && self.prepared.runner_component.capabilities.reattach
    }

    /// What makes its result.
    pub fn fingerprint(&self) -> String {
        self.prepared.fingerprint()
    }

    /// Whether the work is on a system that other hosts reach too.
    pub fn is_distant(&self) -> bool {
        self.prepared.runner_component.capabilities.placement == Placement::Remote
    }

    /// Runs to the end and reports it. Never dropped half-way.
    pub async fn run(mut self, run: RunIx, outbox: mpsc::UnboundedSender<Message>) {
        let left = self.left.take();
        if let Some(left) = &left
            && let Some(ended) = self.take_up(left).await
        {
            self.stop_recording(ended.as_ref());
            let message = match ended {
                Some((end, leftovers)) => Message::Ended { run, end, leftovers },
                None => Message::Detached { run },
            };
            let _ = outbox.send(message);
            return;
        }
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
        if !self.begun(run, &outbox).await {
            let _ = outbox.send(Message::Detached { run });
            return;
        }
        let (shared, log, task) = (Arc::clone(&self.shared), self.log.clone(), self.prepared.request.task.clone());
        let mut ended = match self.cancel.current().map(|asked| asked.reason) {
            Some(CancelReason::Detach) => None,
            Some(_) => Some((TaskEnd::state(State::Killed), Leftovers::default())),
            None => self.work().await,
        };
        self.stop_recording(ended.as_ref());
        if let Some((end, _)) = &mut ended {
            end.log_file = log.store_file(&shared, &task).await;
        }
        drop(slot);
        let _ = outbox.send(match ended {
            Some((end, leftovers)) => Message::Ended { run, end, leftovers },
            None => Message::Detached { run },
        });
    }

    /// Tells that it begins. Nothing may begin that the journal does not know of; `false` when it cannot be told.
    async fn begun(&self, run: RunIx, outbox: &mpsc::UnboundedSender<Message>) -> bool {
        if !self.shared.durable {
            return outbox.send(Message::Event(Event::Started { run })).is_ok();
        }
        let (durable, told) = oneshot::channel();
        outbox.send(Message::Started { run, durable }).is_ok() && told.await.is_ok()
    }

    /// Looks for the work that an earlier host left. `None`: there is none, and it has to be submitted. `Some(None)`: it goes on
    /// without this host too.
    async fn take_up(&mut self, left: &Left) -> Option<Option<(TaskEnd, Leftovers)>> {
        let name = directory_name(&self.prepared);
        let directory = self.shared.work_dirs.at(&name).ok()?;
        let reattach = self.prepared.runner_component.capabilities.reattach;
        let mut begun = !reattach;
        if let Some(keeper) = &self.shared.keeper {
            keeper.claim(&self.prepared.request.task.key);
        }
        if self.planned {
            let key = self.prepared.request.task.key.clone();
            let checkpoint = match self.shared.journal.checkpoint(&key).await {
                Ok(bytes) => bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
                Err(error) => {
                    tracing::error!(%key, %error, "the checkpoint of a task cannot be read");
                    None
                }
            };
            begun |= checkpoint.is_some();
            let context = self.context(&directory, Some(left.trace.clone()));
            self.open_recording();
            let handle = Context::new(Arc::new(Shareable(Arc::clone(&context))));
            let attach = self.prepared.runner.attach(self.prepared.request.clone(), checkpoint, handle);
            let remaining = self.timeout.map(|timeout| timeout.saturating_sub(left.elapsed));
            match self.timed(attach, remaining).await {
                Ok(Attached::Gone) => context.abandon(),
                Ok(Attached::Ended { outcome }) => {
                    left.trace.found();
                    return Some(self.finished(Finished::Script(Ok(outcome)), &context, &directory).await);
                }
                Err(error) => {
                    left.trace.lost();
                    return Some(self.finished(Finished::Script(Err(error)), &context, &directory).await);
                }
            }
        }
        if self.cancel.current().is_some_and(|asked| asked.reason == CancelReason::Kill) {
            left.trace.lost();
            return Some(Some((TaskEnd::state(State::Killed), self.leftovers(&directory, false, true))));
        }
        left.trace.submitted(begun);
        if begun {
            let why = if reattach { "its work is gone" } else { "its runner cannot find work again" };
            self.log.message(Level::Warn, &format!("The host was restarted while this attempt ran, and {why}: it runs again"));
        }
        // What was staged for it may be half of what it needs.
        if !self.prepared.request.files.shared
            && directory.path().exists()
            && let Err(error) = directory.remove()
        {
            tracing::warn!(path = %directory.path().display(), %error, "a working directory could not be removed");
        }
        None
    }

    async fn work(&mut self) -> Option<(TaskEnd, Leftovers)> {
        let directory = match staging::stage(&self.shared, &mut self.prepared, &self.log).await {
            Ok(directory) => directory,
            Err(error) => {
                self.log.error(&error);
                return Some((failed(JsonMap::new()), Leftovers::default()));
            }
        };
        self.record_begin().await;
        let context = self.context(&directory, None);
        let finished = self.follow(&context).await;
        self.finished(finished, &context, &directory).await
    }

    fn open_recording(&self) {
        if let Some(tape) = &self.tape {
            let types = [self.task_type.as_str(), self.prepared.runner_type.as_str()];
            tape.begin(tape.header(&self.shared.registry, &types), self.log.masker());
        }
    }

    /// Besides what happens anyway a recording holds the files, and what the runner would create: the one thing of a runner that can
    /// be compared without the system that it speaks to.
    async fn record_begin(&self) {
        let Some(tape) = &self.tape else { return };
        self.open_recording();
        tape.files(&self.prepared.request).await;
        if self.planned {
            let preview = self.prepared.runner.preview(self.prepared.request.clone());
            let _ = tokio::time::timeout(PREVIEW_PATIENCE, preview).await;
        }
    }

    fn stop_recording(&self, ended: Option<&(TaskEnd, Leftovers)>) {
        if let Some(tape) = &self.tape {
            tape.end(ended.and_then(|(end, _)| end.state));
        }
    }

    fn context(&self, directory: &WorkDir, trace: Option<Trace>) -> Arc<AttemptContext> {
        AttemptContext::new(Arc::clone(&self.shared), self.log.clone(), self.cancel.clone(), &self.prepared, directory, trace)
    }

    /// Takes what the work left; `None` when it goes on without the host.
    async fn finished(&self, finished: Finished, context: &AttemptContext, directory: &WorkDir) -> Option<(TaskEnd, Leftovers)> {
        let asked = self.cancel.current().map(|asked| asked.reason);
        let stays = matches!(&finished, Finished::Script(Ok(outcome)) if outcome.detached);
        if asked == Some(CancelReason::Detach)
            && (stays || matches!(&finished, Finished::Script(Err(error)) if error.kind == ErrorKind::Cancelled))
        {
            context.abandon();
            return None;
        }
        // What ended by itself on this machine is gone; what was stopped, or runs elsewhere, may still be at work.
        let clean = asked.is_none() && matches!(&finished, Finished::Script(Ok(_)));
        let mut capture = context.close();
        let metrics = std::mem::take(&mut capture.metrics);
        let mut end = self.conclude(finished, capture, directory).await;
        // Whatever became of the task: what it measured was measured.
        end.metrics = metrics;
        let mut leftovers = self.leftovers(directory, clean, context.checkpointed());
        if !self.shared.durable {
            leftovers.release(&self.shared);
        }
        Some((end, leftovers))
    }

    fn leftovers(&self, directory: &WorkDir, clean: bool, keyed: bool) -> Leftovers {
        Leftovers {
            directory: (!self.prepared.request.files.shared).then(|| (directory.clone(), clean)),
            key: keyed.then(|| self.prepared.request.task.key.clone()),
            kept: self.shared.keeper.is_some().then(|| self.prepared.request.task.key.clone()),
        }
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
        tokio::select! {
            finished = self.timed(work, self.timeout) => finished,
            error = patience::overdue(&self.cancel, self.prepared.runner_component.capabilities.placement) => {
                self.log.error(&error);
                Finished::Script(Err(error))
            }
        }
    }

    /// Asks the work to end when its time is up.
    async fn timed<T>(&self, work: impl Future<Output = T>, time: Option<Duration>) -> T {
        let mut work = std::pin::pin!(work);
        let Some(time) = time else { return work.await };
        tokio::select! {
            finished = &mut work => finished,
            () = tokio::time::sleep(time) => {
                self.cancel.request(CancelReason::Timeout, self.shared.grace);
                work.await
            }
        }
    }
}

/// `00:00:02.000`.
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, duration.subsec_millis())
}

impl Leftovers {
    /// Gives the directory back, and what is kept of the process.
    pub fn release(&mut self, shared: &Shared) {
        if let Some((key, keeper)) = self.kept.take().zip(shared.keeper.as_ref()) {
            keeper.forget(&key);
        }
        if let Some((directory, clean)) = self.directory.take()
            && let Err(error) = shared.work_dirs.release(&directory, clean)
        {
            tracing::warn!(path = %directory.path().display(), %error, "a working directory could not be removed");
        }
    }
}

fn directory_name(prepared: &Prepared) -> String {
    prepared.request.files.working_dir.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned()
}

/// Names the working directory of an attempt.
pub fn directory_id(run: &TaskRun, attempt: usize) -> String {
    format!("{}-{attempt}", run.id)
}
