//! Where the lines of an execution and of its task runs go.

use std::sync::Arc;

use switchyard_model::Level;

use super::Actor;
use crate::{
    attempt::{LogFile, TaskLog, directory_id},
    core::RunIx,
    notice::TaskTag,
};

impl Actor {
    /// For what concerns no single task.
    pub(super) fn execution_log(&self) -> TaskLog {
        let execution = self.instance.execution();
        let tag = TaskTag {
            execution: Arc::clone(&execution.id),
            task_id: Arc::clone(&execution.flow_id),
            taskrun_id: Arc::clone(&execution.id),
            value: None,
            depth: 0,
        };
        TaskLog::new(&self.logs, &self.shared.observer, tag, 0, None, self.services.masker().unwrap_or_default())
    }

    pub(super) fn log(&self, run: RunIx) -> TaskLog {
        let attempt = self.attempt_of(run);
        let minimum = self.instance.program().def(self.instance.task_of(run)).task.common.log_level;
        TaskLog::new(&self.logs, &self.shared.observer, self.tag(run), attempt, minimum, self.services.masker().unwrap_or_default())
    }

    /// The log of an attempt that may want a file of its own.
    pub(super) fn own_log(&self, run: RunIx) -> TaskLog {
        let log = self.log(run);
        if !self.instance.program().def(self.instance.task_of(run)).task.common.log_to_file {
            return log;
        }
        let document = self.instance.task_run(run);
        let path = self.shared.work_dirs.path(&format!("{}.log", directory_id(document, self.attempt_of(run))));
        match LogFile::create(path) {
            Ok(file) => log.into_file(file),
            Err(error) => {
                log.message(Level::Warn, &format!("`logToFile` has no effect, the file cannot be made: {error}"));
                log
            }
        }
    }

    /// The number of the attempt that runs or comes next.
    pub(super) fn attempt_of(&self, run: RunIx) -> usize {
        self.instance.task_run(run).attempts.iter().filter(|attempt| attempt.state.current().is_terminal()).count()
    }

    pub(super) fn tag(&self, run: RunIx) -> TaskTag {
        let document = self.instance.task_run(run);
        let depth = std::iter::successors(self.instance.parent_of(run), |run| self.instance.parent_of(*run)).count();
        TaskTag {
            execution: Arc::clone(&document.execution_id),
            task_id: Arc::clone(&document.task_id),
            taskrun_id: Arc::clone(&document.id),
            value: document.value.clone(),
            depth,
        }
    }
}
