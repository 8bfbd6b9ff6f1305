//! Following a started container to its end: output, exit, the host's wish to end it, and an engine that goes away for a while.

use std::{pin::pin, sync::Arc, time::Duration};

use bollard::{
    errors::Error as EngineError,
    models::ContainerInspectResponse,
    query_parameters::{KillContainerOptionsBuilder, StopContainerOptionsBuilder, WaitContainerOptionsBuilder},
};
use futures_util::StreamExt;
use switchyard_plugin_api::{CancelReason, Cancellation, prelude::*};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, interval_at, sleep},
};

use crate::{
    checkpoint::Checkpoint,
    engine::{Engine, chain, status},
    error::Failure,
    logs::{self, Ended, Output, Pump, Taken},
};

/// How often the position in the output is made durable while it moves.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);

/// How long an engine may be away while its container is followed.
const ABSENCE: Duration = Duration::from_secs(600);

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
    Exited(Box<ContainerInspectResponse>, Option<Cancellation>),
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
    Exited(Ended),
    Detached,
    Broken(EngineError),
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
        let mut cancellation = None;
        let mut stopping = None;
        loop {
            match self.round(source, &mut cancellation, &mut stopping).await {
                Round::Detached => {
                    self.save().await;
                    return Ok(End::Detached);
                }
                Round::Exited(ended) => {
                    drop(stopping);
                    if !matches!(ended, Ended::Complete) {
                        self.catch_up(&ended).await;
                    }
                    return Ok(End::Exited(Box::new(self.inspect().await?), cancellation));
                }
                Round::Broken(error) => {
                    if status(&error) == Some(404) {
                        return Err(self.vanished());
                    }
                    tracing::debug!(container = self.container, error = chain(&error), "lost the engine, waiting for it");
                    self.engine_is_back(error).await?;
                    // The log of a container that has ended meanwhile ends by itself.
                    source = Source::Replay(logs::replay(&self.engine.docker, self.container, true));
                }
            }
        }
    }

    async fn round(&self, source: Source, cancellation: &mut Option<Cancellation>, stopping: &mut Option<Stopping>) -> Round {
        let (has_exited, exited) = watch::channel(false);
        let (mut output, pump) = match source {
            Source::Live(output) => (output, Pump::live(self.context, &self.taken)),
            Source::Replay(output) => (output, Pump::replaying(self.context, &self.taken)),
        };
        let mut pump = pin!(pump.run(&mut output, exited));
        let mut pumped = None;
        let mut wait = pin!(self.wait());
        let mut waited = None;
        let mut timer = interval_at(Instant::now() + CHECKPOINT_EVERY, CHECKPOINT_EVERY);
        let mut saved = self.taken.position();
        loop {
            tokio::select! {
                ended = &mut pump, if pumped.is_none() => pumped = Some(ended),
                result = &mut wait, if waited.is_none() => match result {
                    Ok(()) => {
                        waited = Some(());
                        // Nobody listens any more when the stream has ended before.
                        let _ = has_exited.send(true);
                    }
                    Err(error) => return Round::Broken(error),
                },
                asked = self.context.cancelled(), if cancellation.is_none() => {
                    if asked.reason == CancelReason::Detach {
                        return Round::Detached;
                    }
                    *cancellation = Some(asked);
                    *stopping = Some(self.stop(self.grace.unwrap_or(asked.grace())));
                }
                _ = timer.tick() => {
                    let position = self.taken.position();
                    if position != saved {
                        self.save().await;
                        saved = position;
                    }
                }
            }
            if waited.is_some()
                && let Some(ended) = pumped
            {
                return Round::Exited(ended);
            }
        }
    }

    /// Resolves when the container is not running. It has been started before, so "not yet" cannot be mistaken for "no more".
    async fn wait(&self) -> Result<(), EngineError> {
        let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
        let mut stream = pin!(self.engine.docker.wait_container(self.container, Some(options)));
        match stream.next().await {
            Some(Ok(_) | Err(EngineError::DockerContainerWaitError { .. })) => Ok(()),
            Some(Err(error)) => Err(error),
            None => Err(EngineError::RequestTimeoutError),
        }
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
    async fn catch_up(&self, ended: &Ended) {
        let (has_exited, exited) = watch::channel(true);
        let mut output = logs::replay(&self.engine.docker, self.container, false);
        let caught_up = Pump::replaying(self.context, &self.taken).run(&mut output, exited).await;
        drop(has_exited);
        if !matches!(caught_up, Ended::Complete) {
            let message =
                format!("the end of the output may be missing: the stream broke off ({ended}), and the engine's log too ({caught_up})");
            self.context.message(Level::Warn, message);
        }
    }

    async fn engine_is_back(&self, error: EngineError) -> Result<(), Failure> {
        let deadline = Instant::now() + ABSENCE;
        let mut last = error;
        let mut pause = Duration::from_millis(200);
        while Instant::now() < deadline {
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
            match self.engine.inspect(self.container).await {
                Ok(_) => return Ok(()),
                Err(error) if status(&error) == Some(404) => return Err(self.vanished()),
                Err(error) => last = error,
            }
        }
        Err(self.engine.failure("following the container", last))
    }

    async fn inspect(&self) -> Result<ContainerInspectResponse, Failure> {
        match self.engine.inspect(self.container).await {
            Ok(found) => Ok(found),
            Err(error) if status(&error) == Some(404) => Err(self.vanished()),
            Err(error) => Err(self.engine.failure("reading the container's exit code", error)),
        }
    }

    async fn save(&self) {
        Checkpoint { container_id: self.container.to_owned(), position: self.taken.position(), outcome: None }.save(self.context).await;
    }

    fn vanished(&self) -> Failure {
        Failure::Vanished { container: self.container.to_owned() }
    }
}
