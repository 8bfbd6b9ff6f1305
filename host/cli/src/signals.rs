//! The signals that ask the program to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{exit::Exit, failure::Failure};

/// Ctrl-C, SIGTERM, and a terminal that was closed.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// From now on they no longer end the program by themselves.
    pub fn watch() -> Result<Self, Failure> {
        let watch =
            |kind| signal(kind).map_err(|error| Failure::new(Exit::Failed, "cli::signals", format!("signals cannot be watched: {error}")));
        Ok(Self {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            hangup: watch(SignalKind::hangup())?,
        })
    }

    /// The next one, and whether it asks for a restart. Nothing is lost when this is not awaited to its end.
    pub async fn next_of_server(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => false,
            _ = self.terminate.recv() => false,
            _ = self.hangup.recv() => true,
        }
    }

    /// The next one. Nothing is lost when this is not awaited to its end.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
