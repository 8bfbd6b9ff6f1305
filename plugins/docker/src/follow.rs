//! Following a started container to its end: output, exit, the host's wish to end it, and an engine that goes away for a while.

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use bollard::{
    errors::Error as EngineError,
    query_parameters::{KillContainerOptionsBuilder, StopContainerOptionsBuilder, WaitContainerOptionsBuilder},
};
use futures_util::StreamExt;
use switchyard_plugin_api::{CancelReason, Cancellation, prelude::*};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, interval_at, sleep, sleep_until},
};

use crate::{
    checkpoint::Checkpoint,
    engine::{Engine, chain, status},
    error::Failure,
    kernel::{self, Exhausted},
    logs::{self, Ended, Output, Pump, Taken},
    outcome::Exit,
};

/// How often the position in the output is made durable while it moves.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);

/// How long an engine may be away while its container is followed.
const ABSENCE: Duration = Duration::from_secs(600);

/// After the grace of a kill: how long the host may take nothing of the output before it is given up.
const REFUSAL: Duration = Duration::from_millis(300);

/// A container that has been started.
pub struct Following<'a> {
    /// Where it runs.
    pub engine: &'a Arc<Engine>,
    /// Its id.
    pub container: &'a str,
    /// The host.
    pub context: &'a Context,
    /// Output that the host has.
    pub taken: Taken,
    /// Grace of a kill, when the flow sets one.
    pub grace: Option<Duration>,
}

/// How following ended.
#[derive(Debug)]
pub enum End {
    /// The container has exited; who asked for it, if somebody did.
    Exited(Exit, Option<Cancellation>),
    /// The host goes, the container stays.
    Detached,
}

/// Where the output comes from.
pub enum Source {
    /// Attached before the start.
    Live(Output),
    /// The engine's log, from the beginning.
    Replay(Output),
}

/// What one connection led to.
enum Round {
    Exited(i64, Ended),
    Detached,
    Broken(EngineError),
}

/// The host's wish to end it.
struct Asked {
    cancellation: Cancellation,
    /// When the grace is over.
    until: Instant,
    _stopping: Stopping,
}

