//! The log of an execution as entries: who said what, and when.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use switchyard_model::{Execution, Level};
use switchyard_plugin_api::Error;
use switchyard_store::logs::{self, ExecutionLog, Source, Stream};

/// Which entries.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Nothing below this level.
    pub least: Level,
    /// Only of these tasks; empty means all.
    pub tasks: Vec<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { least: Level::Trace, tasks: Vec::new() }
    }
}

/// One line or message.
#[derive(Debug, Clone)]
pub struct Entry {
    pub execution_id: Arc<str>,
    pub namespace: Arc<str>,
    pub flow_id: Arc<str>,
    pub task_id: Option<Arc<str>>,
    pub taskrun_id: String,
    pub attempt: u64,
    pub level: Level,
    pub time: i64,
    pub message: String,
}

/// A longer line is cut; the log itself keeps it whole.
const LONGEST: usize = 64 * 1024;

impl Entry {
    pub fn to_json(&self) -> Json {
        let at = Timestamp::from_nanosecond(i128::from(self.time)).unwrap_or_default();
        json!({
            "namespace": self.namespace,
            "flowId": self.flow_id,
            "executionId": self.execution_id,
            "taskId": self.task_id,
            "taskRunId": self.taskrun_id,
            "attemptNumber": self.attempt,
            "timestamp": at,
            "level": self.level.name(),
            "message": self.message,
        })
    }
}

/// The entries of an execution up to now.
pub fn of(log: &ExecutionLog, execution: &Execution, wanted: &Wanted) -> Result<Vec<Entry>, Error> {
    let failed = |error: logs::Error| Error::environment(error.code(), error.to_string());
    let tasks: HashMap<&str, &Arc<str>> = execution.task_run_list.iter().map(|run| (&*run.id, &run.task_id)).collect();
    let mut lines = log.lines(LONGEST).map_err(failed)?;
    let mut entries = Vec::new();
    while let Some(line) = lines.next_line().map_err(failed)? {
        let level = level_of(line.source);
        let (run, attempt) = line.attempt.split_once('/').unwrap_or((&line.attempt, "0"));
        let task_id = tasks.get(run).map(|id| Arc::clone(id));
        let chosen = wanted.tasks.is_empty() || task_id.as_ref().is_some_and(|id| wanted.tasks.iter().any(|task| **task == **id));
        if level >= wanted.least && chosen {
            entries.push(Entry {
                execution_id: Arc::clone(&execution.id),
                namespace: Arc::clone(&execution.namespace),
                flow_id: Arc::clone(&execution.flow_id),
                task_id,
                taskrun_id: run.to_owned(),
                attempt: attempt.parse().unwrap_or_default(),
                level,
                time: line.time,
                message: line.text,
            });
        }
    }
    Ok(entries)
}

fn level_of(source: Source) -> Level {
    match source {
        Source::Message(level) => match level {
            logs::Level::Trace => Level::Trace,
            logs::Level::Debug => Level::Debug,
            logs::Level::Info => Level::Info,
            logs::Level::Warn => Level::Warn,
            logs::Level::Error => Level::Error,
        },
        other => match other.stream() {
            Some(Stream::Stderr) => Level::Error,
            _ => Level::Info,
        },
    }
}
