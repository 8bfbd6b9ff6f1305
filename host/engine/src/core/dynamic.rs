//! Parts of a task's work that have task runs of their own: models of dbt, tasks of Ansible. They are over when they become known.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use switchyard_model::{Attempt, JsonMap, State, StateHistory, TaskRun};

use super::{
    event::Effect,
    instance::{Instance, Run, RunIx, derived_id},
};

/// One part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Becomes the `taskId`.
    pub id: Arc<str>,
    pub state: State,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    #[serde(default)]
    pub outputs: JsonMap,
}

impl Instance {
    /// Puts the parts of a run into the list of task runs, below it. Nothing decides by them: the run's own end counts.
    pub(super) fn add_parts(&mut self, parent: RunIx, parts: Vec<Part>) {
        for part in parts {
            let number = self.runs.len();
            let document = &self.execution.task_run_list[parent];
            let ended = part.ended.unwrap_or(self.now);
            let started = part.started.unwrap_or(ended).min(ended);
            let running = StateHistory::new(State::Created, started).with(State::Running, started).with(part.state, ended);
            let mut attempt = Attempt::new(State::Running, started);
            attempt.state.push(part.state, ended);
            let id = derived_id(&self.execution.id, self.numbered(number));
            let run = TaskRun {
                id: Arc::clone(&id),
                execution_id: Arc::clone(&self.execution.id),
                namespace: Arc::clone(&self.execution.namespace),
                flow_id: Arc::clone(&self.execution.flow_id),
                task_id: part.id,
                parent_task_run_id: Some(Arc::clone(&document.id)),
                value: document.value.clone(),
                iteration: document.iteration,
                attempts: vec![attempt],
                outputs: Arc::new(part.outputs),
                state: running,
            };
            self.execution.task_run_list.push(run);
            let facts = &self.runs[parent];
            let (task, group, values, scope) = (facts.task, facts.group, Arc::clone(&facts.values), facts.scope);
            self.runs.push(Run {
                task,
                parent: Some(parent),
                group,
                values,
                frame: None,
                scope,
                stopped: false,
                expired: false,
                until: None,
            });
            self.remember(id, number);
            self.effects.push(Effect::Changed { run: Some(number), state: part.state });
        }
    }
}
