//! Control from outside: kill.

use switchyard_model::State;

use super::{
    event::Effect,
    flowable::{Owner, Stage},
    instance::{Instance, RunIx, has_frame},
};

impl Instance {
    /// Ends everything: what has not started ends at once, what runs is asked to stop and reports its end itself.
    pub(super) fn kill(&mut self) {
        if self.killing || matches!(self.root.stage, Stage::After | Stage::Done) {
            return;
        }
        self.killing = true;
        self.set_execution(State::Killing);
        let open: Vec<RunIx> =
            (0..self.runs.len()).filter(|run| !self.execution.task_run_list[*run].state.current().is_terminal()).collect();
        if open.is_empty() {
            self.root.stage = self.root.stage.max(Stage::Body);
            self.advance_for_kill(Owner::Flow);
            return;
        }
        // Children first: a parent ends when its last child has.
        for run in open.into_iter().rev() {
            let state = self.execution.task_run_list[run].state.current();
            if state.is_terminal() {
                continue;
            }
            let flowable = has_frame(&self.program, self.runs[run].task);
            match state {
                State::Running if flowable => {
                    let waits = self.runs[run].frame.as_ref().is_some_and(|frame| frame.stage == Stage::Opening && frame.iterations > 0);
                    if waits {
                        // A LoopUntil between two iterations has no child to wait for.
                        self.finish(run, State::Killed);
                    }
                }
                State::Running => {
                    self.set(run, State::Killing);
                    self.effects.push(Effect::Stop { run });
                }
                State::Killing => {}
                _ => self.finish(run, State::Killed),
            }
        }
    }
}
