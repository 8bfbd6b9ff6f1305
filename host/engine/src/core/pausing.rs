//! Pauses: their time, their end, and a [break](super::hold) of the whole execution that they may fall into.

use std::sync::Arc;

use switchyard_model::{JsonMap, State, TaskKind, task::PauseBehavior};

use super::{
    frame::Owner,
    instance::{Instance, RunIx},
};

impl Instance {
    /// A pause ran out of time: what then happens is written in the task.
    pub(super) fn pause_over(&mut self, run: RunIx) {
        let program = Arc::clone(&self.program);
        let TaskKind::Pause(pause) = &program.def(self.runs[run].task).task.kind else { return };
        match pause.behavior {
            PauseBehavior::Resume => self.resume(run, JsonMap::new()),
            PauseBehavior::Warn => {
                self.frame(Owner::Run(run)).worst.add(State::Warning);
                self.resume(run, JsonMap::new());
            }
            PauseBehavior::Fail => self.unpause_failed(run),
            PauseBehavior::Cancel => {
                self.exit = Some(State::Cancelled);
                self.set(run, State::Running);
                self.goes_on();
                let frame = self.frame(Owner::Run(run));
                frame.worst.add(State::Killed);
                frame.pending.clear();
                self.body_over(Owner::Run(run), false);
            }
        }
    }

    pub(super) fn resume(&mut self, run: RunIx, outputs: JsonMap) {
        if self.execution.task_run_list[run].state.current() != State::Paused {
            return;
        }
        self.put_outputs(run, outputs);
        self.set(run, State::Running);
        self.goes_on();
        let body = self.program.def(self.runs[run].task).body.clone();
        self.open_body(Owner::Run(run), body, None, 1);
    }

    /// A pause that ends in a failure.
    pub(super) fn unpause_failed(&mut self, run: RunIx) {
        self.set(run, State::Running);
        self.goes_on();
        self.frame(Owner::Run(run)).pending.clear();
        self.body_over(Owner::Run(run), true);
    }

    /// The execution runs, unless another task still pauses it.
    pub(super) fn goes_on(&mut self) {
        if self.paused == 0 {
            self.set_execution(State::Running);
        }
    }
}
