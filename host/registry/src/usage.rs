//! What each plugin has cost since the host started: its calls, and what the system says of its threads or its process.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use crate::isolation::Isolation;

/// One plugin whose library is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub plugin: String,
    pub version: String,
    pub isolation: Isolation,
    /// Calls and polls that have returned.
    pub calls: u64,
    /// How long they kept threads of the host, in microseconds.
    pub busy_micros: u64,
    pub longest_micros: u64,
    /// Of them polls of its futures, and how long these took.
    #[serde(default)]
    pub polls: u64,
    #[serde(default)]
    pub poll_micros: u64,
    /// Calls and runs that ended in an error, by its code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, u64>,
    /// Bytes of thread-local data of each thread.
    #[serde(default)]
    pub thread_local: u64,
    /// They are in the static TLS block, which has room for few libraries.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub static_tls: bool,
    /// Futures that are not finished.
    pub running: usize,
    /// Those of its own runtime; in a process of its own all of them.
    pub threads: usize,
    /// Processor time of these threads.
    pub cpu_millis: u64,
    /// Of its process, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Resident; what it takes in the host's process cannot be told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_kib: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<usize>,
    /// What the watchdog last found wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What the watchdog counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls {
    pub count: u64,
    pub busy: Duration,
    pub longest: Duration,
    pub running: usize,
    pub polls: u64,
    pub polling: Duration,
    pub errors: BTreeMap<String, u64>,
}

impl Calls {
    pub fn add(&mut self, took: Duration, poll: bool) {
        self.count += 1;
        if poll {
            self.polls += 1;
            self.polling += took;
        }
        self.busy += took;
        self.longest = self.longest.max(took);
    }
}

/// Codes of errors that are counted by themselves; a plugin may make one up for each of its errors.
const MOST_CODES: usize = 100;

impl Calls {
    pub fn failed(&mut self, code: &str) {
        let code = if self.errors.len() >= MOST_CODES && !self.errors.contains_key(code) { "other" } else { code };
        *self.errors.entry(code.to_owned()).or_default() += 1;
    }
}

/// What the system says of some threads or of a process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    pub threads: usize,
    pub cpu_millis: u64,
    pub memory_kib: Option<u64>,
    pub open_files: Option<usize>,
}

impl Facts {
    /// Of the threads of this process that a plugin's runtime has named.
    pub fn of_threads(plugin: &str) -> Self {
        // The system keeps fifteen bytes of a name.
        let name = format!("sy-{plugin}");
        let name = &name.as_bytes()[..name.len().min(15)];
        let mut facts = Self::default();
        for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten().map(|entry| entry.path()) {
            let comm = fs::read(thread.join("comm")).unwrap_or_default();
            if comm.strip_suffix(b"\n").unwrap_or(&comm) == name {
                facts.threads += 1;
                facts.cpu_millis += cpu_millis(&thread);
            }
        }
        facts
    }

    /// `None` when it is gone.
    pub fn of_process(pid: u32) -> Option<Self> {
        let process = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(process.join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            threads: field("Threads:").and_then(|count| usize::try_from(count).ok()).unwrap_or_default(),
            cpu_millis: cpu_millis(&process),
            memory_kib: field("VmRSS:"),
            open_files: fs::read_dir(process.join("fd")).ok().map(Iterator::count),
        })
    }
}

/// From `stat` of a thread or a process: user and system time, in ticks of which there are a hundred a second.
fn cpu_millis(place: &Path) -> u64 {
    let stat = fs::read_to_string(place.join("stat")).unwrap_or_default();
    // The name before may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) * 10
}
