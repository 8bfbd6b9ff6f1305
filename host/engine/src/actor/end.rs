//! The end of an execution: its outputs, its document, the one that tries again.

use std::sync::Arc;

use switchyard_model::{Execution, Level, TaskKind};

use super::{Actor, Message};
use crate::{
    attempt::directory_id,
    context::RunScope,
    core::Event,
    engine::{Original, Submission},
    loops, working_directory,
};

impl Actor {
    /// The end, in the journal. `None`: the host goes before it could be written, and the next one comes to the same end.
    pub async fn finish(mut self) -> Option<Execution> {
        self.summarize(true);
        let mut ticket = self.shared.journal.commit(std::mem::take(&mut self.writes));
        let written = loop {
            tokio::select! {
                biased;
                written = &mut ticket => break written,
                message = self.inbox.recv() => match message {
                    Some(Message::Document { answer }) => {
                        // Whoever asked may have gone.
                        let _ = answer.send(self.instance.execution().clone());
                    }
                    Some(Message::Detach | Message::Fence) if self.shared.journal.stalled().borrow().is_some() => return None,
                    Some(_) => {}
                    None => break ticket.await,
                },
            }
        };
        if let Err(error) = written {
            tracing::error!(execution = %self.instance.execution().id, code = error.code(), %error, "the journal could not keep the end of an execution");
        } else if self.shared.durable {
            self.remove_directories();
        }
        self.logs.end();
        Some(self.instance.execution().clone())
    }

    /// The execution that tries again: the same inputs, labels and trigger.
    pub fn successor(&self) -> Option<Submission> {
        let at = self.instance.successor()?;
        let execution = self.instance.execution();
        let attempt = execution.metadata.attempt_number + 1;
        // They are sealed again, in the new execution.
        let inputs = serde_json::Value::Object((*execution.inputs).clone());
        let inputs = match &self.shared.vault {
            Some(vault) => crate::vault::opened(Some(vault), &inputs, &|secret| self.services.conceal(secret)),
            None => inputs,
        };
        Some(Submission {
            inputs: inputs.as_object().cloned().unwrap_or_default(),
            labels: execution.labels.clone(),
            id: Some(crate::core::derived_id(&execution.original_id, u64::from(attempt))),
            revision: Some(execution.flow_revision),
            trigger: execution.trigger.clone(),
            schedule_date: Some(at),
            depth: execution.metadata.depth,
            original: Some(Original { id: Arc::clone(&execution.original_id), created: execution.metadata.original_created_date, attempt }),
            ..Submission::default()
        })
    }

    pub(super) fn flow_outputs(&self) -> Event {
        let scope = RunScope::new(&self.instance, None, &self.fixed, &self.services).with_logs(&self.logs);
        match loops::render_outputs(&self.instance.program().flow.outputs, &self.shared.expr, &scope) {
            Ok(outputs) => Event::Outputs { outputs: Some(outputs), failed: false },
            Err(error) => {
                let log = self.execution_log();
                log.message(Level::Error, "the flow's output values could not be rendered");
                log.error(&error);
                Event::Outputs { outputs: None, failed: true }
            }
        }
    }

    /// The shared directories of WorkingDirectory tasks.
    pub(super) fn remove_directories(&self) {
        for (run, document) in self.instance.execution().task_run_list.iter().enumerate() {
            let task = &self.instance.program().def(self.instance.task_of(run)).task;
            if matches!(task.kind, TaskKind::WorkingDirectory(_))
                && let Ok(directory) = self.shared.work_dirs.at(&directory_id(document, 0))
                && directory.path().exists()
            {
                working_directory::remove(&directory);
            }
        }
    }
}
