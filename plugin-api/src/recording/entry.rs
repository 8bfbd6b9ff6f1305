//! The lines of a recording.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Bytes;
use crate::{Cancellation, ComponentKind, Error, Event, LogStream, TaskRef};

/// Version of the format. A reader refuses a higher one; kinds of entries that it does not know are no new version, they are passed over.
pub const VERSION: u32 = 1;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Microseconds since the recording began.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What happened at the boundary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Entry {
    /// The first line.
    Recording(Box<Header>),
    /// The host calls a component.
    Call {
        /// Numbers the calls from 1.
        call: u64,
        /// Of which kind the component is.
        component: ComponentKind,
        /// Its canonical type.
        #[serde(rename = "type")]
        type_name: String,
        /// `paths`, `plan`, `preview`, `run`, `attach`.
        method: String,
        /// The arguments, as they cross the boundary.
        payload: Value,
    },
    /// The component answers.
    Reply {
        /// Which call.
        call: u64,
        /// What.
        result: Answer,
    },
    /// Bytes of the task's output.
    Log {
        /// Of which call.
        call: u64,
        /// Where they were written.
        stream: LogStream,
        /// When, as the component says (Unix time in nanoseconds); 0 when it did not.
        #[serde(default, skip_serializing_if = "is_zero")]
        time: i64,
        /// The bytes.
        #[serde(flatten)]
        bytes: Bytes,
    },
    /// Output that is not in the file, because it was too much.
    Skipped {
        /// Of which call.
        call: u64,
        /// Bytes of standard output.
        stdout: u64,
        /// Bytes of standard error.
        stderr: u64,
    },
    /// The component reports a phase, a metric, a message, …
    Event {
        /// In which call.
        call: u64,
        /// What.
        event: Event,
    },
    /// The component asks the host for a service.
    Service {
        /// In which call.
        call: u64,
        /// Numbers what is asked, over all calls.
        number: u64,
        /// Name of the service, such as `checkpoint`.
        service: String,
        /// What is asked.
        payload: Value,
    },
    /// The host's service answers.
    Answer {
        /// In which call.
        call: u64,
        /// Which question.
        number: u64,
        /// What.
        result: Answer,
    },
    /// The component asked a system outside, and said so ([`Context::outside`](crate::Context::outside)).
    Outside {
        /// In which call.
        call: u64,
        /// What it asked, in its own words.
        question: Value,
        /// What it was answered.
        result: Answer,
    },
    /// The component was asked to end.
    Cancel {
        /// Which call.
        call: u64,
        /// Why, and how much time it has.
        #[serde(flatten)]
        cancellation: Cancellation,
    },
    /// A file that was in the working directory when the run began.
    File {
        /// Relative to the working directory.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// Digest of its real content, in hexadecimal.
        sha256: String,
        /// Its content, where that is recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<Bytes>,
    },
    /// The last line. Without it the host ended first.
    End(End),
    /// Of a newer host.
    #[serde(other)]
    Unknown,
}

/// What the recording is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Version of the format.
    pub version: u32,
    /// The host, such as `switchyard 0.1.0`.
    pub host: String,
    /// Version of the host's plugin API.
    pub api: String,
    /// When it began (RFC 3339).
    pub began: String,
    /// The attempt.
    pub task: TaskRef,
    /// Plugins whose components were called.
    pub plugins: Vec<RecordedPlugin>,
}

/// A plugin whose components were called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedPlugin {
    /// Its id, such as `docker`.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Digest of the library; absent for what is part of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// `in-process` or `subprocess`; absent for what is part of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<String>,
    /// Types of its components that were called.
    pub types: Vec<String>,
}

/// How the attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// State of the attempt, such as `FAILED`; absent when it goes on without this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// How many secrets were replaced in this file.
    pub masked: u64,
}

/// A value or an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The value.
    Ok(Value),
    /// The error.
    Error(Error),
}

impl Answer {
    /// Of a result. A value that is no JSON is an error of the plugin.
    pub fn of<T: Serialize>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(value) => match serde_json::to_value(value) {
                Ok(value) => Self::Ok(value),
                Err(error) => Self::Error(Error::plugin("plugin::not_json", error.to_string())),
            },
            Err(error) => Self::Error(error.clone()),
        }
    }

    /// As a result.
    pub fn into_result(self) -> Result<Value, Error> {
        match self {
            Self::Ok(value) => Ok(value),
            Self::Error(error) => Err(error),
        }
    }
}

fn is_zero(time: &i64) -> bool {
    *time == 0
}
