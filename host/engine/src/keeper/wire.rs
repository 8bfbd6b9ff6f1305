//! What host and keeper say to each other: one JSON document per line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counted up when the words change their meaning.
pub const PROTOCOL: u32 = 1;

/// From the host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub enum Request {
    /// The environment of the processes that this host starts, below each one's own.
    Hello { env: BTreeMap<String, String> },
    /// Starts a process, unless one of this key was started before.
    Spawn(Box<Spawn>),
    /// The ends of these processes are kept elsewhere now.
    Forget { keys: Vec<String> },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Spawn {
    pub key: String,
    /// A path; names are looked up by the host.
    pub program: String,
    /// As the process sees them, its own name first.
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// `env` is all that it gets.
    #[serde(default)]
    pub alone: bool,
    pub directory: String,
}

/// From the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Answer {
    /// The first one: everything that it keeps.
    Keeping {
        protocol: u32,
        pid: u32,
        processes: Vec<Process>,
    },
    Spawned {
        key: String,
        pid: i32,
    },
    /// The system refused with this number.
    Refused {
        key: String,
        error: i32,
    },
    Exited {
        key: String,
        status: Status,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Process {
    pub key: String,
    pub pid: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

/// One line.
pub fn line(words: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(words).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Takes whole lines out of a buffer and leaves the rest.
pub fn lines<T: for<'a> Deserialize<'a>>(buffer: &mut Vec<u8>, mut take: impl FnMut(T)) {
    let Some(end) = memchr::memrchr(b'\n', buffer) else { return };
    let rest = buffer.split_off(end + 1);
    for line in std::mem::replace(buffer, rest).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(words) => take(words),
            Err(error) => tracing::error!(%error, "host and keeper do not understand each other"),
        }
    }
}
