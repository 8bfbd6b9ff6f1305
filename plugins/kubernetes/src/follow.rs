//! Following a pod from its creation to its end: start, output, exit, files, the host's wish to end it, and a cluster that goes away for a while.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use switchyard_plugin_api::{CancelReason, Cancellation, prelude::*};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};

use crate::{
    checkpoint::Checkpoint,
    cleanup::Remains,
    cluster::{Sight, Tracked},
    error::Failure,
    logs::{Ended, Log, Position},
    outcome,
    pod::MAIN,
    run::Run,
    staging::takes_files,
    start::Starting,
    state,
};

/// How often the position in the output is made durable while it moves.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);
/// How long the last output of a pod that goes is waited for.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How long a node may be silent before its pods are given up; the cluster itself waits five minutes.
const NODE_SILENCE: Duration = Duration::from_secs(420);
/// How long a deletion may take beyond its grace.
const BEYOND_GRACE: Duration = Duration::from_secs(30);

/// How following ended.
#[derive(Debug)]
pub enum End {
    /// The command has ended.
    Ended(Outcome),
    /// The host goes, the pod stays.
    Detached,
}

/// What stands between a wait and its purpose.
pub enum Interruption {
    /// The host goes.
    Detached,
    /// The host wants the end.
    Asked,
    /// It cannot go on.
    Failed(Failure),
}

impl From<Failure> for Interruption {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A created pod that is followed.
pub struct Following<'a> {
    pub(crate) run: &'a Run,
    pub(crate) remains: Remains,
    pub(crate) tracked: Tracked,
    pub(crate) checkpoint: Checkpoint,
    position: Mutex<Position>,
    known: u64,
}

/// Why the command will not end by itself any more.
struct Doom {
    failure: Failure,
    until: Instant,
}

/// A deletion that was asked for.
struct Stopping {
    cancellation: Cancellation,
    until: Instant,
    task: JoinHandle<()>,
}

impl Drop for Stopping {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<'a> Following<'a> {
    /// Of this pod; `known` bytes behind the checkpoint's position are at the host already.
    pub fn new(run: &'a Run, remains: Remains, tracked: Tracked, checkpoint: Checkpoint, known: u64) -> Self {
        let position = Mutex::new(checkpoint.position);
        Self { run, remains, tracked, checkpoint, position, known }
    }

    /// Follows to the end.
    pub async fn finish(&mut self) -> Result<End, Failure> {
        match self.start().await {
            Ok(()) => {}
            Err(Interruption::Detached) => {
                self.save().await;
                return Ok(End::Detached);
            }
            // Nothing has run yet, and nothing will: the caller deletes the pod.
            Err(Interruption::Asked) => return Err(Failure::Cancelled),
            Err(Interruption::Failed(failure)) => return Err(failure),
        }
        self.run.context.phase(Phase::Running);
        if self.checkpoint.running_since == 0 {
            self.checkpoint.running_since = now();
        }
        let Some((pod, outcome, cancelled)) = self.running().await? else {
            self.save().await;
            return Ok(End::Detached);
        };
        if cancelled {
            return Ok(End::Ended(outcome));
        }
        let context = self.run.context.clone();
        let asked = tokio::select! {
            fetched = self.fetch(&pod, outcome.exit_code == 0) => {
                fetched?;
                return Ok(End::Ended(outcome));
            }
            asked = context.cancelled() => asked,
        };
        if asked.reason == CancelReason::Detach {
            self.save().await;
            return Ok(End::Detached);
        }
        Ok(End::Ended(killed(&pod, asked)))
    }

    async fn start(&mut self) -> Result<(), Interruption> {
        let mut starting = Starting::new(&self.run.request.properties);
        let mut uploaded = false;
        loop {
            let sight = self.tracked.now();
            let wake = match &sight {
                Sight::There(pod) if self.is_ours(pod) => {
                    if state::has_started(pod) {
                        return Ok(());
                    }
                    if !uploaded && state::waits_for_files(pod) && takes_files(pod) {
                        self.upload(&mut starting).await?;
                        uploaded = true;
                        continue;
                    }
                    if state::is_deleting(pod) || state::is_terminal(pod) {
                        return Err(Interruption::Failed(self.reason_of_end(pod)));
                    }
                    starting.look(pod, &self.run.context)?
                }
                Sight::Gone(Some(pod)) if self.is_ours(pod) => return Err(Interruption::Failed(self.reason_of_end(pod))),
                Sight::Lost(failure) => return Err(Interruption::Failed((**failure).clone())),
                Sight::There(_) | Sight::Gone(_) | Sight::Unseen => starting.wait()?,
            };
            tokio::select! {
                () = self.tracked.changed() => {}
                () = sleep_until(wake) => {}
                asked = self.run.context.cancelled() => return Err(interruption(asked)),
            }
        }
    }

