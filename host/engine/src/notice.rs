//! What the engine tells those who watch: the terminal, the server's event stream.

use std::sync::Arc;

use jiff::Timestamp;
use switchyard_model::{Level, State};
use switchyard_plugin_api::{Phase, Progress};

/// Something worth showing. Borrowed: a watcher that keeps it copies it.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    /// The execution is in another state.
    Execution { execution: &'a str, state: State, at: Timestamp },
    /// A task run is in another state.
    Task { task: &'a TaskTag, state: State, at: Timestamp, flowable: bool },
    /// A runner began another phase.
    Phase { task: &'a TaskTag, phase: Phase, at: Timestamp },
    /// How far the phase is.
    Progress { task: &'a TaskTag, progress: &'a Progress },
    /// A message, or lines of a stream that each end in a newline; secrets are masked. `partial`: the last line goes on in the next
    /// notice of this task and level, or is the last one of the stream.
    Log { task: &'a TaskTag, level: Level, at: Timestamp, text: &'a [u8], partial: bool },
}

/// Names a task run for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskTag {
    pub execution: Arc<str>,
    pub task_id: Arc<str>,
    pub taskrun_id: Arc<str>,
    /// The loop's value.
    pub value: Option<Arc<str>>,
    /// Enclosing flowables; 0 at the top.
    pub depth: usize,
}

/// Gets every notice, on the thread where it happens: return quickly, never block on the engine.
pub trait Observer: Send + Sync + 'static {
    fn notice(&self, notice: &Notice<'_>);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn notice(&self, _: &Notice<'_>) {}
}
