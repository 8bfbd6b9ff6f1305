mod crash;
mod packing;
mod reading;

use super::{ExecutionLog, Logs};

pub(super) fn log() -> (tempfile::TempDir, ExecutionLog) {
    let directory = tempfile::tempdir().unwrap();
    let log = Logs::new(directory.path()).execution("e1").unwrap();
    (directory, log)
}

/// Every line as `attempt source time text`.
pub(super) fn lines(log: &ExecutionLog) -> Vec<String> {
    let mut reader = log.lines(1_000).unwrap();
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        lines.push(line);
    }
    lines.extend(reader.unfinished());
    lines.iter().map(|line| format!("{} {:?} {} {}", line.attempt, line.source, line.time, line.text)).collect()
}
