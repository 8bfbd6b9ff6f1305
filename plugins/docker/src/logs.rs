//! From the engine's multiplexed stream to the host's log, with back-pressure, and without a byte lost or repeated when the stream has to
//! be taken up again.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use bollard::{
    Docker,
    container::LogOutput,
    query_parameters::{AttachContainerOptionsBuilder, LogsOptionsBuilder},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use switchyard_plugin_api::{LogStream, prelude::*};
use tokio::{sync::watch, time::sleep};

type EngineError = bollard::errors::Error;

/// Output of a container.
pub type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, EngineError>> + Send>>;

/// How long an exited container's stream may be silent before it is given up.
const DRAIN: Duration = Duration::from_secs(5);

/// Bytes of each stream that the host has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Position {
    /// Of standard output.
    pub stdout: u64,
    /// Of standard error.
    pub stderr: u64,
}

/// The position while it moves: the pump writes it, checkpoints read it.
#[derive(Debug, Default)]
pub struct Taken {
    stdout: AtomicU64,
    stderr: AtomicU64,
    /// Output is being offered to the host.
    offering: AtomicBool,
}

impl Taken {
    /// Goes on from an earlier position.
    pub fn from(position: Position) -> Self {
        Self { stdout: position.stdout.into(), stderr: position.stderr.into(), ..Self::default() }
    }

    /// Where it is now.
    pub fn position(&self) -> Position {
        Position { stdout: self.stdout.load(Ordering::Acquire), stderr: self.stderr.load(Ordering::Acquire) }
    }

    /// Whether output waits for the host at this moment.
    pub fn offering(&self) -> bool {
        self.offering.load(Ordering::Acquire)
    }

    fn add(&self, stream: LogStream, bytes: usize) {
        let counter = match stream {
            LogStream::Stdout => &self.stdout,
            LogStream::Stderr => &self.stderr,
        };
        counter.fetch_add(bytes as u64, Ordering::AcqRel);
    }
}

/// Everything from now on, before the container is started: independent of the engine's log driver.
pub async fn attach(docker: &Docker, container: &str) -> Result<Output, EngineError> {
    let options = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
    Ok(docker.attach_container(container, Some(options)).await?.output)
}

/// Everything from the beginning, as the engine has kept it.
pub fn replay(docker: &Docker, container: &str, follow: bool) -> Output {
    let options = LogsOptionsBuilder::new().follow(follow).stdout(true).stderr(true).tail("all").build();
    Box::pin(docker.logs(container, Some(options)))
}

/// Carries output to the host.
#[derive(Debug)]
pub struct Pump<'a> {
    context: &'a Context,
    taken: &'a Taken,
    /// Bytes of a replay that the host has already.
    skip: Position,
}

/// Why a pump stopped.
pub enum Ended {
    /// The stream is complete.
    Complete,
    /// The container has exited, but its stream neither moved nor ended.
    Silent,
    /// The engine broke the stream off.
    Broken(EngineError),
    /// The host did not take the output of a container that was asked to end.
    Refused,
}

impl<'a> Pump<'a> {
    /// For a stream that begins where the host's log ends.
    pub fn live(context: &'a Context, taken: &'a Taken) -> Self {
        Self { context, taken, skip: Position::default() }
    }

    /// For a stream that begins at the beginning.
    pub fn replaying(context: &'a Context, taken: &'a Taken) -> Self {
        Self { context, taken, skip: taken.position() }
    }

    /// Carries until the stream ends. After `exited` turns true it may only be silent for a short while.
    pub async fn run(mut self, mut output: Output, mut exited: watch::Receiver<bool>) -> Ended {
        loop {
            let item = tokio::select! {
                biased;
                item = output.next() => item,
                () = silence(&mut exited) => return Ended::Silent,
            };
            match item {
                Some(Ok(LogOutput::StdErr { message })) => self.take(LogStream::Stderr, message).await,
                Some(Ok(LogOutput::StdOut { message } | LogOutput::Console { message })) => self.take(LogStream::Stdout, message).await,
                Some(Ok(LogOutput::StdIn { .. })) => {}
                Some(Err(error)) => return Ended::Broken(error),
                None => return Ended::Complete,
            }
        }
    }

    async fn take(&mut self, stream: LogStream, mut message: Bytes) {
        let skip = match stream {
            LogStream::Stdout => &mut self.skip.stdout,
            LogStream::Stderr => &mut self.skip.stderr,
        };
        let known = usize::try_from(*skip).unwrap_or(usize::MAX).min(message.len());
        *skip -= known as u64;
        let new = message.split_off(known);
        if !new.is_empty() {
            self.taken.offering.store(true, Ordering::Release);
            self.context.write_log(stream, &new).await;
            self.taken.offering.store(false, Ordering::Release);
            // After the write: bytes the host did not take are not counted.
            self.taken.add(stream, new.len());
        }
    }
}

async fn silence(exited: &mut watch::Receiver<bool>) {
    if exited.wait_for(|exited| *exited).await.is_err() {
        std::future::pending::<()>().await;
    }
    sleep(DRAIN).await;
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Silent => f.write_str("it neither moved nor ended after the container's exit"),
            Self::Refused => f.write_str("the host had no room for it"),
            Self::Broken(error) => f.write_str(&crate::engine::chain(error)),
        }
    }
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod logs_tests;
