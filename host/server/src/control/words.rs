//! What a client and the server say to each other over the control socket: one JSON document per line.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use switchyard_engine::{recovery::Report, schedule::Listed, under_way::Going};
use switchyard_model::{JsonMap, Label};
use switchyard_registry::{Outlook, Usage};

/// From the client; one for each connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    Status,
    /// Answered when the execution is durable.
    Run {
        /// Names the text in messages.
        name: String,
        flow: String,
        #[serde(default)]
        inputs: JsonMap,
        #[serde(default)]
        files: BTreeMap<String, PathBuf>,
        #[serde(default)]
        labels: Vec<Label>,
    },
    /// Answered when it is over.
    Wait {
        id: String,
    },
    List {
        namespace: Option<String>,
        flow_id: Option<String>,
        #[serde(default)]
        states: Vec<String>,
        #[serde(default)]
        limit: u32,
    },
    Show {
        id: String,
    },
    Kill {
        id: String,
    },
    Restart {
        id: String,
    },
    Replay {
        id: String,
        task_run: Option<String>,
    },
    Resume {
        id: String,
        #[serde(default)]
        inputs: JsonMap,
    },
    Pause {
        id: String,
    },
    ForceRun {
        id: String,
    },
    /// Another final state: of the execution, or of a task run.
    ChangeStatus {
        id: String,
        task_run: Option<String>,
        state: String,
    },
    /// Lines until the execution is over.
    Follow {
        id: String,
    },
    /// The triggers of the flows that the server knows.
    Triggers,
    /// Turns one off or on.
    Toggle {
        name: String,
        off: bool,
    },
    /// Restarts the host in place.
    Reload,
    /// What is loaded.
    Plugins,
    /// What each plugin has cost.
    Usage,
    /// Executions that are not over, and what has begun in them.
    UnderWay,
    /// What is wrong with a flow, by the plugins that are loaded.
    Findings {
        /// Names the text in messages.
        name: String,
        flow: String,
    },
}

/// From the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    Status(Status),
    Execution {
        document: Json,
    },
    Executions {
        rows: Vec<Row>,
    },
    Line(LogLine),
    /// Comes before the answer, for people.
    Note {
        text: String,
    },
    Plugins(Plugins),
    UnderWay {
        executions: Vec<Going>,
    },
    Findings {
        errors: Vec<String>,
    },
    Usage {
        plugins: Vec<Usage>,
    },
    Triggers {
        triggers: Vec<Listed>,
    },
    Done,
    Refused {
        code: String,
        message: String,
        help: Option<String>,
    },
    /// The host goes before it has the answer; the next one on the same socket can be asked.
    Left,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub pid: u32,
    pub version: String,
    /// How often it was restarted in place.
    pub generation: u32,
    pub running: usize,
    pub processes: usize,
    /// What this start found of the work of an earlier host.
    pub recovery: Report,
    /// What a restart would change about plugins, a line each.
    #[serde(default)]
    pub plugins: Vec<String>,
}

/// What a server has loaded, and what it has noticed since.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plugins {
    pub pid: u32,
    pub directories: Vec<PathBuf>,
    /// Paths are absolute.
    pub rows: Vec<switchyard_registry::Status>,
    /// What a restart would change.
    pub outlook: Outlook,
    /// Why the system does not watch all directories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwatched: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub id: String,
    pub namespace: String,
    pub flow_id: String,
    pub state: String,
    /// Unix milliseconds.
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    pub task_run: String,
    pub attempt: u32,
    pub level: String,
    /// Unix nanoseconds.
    pub time: i64,
    pub text: String,
}