    /// Carries output until the command has ended; none when the host goes. True: the end was asked for.
    async fn running(&mut self) -> Result<Option<(Arc<Pod>, Outcome, bool)>, Failure> {
        let run = self.run;
        let properties = &run.request.properties;
        let (has_ended, ended) = watch::channel(false);
        let log = Log {
            cluster: &run.cluster,
            namespace: &self.remains.namespace,
            pod: &self.remains.pod,
            context: &run.context,
            position: &self.position,
            known: self.known,
            patience: properties.wait_for_logs(),
        };
        let mut reading = pin!(log.read(ended));
        let mut read: Option<Ended> = None;
        let mut doom: Option<Doom> = None;
        let mut stopping: Option<Stopping> = None;
        let mut node_silent_since: Option<Instant> = None;
        let mut end_seen: Option<Instant> = None;
        let mut progress = (Position::default(), Instant::now());
        let limit = properties.run_limit(run.request.timeout());
        let already = u64::try_from(now() - self.checkpoint.running_since).map_or(Duration::ZERO, Duration::from_millis);
        let run_until = Instant::now() + limit.saturating_sub(already);
        let mut timer = interval_at(Instant::now() + CHECKPOINT_EVERY, CHECKPOINT_EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut saved = None;
        loop {
            let position = *self.position.lock().unwrap_or_else(PoisonError::into_inner);
            if position != progress.0 {
                progress = (position, Instant::now());
            }
            let sight = self.tracked.now();
            let (pod, gone) = match &sight {
                Sight::There(pod) if state::uid(pod) == self.remains.uid => (Some(pod.clone()), false),
                Sight::Gone(Some(pod)) if state::uid(pod) == self.remains.uid => (Some(pod.clone()), true),
                Sight::Lost(failure) => return Err((**failure).clone()),
                _ => (None, false),
            };
            let mut wake = if doom.is_none() && stopping.is_none() { run_until } else { Instant::now() + NODE_SILENCE };
            if let Some(pod) = &pod {
                if state::end(pod, MAIN).is_some() {
                    let mut since = *end_seen.get_or_insert_with(Instant::now);
                    has_ended.send_replace(true);
                    let patience = if gone { LAST_WORDS } else { properties.wait_for_logs() + LAST_WORDS };
                    // What still arrives is waited for, however long it takes: a server that follows a log sends line by line.
                    if stopping.is_none() {
                        since = since.max(progress.1);
                    }
                    if read.is_some() || since.elapsed() >= patience {
                        let disrupted = stopping.is_none() && end_is_not_its_own(pod);
                        if disrupted {
                            return Err(self.reason_of_end(pod));
                        }
                        if stopping.is_none() {
                            self.report(read.as_ref());
                        }
                        let cancellation = stopping.as_ref().map(|s| s.cancellation);
                        let end = state::end(pod, MAIN).cloned().unwrap_or_default();
                        return Ok(Some((pod.clone(), outcome::of(pod, &end, cancellation), cancellation.is_some())));
                    }
                    wake = since + patience;
                } else if gone {
                    has_ended.send_replace(true);
                    if let Some(stopping) = &stopping {
                        return Ok(Some((pod.clone(), killed(pod, stopping.cancellation), true)));
                    }
                    let failure = self.reason_of_end(pod);
                    doom.get_or_insert_with(|| Doom { failure, until: Instant::now() + LAST_WORDS });
                } else if state::is_terminal(pod) || (state::is_deleting(pod) && stopping.is_none()) {
                    // Its last words are worth a moment. Somebody who deletes it gives it a grace, and its end may still come to be known.
                    let failure = self.reason_of_end(pod);
                    doom.get_or_insert_with(|| Doom { failure, until: Instant::now() + LAST_WORDS });
                } else if let Some(message) = state::node_lost(pod) {
                    let since = *node_silent_since.get_or_insert_with(|| {
                        let node = state::node(pod).unwrap_or("?");
                        run.context.message(Level::Warn, format!("node {node} is silent, waiting for it: {message}"));
                        Instant::now()
                    });
                    if since.elapsed() >= NODE_SILENCE {
                        return Err(self.reason_of_end(pod));
                    }
                    wake = wake.min(since + NODE_SILENCE);
                } else {
                    node_silent_since = None;
                }
            }
            if let Some(doom) = &doom {
                if Instant::now() >= doom.until || read.is_some() {
                    return Err(doom.failure.clone());
                }
                wake = wake.min(doom.until);
            }
            if let Some(stopping) = &mut stopping {
                if Instant::now() >= stopping.until {
                    // It does not go in its own time.
                    if let Err(reason) = self.remains.delete(Duration::ZERO).await {
                        run.context.message(Level::Warn, format!("the pod could not be deleted: {reason}"));
                    }
                    let last = pod.clone().unwrap_or_default();
                    return Ok(Some((last.clone(), killed(&last, stopping.cancellation), true)));
                }
                wake = wake.min(stopping.until);
            } else if doom.is_none() && end_seen.is_none() && Instant::now() >= run_until {
                return Err(Failure::TooLong { limit, by: "waitUntilCompletion" });
            }
            tokio::select! {
                ended = &mut reading, if read.is_none() => read = Some(ended),
                () = self.tracked.changed() => {}
                () = sleep_until(wake) => {}
                asked = run.context.cancelled(), if stopping.is_none() => {
                    if asked.reason == CancelReason::Detach {
                        return Ok(None);
                    }
                    stopping = Some(self.stop(asked));
                }
                _ = timer.tick() => {
                    let position = *self.position.lock().unwrap_or_else(PoisonError::into_inner);
                    if saved != Some(position) {
                        saved = Some(position);
                        self.checkpoint.position = position;
                        self.checkpoint.save(&run.context).await;
                    }
                }
            }
        }
    }

    /// Asks for the pod's end.
    fn stop(&self, cancellation: Cancellation) -> Stopping {
        let grace = self.run.grace(cancellation.grace());
        let (remains, context) = (self.remains.clone(), self.run.context.clone());
        let task = tokio::spawn(async move {
            if let Err(reason) = remains.delete(grace).await {
                context.message(Level::Warn, format!("the pod could not be deleted: {reason}"));
            }
        });
        Stopping { cancellation, until: Instant::now() + grace + BEYOND_GRACE, task }
    }

    /// Where the pod runs, or ran.
    pub fn node(&mut self) -> Option<String> {
        match self.tracked.now() {
            Sight::There(pod) | Sight::Gone(Some(pod)) => state::node(&pod).map(str::to_owned),
            _ => None,
        }
    }

    pub(crate) fn is_ours(&self, pod: &Pod) -> bool {
        state::uid(pod) == self.remains.uid
    }

    /// Why the pod goes, or has gone, without the command's own end.
    pub(crate) fn reason_of_end(&self, pod: &Pod) -> Failure {
        if state::is_past_deadline(pod) {
            let limit = pod.spec.as_ref().and_then(|s| s.active_deadline_seconds).and_then(|s| u64::try_from(s).ok()).unwrap_or_default();
            return Failure::TooLong { limit: Duration::from_secs(limit), by: "activeDeadlineSeconds of the pod" };
        }
        if let Some((container, end)) = state::failed_init(pod) {
            let (reason, message) = (end.reason.clone().unwrap_or_default(), end.message.clone().unwrap_or_default());
            if !state::is_deleting(pod) {
                return Failure::Init { container, code: end.exit_code, reason, message };
            }
        }
        let node = state::node(pod).map(str::to_owned);
        if let Some(message) = state::node_lost(pod) {
            return Failure::NodeLost { node: node.unwrap_or_default(), message };
        }
        if let Some((reason, message)) = state::disruption(pod) {
            return Failure::Disrupted { node, reason, message };
        }
        if state::is_terminal(pod) && !state::is_deleting(pod) {
            return Failure::NoStatus { pod: self.remains.pod.clone(), message: state::summary(pod) };
        }
        Failure::Deleted { pod: self.remains.pod.clone() }
    }

    fn report(&self, read: Option<&Ended>) {
        let missing = match read {
            Some(Ended::Complete) => return,
            Some(Ended::Incomplete(reason)) => reason.as_str(),
            None => "it did not end",
        };
        self.run.context.message(Level::Warn, format!("the end of the log may be missing: {missing}"));
    }

    pub(crate) async fn save(&mut self) {
        self.checkpoint.position = *self.position.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkpoint.save(&self.run.context).await;
    }
}

pub fn interruption(asked: Cancellation) -> Interruption {
    if asked.reason == CancelReason::Detach { Interruption::Detached } else { Interruption::Asked }
}

/// The command ended because the cluster ended the pod: its exit code says nothing.
fn end_is_not_its_own(pod: &Pod) -> bool {
    let code = state::end(pod, MAIN).map_or(0, |e| e.exit_code);
    // A command that had succeeded before is done, whatever becomes of its pod.
    code != 0 && (state::is_deleting(pod) || state::disruption(pod).is_some() || state::is_past_deadline(pod))
}

fn killed(pod: &Pod, cancellation: Cancellation) -> Outcome {
    let message = match cancellation.reason {
        CancelReason::Timeout => "stopped: the task's time limit has passed",
        CancelReason::Kill | CancelReason::Detach => "stopped: the task was killed",
    };
    outcome::details(Outcome::signalled(9), pod).because(FailureReason::Killed, message)
}

/// The host's clock, which survives a restart of the host: Unix time in milliseconds.
fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