/// Ends its task when dropped.
struct Stopping(JoinHandle<()>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Following<'_> {
    /// Follows to the end.
    pub async fn to_the_end(&self, mut source: Source) -> Result<End, Failure> {
        let mut asked = None;
        let mut away = false;
        loop {
            match self.round(source, &mut asked).await {
                Round::Detached => {
                    self.save().await;
                    return Ok(End::Detached);
                }
                Round::Exited(code, ended) => {
                    let patience = asked.as_ref().map(|asked| asked.until);
                    let cancellation = asked.map(|asked| asked.cancellation);
                    if !matches!(ended, Ended::Complete) {
                        self.catch_up(&ended, patience).await;
                    }
                    let exit = Exit { engine_was_away: away, ..self.exit(code, cancellation.is_some()).await? };
                    return Ok(End::Exited(exit, cancellation));
                }
                Round::Broken(error) => {
                    if status(&error) == Some(404) {
                        return Err(self.vanished());
                    }
                    let lost = format!(
                        "lost the Docker engine at {} ({}); the container may go on without it: waiting up to {} min for the engine",
                        self.engine.endpoint,
                        chain(&error),
                        ABSENCE.as_secs() / 60
                    );
                    self.context.message(Level::Warn, lost);
                    if !self.engine_is_back(error, &mut asked).await? {
                        return Ok(End::Detached);
                    }
                    away = true;
                    // The log of a container that has ended meanwhile ends by itself.
                    source = Source::Replay(logs::replay(&self.engine.docker, self.container, true));
                }
            }
        }
    }

    async fn round(&self, source: Source, asked: &mut Option<Asked>) -> Round {
        let (has_exited, exited) = watch::channel(false);
        let (output, pump) = match source {
            Source::Live(output) => (output, Pump::live(self.context, &self.taken)),
            Source::Replay(output) => (output, Pump::replaying(self.context, &self.taken)),
        };
        // In a box of its own, which can be dropped before the round is over: an engine does not tell that a container has ended while
        // nobody reads its output.
        let mut pump = Some(Box::pin(pump.run(output, exited)));
        let mut pumped = None;
        let mut wait = pin!(self.wait());
        let mut waited = None;
        let mut timer = interval_at(Instant::now() + CHECKPOINT_EVERY, CHECKPOINT_EVERY);
        let mut saved = self.taken.position();
        loop {
            tokio::select! {
                ended = async { match &mut pump { Some(pump) => pump.await, None => pending().await } } => {
                    pump = None;
                    pumped = Some(ended);
                }
                () = self.refused(asked.as_ref().map(|asked| asked.until)), if pump.is_some() => {
                    pump = None;
                    pumped = Some(Ended::Refused);
                }
                result = &mut wait, if waited.is_none() => match result {
                    Ok(code) => {
                        waited = Some(code);
                        // Nobody listens any more when the stream has ended before.
                        let _ = has_exited.send(true);
                    }
                    Err(error) => return Round::Broken(error),
                },
                cancellation = self.context.cancelled(), if asked.is_none() => {
                    if cancellation.reason == CancelReason::Detach {
                        return Round::Detached;
                    }
                    *asked = Some(self.asked(cancellation));
                }
                _ = timer.tick() => {
                    let position = self.taken.position();
                    if position != saved {
                        self.save().await;
                        saved = position;
                    }
                }
            }
            match (waited, pumped) {
                (Some(code), Some(ended)) => return Round::Exited(code, ended),
                (_, still) => pumped = still,
            }
        }
    }

    /// Resolves after this time when the host takes nothing any more.
    async fn refused(&self, after: Option<Instant>) {
        let Some(after) = after else { return pending().await };
        sleep_until(after).await;
        loop {
            let before = self.taken.position();
            sleep(REFUSAL).await;
            if self.taken.offering() && self.taken.position() == before {
                return;
            }
        }
    }

    /// Resolves with the exit code when the container is not running. It has been started before, so "not yet" cannot be mistaken for "no more".
    async fn wait(&self) -> Result<i64, EngineError> {
        let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
        let mut stream = pin!(self.engine.docker.wait_container(self.container, Some(options)));
        match stream.next().await {
            Some(Ok(answer)) => Ok(answer.status_code),
            Some(Err(EngineError::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(error),
            None => Err(EngineError::RequestTimeoutError),
        }
    }

    fn asked(&self, cancellation: Cancellation) -> Asked {
        let grace = self.grace.unwrap_or(cancellation.grace());
        Asked { cancellation, until: Instant::now() + grace, _stopping: self.stop(grace) }
    }

    /// Asks the container to end, again and again until the task is dropped.
    fn stop(&self, grace: Duration) -> Stopping {
        let (engine, container) = (self.engine.clone(), self.container.to_owned());
        Stopping(tokio::spawn(async move {
            let mut grace = Some(grace).filter(|g| !g.is_zero());
            loop {
                let result = match grace.take() {
                    Some(grace) => {
                        // The engine counts in whole seconds.
                        let seconds = i32::try_from(grace.as_millis().div_ceil(1000)).unwrap_or(i32::MAX);
                        let options = StopContainerOptionsBuilder::new().t(seconds).build();
                        engine.patient(grace).stop_container(&container, Some(options)).await
                    }
                    None => {
                        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
                        engine.docker.kill_container(&container, Some(options)).await
                    }
                };
                if let Err(error) = result {
                    tracing::debug!(container, error = chain(&error), "the engine did not end the container");
                }
                sleep(Duration::from_secs(3)).await;
            }
        }))
    }

    /// The rest of the output, from the engine's log, after the stream broke off.
    async fn catch_up(&self, ended: &Ended, patience: Option<Instant>) {
        let caught_up = match ended {
            Ended::Refused => Ended::Refused,
            _ => {
                let (_has_exited, exited) = watch::channel(true);
                let output = logs::replay(&self.engine.docker, self.container, false);
                tokio::select! {
                    caught_up = Pump::replaying(self.context, &self.taken).run(output, exited) => caught_up,
                    () = self.refused(patience) => Ended::Refused,
                }
            }
        };
        let message = match caught_up {
            Ended::Complete => return,
            Ended::Refused => "the end of the output is missing: the host had no room for it when the task was to end".to_owned(),
            _ => format!("the end of the output may be missing: the stream broke off ({ended}), and the engine's log too ({caught_up})"),
        };
        self.context.message(Level::Warn, message);
    }

    /// Waits for the engine; false when the host goes meanwhile. Whoever asks for the end does not wait longer than the grace: nobody can
    /// end the container now.
    async fn engine_is_back(&self, error: EngineError, asked: &mut Option<Asked>) -> Result<bool, Failure> {
        let mut deadline = Instant::now() + ABSENCE;
        let mut last = error;
        let mut pause = Duration::from_millis(200);
        while Instant::now() < deadline {
            tokio::select! {
                () = sleep(pause) => {}
                cancellation = self.context.cancelled(), if asked.is_none() => {
                    if cancellation.reason == CancelReason::Detach {
                        return Ok(false);
                    }
                    let asked = asked.insert(self.asked(cancellation));
                    deadline = deadline.min(asked.until);
                }
            }
            pause = (pause * 2).min(Duration::from_secs(5));
            match self.engine.inspect(self.container).await {
                Ok(_) => return Ok(true),
                Err(error) if status(&error) == Some(404) => return Err(self.vanished()),
                Err(error) => last = error,
            }
        }
        Err(self.engine.failure("following the container", last))
    }

    /// How the container ended. The code says all there is to say when it is 0 or when we ended it; Podman's is not always the last word.
    async fn exit(&self, code: i64, asked: bool) -> Result<Exit, Failure> {
        if (code == 0 || asked) && !self.engine.podman {
            return Ok(Exit { code, ..Exit::default() });
        }
        let mut exit = match self.engine.inspect(self.container).await {
            Ok(found) => Exit::from(found),
            Err(error) if status(&error) == Some(404) => return Err(self.vanished()),
            Err(error) => return Err(self.engine.failure("reading the container's exit code", error)),
        };
        if !asked && exit.may_want_memory() {
            match kernel::exhausted(self.container).await {
                Some(Exhausted::Container) => exit.out_of_memory = true,
                Some(Exhausted::Machine) => (exit.out_of_memory, exit.limit) = (true, None),
                None => {}
            }
        }
        Ok(exit)
    }

    async fn save(&self) {
        Checkpoint { container_id: self.container.to_owned(), position: self.taken.position(), outcome: None }.save(self.context).await;
    }

    fn vanished(&self) -> Failure {
        Failure::Vanished { container: self.container.to_owned() }
    }
}
