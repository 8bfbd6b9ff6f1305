//! What the callback plugin prints.

use serde::Deserialize;
use serde_json::{Map, Value};
use switchyard_plugin_api::Level;

/// Something that happened in a playbook.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    Playbook { name: String },
    Play { name: String },
    Task { task: String, name: String, at: String },
    Result(TaskResult),
    Note { level: Level, message: String },
}

/// What became of a task on a host.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TaskResult {
    pub task: String,
    #[serde(default)]
    pub action: String,
    pub host: String,
    pub status: Status,
    /// It failed, and the playbook says that it may.
    #[serde(default)]
    pub ignored: bool,
    pub at: String,
    #[serde(default)]
    pub result: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    Failed,
    Skipped,
    Unreachable,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unreachable => "unreachable",
        }
    }
}

#[derive(Deserialize)]
struct Frame {
    ansible: Event,
}

/// Reads a line; `None` for any other.
pub fn read(line: &str) -> Option<Event> {
    let json = line.strip_prefix("::")?.strip_suffix("::")?;
    if !json.starts_with("{\"ansible\":") {
        return None;
    }
    serde_json::from_str::<Frame>(json).ok().map(|frame| frame.ansible)
}
