//! What happens to an execution, and what is to be done about it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use switchyard_model::{JsonMap, State};

use super::{dynamic::Part, instance::RunIx};

/// Something that happened. Events are what the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// The execution begins.
    Begin,
    /// Others of the flow run: it waits for its turn.
    Queue,
    /// Flow-level conditions refuse to run it.
    Refuse { state: State },
    /// The shell took the run up: it has its slot.
    Started { run: RunIx },
    /// A runnable task came to its end.
    Ended { run: RunIx, end: TaskEnd },
    /// The answer to [`Effect::Ask`].
    Decided { run: RunIx, decision: Decision },
    /// A timer that was set has passed.
    Timer { run: RunIx, kind: TimerKind },
    /// Somebody resumed a paused run; outputs are its `onResume` inputs.
    Resume { run: RunIx, outputs: JsonMap },
    /// Somebody wants another attempt of a run that was under way when the execution failed or was killed.
    Again { run: RunIx },
    /// Somebody wants a break: what runs ends, nothing new begins.
    Hold,
    /// The break is over.
    Release,
    /// Somebody wants a paused execution to begin its pause anew.
    PauseAnew,
    /// Everything is to end.
    Kill,
    /// The flow's promise of this number is broken.
    Violated { sla: usize },
    /// A flowable has until then.
    Deadline { run: RunIx, at: Timestamp },
    /// The answer to [`Effect::AskListeners`]: the listeners whose conditions hold.
    Listeners { which: Vec<usize> },
    /// The flow's outputs were rendered.
    Outputs { outputs: Option<JsonMap>, failed: bool },
    /// A task changed what the execution carries.
    Change { labels: Vec<switchyard_model::Label>, variables: Option<JsonMap> },
}

/// How a runnable task ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskEnd {
    /// SUCCESS, WARNING, FAILED, KILLED or SKIPPED.
    pub state: Option<State>,
    pub outputs: JsonMap,
    /// Ends the whole execution in this state (`execution.Exit`).
    pub exit: Option<State>,
    /// What the attempt measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<switchyard_model::Metric>,
    /// Where the attempt's log is, when it has a file of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_file: Option<String>,
    /// For a random retry delay, in `[0, 1)`.
    pub random: f64,
    /// Parts of its work that get task runs of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

impl TaskEnd {
    pub fn state(state: State) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    #[must_use]
    pub fn outputs(mut self, outputs: JsonMap) -> Self {
        self.outputs = outputs;
        self
    }
}

/// What a flowable needs to know before it goes on. The shell renders it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// `runIf` and the properties that decide what runs.
    Open,
    /// Whether a LoopUntil is done.
    Condition,
    /// What a WorkingDirectory or a Loop leaves behind.
    Close,
    /// What an iteration of a Loop gives, and whether the Loop ends with it.
    Iteration { group: usize },
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "camelCase")]
pub enum Decision {
    /// `runIf` is false.
    Skip,
    /// A property could not be rendered.
    Fail,
    /// Nothing to decide; at most `limit` groups at a time (0: no limit).
    Go {
        #[serde(default)]
        limit: u64,
        #[serde(default)]
        outputs: JsonMap,
    },
    /// Which of the body's lists runs; none when the number is out of range.
    Branch { list: usize, outputs: JsonMap },
    /// One group per value.
    Values { values: Vec<Arc<str>>, limit: u64 },
    /// Loop: one iteration per item.
    Items { items: Vec<Item>, limit: u64, transmit: bool },
    /// What an iteration of a Loop gives.
    Iteration { group: usize, outputs: JsonMap, stop: bool, failed: bool },
    /// Wait for somebody, or until a time.
    Pause { until: Option<Timestamp> },
    /// LoopUntil: done, or again at a time.
    Again { at: Option<Timestamp>, outputs: JsonMap, failed: bool },
    /// WorkingDirectory, Loop: what it leaves behind.
    Closed { outputs: JsonMap, failed: bool },
}

impl Decision {
    /// Something could not be rendered or left behind.
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Fail | Self::Iteration { failed: true, .. } | Self::Again { failed: true, .. } | Self::Closed { failed: true, .. }
        )
    }
}

/// What an iteration of a Loop is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Of a map's entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    pub value: serde_json::Value,
}

impl Item {
    /// How it is shown.
    pub fn text(&self) -> Arc<str> {
        match (&self.key, &self.value) {
            (Some(key), _) => Arc::clone(key),
            (None, serde_json::Value::String(text)) => text.as_str().into(),
            (None, other) => other.to_string().into(),
        }
    }
}

/// Which timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TimerKind {
    /// The next attempt is due.
    Retry,
    /// The next iteration of a LoopUntil is due.
    Iterate,
    /// A pause is over.
    Pause,
    /// A flowable took longer than its `timeout`.
    Timeout,
}

/// Something the shell has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Run an attempt of a runnable task; answer [`Event::Started`] and [`Event::Ended`].
    Start { run: RunIx },
    /// Answer [`Event::Decided`].
    Ask { run: RunIx, ask: Ask },
    /// Answer [`Event::Timer`] when the time has come.
    Timer { run: RunIx, kind: TimerKind, at: Timestamp },
    /// Let go of an attempt that has not begun; [`Effect::Start`] comes again.
    Withdraw { run: RunIx },
    /// Ask a running attempt to end; it answers [`Event::Ended`] as always.
    Stop { run: RunIx },
    /// Answer [`Event::Outputs`].
    RenderOutputs,
    /// Answer [`Event::Violated`] when the execution is not over at that time.
    Promise { sla: usize, at: Timestamp },
    /// Answer [`Event::Listeners`].
    AskListeners,
    /// The state of a run, or of the execution, is another one now. For those who watch.
    Changed { run: Option<RunIx>, state: State },
    /// The execution is over; nothing will follow.
    Complete,
}
