//! Crimes of a running plugin.

use std::{
    hint::black_box,
    panic::panic_any,
    time::{Duration, Instant},
};

use serde::Deserialize;
use switchyard_plugin_api::{
    Context, Error, LogStream, Outcome, tokio,
    tracing::{info, info_span, warn},
};

use crate::Properties;

macro_rules! crimes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What to do wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
        pub enum Crime {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Crime {
            /// As they are written in a flow.
            pub const NAMES: &'static [&'static str] = &[$($name),*];
        }
    };
}

crimes! {
    /// Nothing: succeeds.
    #[default]
    Nothing = "nothing",
    PanicInRun = "panic-in-run",
    /// With a payload that is no text.
    PanicWithNumber = "panic-with-number",
    /// In a task of its own runtime, whose end it awaits.
    PanicInSpawnedTask = "panic-in-spawned-task",
    /// On a thread of its own, which nobody joins.
    PanicOnThread = "panic-on-thread",
    /// When its future is dropped.
    PanicInDrop = "panic-in-drop",
    PanicInValidate = "panic-in-validate",
    PanicInPaths = "panic-in-paths",
    PanicInPreview = "panic-in-preview",
    PanicInPlan = "panic-in-plan",
    Segfault = "segfault",
    Abort = "abort",
    Exit = "exit",
    /// Stores a checkpoint, then faults: the work goes on elsewhere.
    SegfaultAfterCheckpoint = "segfault-after-checkpoint",
    /// The same, and again when the work is found.
    SegfaultTwice = "segfault-twice",
    /// Takes `bytes` of memory, more than there is.
    TakeMemory = "take-memory",
    /// Blocks the only thread of its runtime for `millis`.
    BlockRuntime = "block-runtime",
    /// Blocks a synchronous call for `millis`.
    BlockInValidate = "block-in-validate",
    /// Writes bytes that are no text.
    InvalidUtf8 = "invalid-utf8",
    /// Writes `bytes` of log.
    FloodLogs = "flood-logs",
    /// Goes on for `millis`, whatever it is asked.
    IgnoreCancellation = "ignore-cancellation",
    /// No crime: ends when it is asked to.
    HeedCancellation = "heed-cancellation",
    /// No crime: `tracing` events.
    Trace = "trace",
    /// No crime: the timer of its own runtime, for `millis`.
    TokioTime = "tokio-time",
    /// No crime: a child process.
    SpawnProcess = "spawn-process",
}

struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic!("drop panics");
    }
}

pub(crate) fn block(millis: u64) {
    // Not a sleep that a clever runtime could notice: a plain blocking call.
    let (_keep, wait) = std::sync::mpsc::channel::<()>();
    let _ = wait.recv_timeout(Duration::from_millis(millis));
}

pub(crate) fn segfault() {
    // SAFETY: none; that is the crime.
    unsafe { black_box(std::ptr::without_provenance_mut::<u8>(8)).write_volatile(1) }
}

pub(crate) async fn commit(properties: &Properties, context: &Context) -> Result<Outcome, Error> {
    match properties.crime {
        Crime::PanicInRun => panic!("run panics"),
        Crime::PanicWithNumber => panic_any(42_u64),
        Crime::PanicInSpawnedTask => {
            let ended = tokio::spawn(async { panic!("a spawned task panics") }).await;
            return Ok(Outcome::exited(0).detail("joined", ended.is_err()));
        }
        Crime::PanicOnThread => {
            let ended =
                std::thread::Builder::new().name("lonely".into()).spawn(|| panic!("a thread panics")).map(std::thread::JoinHandle::join);
            return Ok(Outcome::exited(0).detail("joined", matches!(ended, Ok(Err(_)))));
        }
        Crime::PanicInDrop => {
            let _held = PanicOnDrop;
            tokio::task::yield_now().await;
        }
        Crime::Segfault => segfault(),
        Crime::SegfaultAfterCheckpoint | Crime::SegfaultTwice => {
            context.checkpoint(&"where the work is").await?;
            segfault();
        }
        Crime::Abort => std::process::abort(),
        Crime::Exit => std::process::exit(7),
        Crime::TakeMemory => {
            let taken = vec![1_u8; properties.bytes];
            return Ok(Outcome::exited(0).detail("taken", black_box(taken).len()));
        }
        Crime::BlockRuntime => block(properties.millis),
        Crime::InvalidUtf8 => context.write_log(LogStream::Stdout, b"good \xff\xfe bad \xc3\n").await,
        Crime::FloodLogs => {
            let chunk = [b'x'; 64 << 10];
            let mut left = properties.bytes;
            while left > 0 {
                let size = left.min(chunk.len());
                context.write_log(LogStream::Stdout, &chunk[..size]).await;
                left -= size;
            }
        }
        Crime::IgnoreCancellation => tokio::time::sleep(Duration::from_millis(properties.millis)).await,
        Crime::HeedCancellation => {
            let asked = context.cancelled().await;
            return Ok(Outcome::signalled(15).detail("graceMs", asked.grace_ms));
        }
        Crime::Trace => {
            let span = info_span!("theft", loot = "cookies");
            span.in_scope(|| info!(count = 3, "an event of the plugin"));
            warn!(target: "elsewhere", "an event with a target");
        }
        Crime::TokioTime => {
            let started = Instant::now();
            tokio::time::sleep(Duration::from_millis(properties.millis)).await;
            return Ok(Outcome::exited(0).detail("waited", started.elapsed() >= Duration::from_millis(properties.millis)));
        }
        Crime::SpawnProcess => {
            let ended = tokio::task::spawn_blocking(|| std::process::Command::new("true").status()).await;
            return Ok(Outcome::exited(i32::from(!matches!(ended, Ok(Ok(status)) if status.success()))));
        }
        Crime::Nothing
        | Crime::PanicInValidate
        | Crime::PanicInPaths
        | Crime::PanicInPreview
        | Crime::PanicInPlan
        | Crime::BlockInValidate => {}
    }
    Ok(Outcome::exited(0))
}
