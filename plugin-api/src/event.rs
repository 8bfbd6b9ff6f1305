//! What a component reports while it works.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where a byte of log came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// Standard output; shown at level INFO.
    Stdout,
    /// Standard error; shown at level ERROR.
    Stderr,
}

/// Level of a log message that the component itself writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Finest detail.
    Trace,
    /// Detail for finding faults.
    Debug,
    /// Normal course.
    Info,
    /// Something to look at.
    Warn,
    /// A failure.
    Error,
}

/// Where a task is on its way: one vocabulary for every runner, so that times can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Waits for a place.
    Queued,
    /// Input files are on their way to the work.
    StagingIn,
    /// The image is fetched.
    Pulling,
    /// The process, container, pod or job is created and started.
    Starting,
    /// The user's command runs.
    Running,
    /// Output files are on their way back.
    StagingOut,
    /// Nothing left to do.
    Done,
}

impl Phase {
    /// The word shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::StagingIn => "staging in",
            Self::Pulling => "pulling",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::StagingOut => "staging out",
            Self::Done => "done",
        }
    }
}

/// How values of a metric combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// Values of one name and tags are added.
    Counter,
    /// A duration in seconds.
    Timer,
    /// The last value counts.
    Gauge,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Name, such as `rows.affected`.
    pub name: String,
    /// How values combine.
    #[serde(rename = "type")]
    pub kind: MetricKind,
    /// The value; seconds for a timer.
    pub value: f64,
    /// Part of the identity of the metric.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// How far the current phase is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The unit: `B` for bytes, else a plural noun.
    pub unit: String,
    /// What is going on, such as the name of the layer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// Something a component tells the host. Unknown kinds from a newer plugin are ignored by an older host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// A new phase begins now.
    Phase {
        /// The phase.
        phase: Phase,
    },
    /// A measured value.
    Metric(Metric),
    /// How far the current phase is.
    Progress(Progress),
    /// A log message of the component itself, in the task's log.
    Message {
        /// Its level.
        level: Level,
        /// Its text.
        message: String,
    },
    /// Details known early, such as a container id; they end in `outputs.<task>.taskRunner`.
    Details {
        /// Merged into what was reported before.
        details: serde_json::Map<String, serde_json::Value>,
    },
}
