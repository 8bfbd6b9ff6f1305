//! The end by force: kill, broken promises, time limits of flowables.

use switchyard_model::{State, sla::SlaBehavior};

use super::{
    event::{Ask, Effect},
    frame::{Owner, Stage},
    instance::{Instance, RunIx, has_frame},
};

impl Instance {
    /// Ends everything: what has not started ends at once, what runs is asked to stop and reports its end itself.
    pub(super) fn kill(&mut self) {
        if self.root.stage == Stage::After {
            // The state is final; only what runs after it is stopped.
            self.root.pending.clear();
            self.halt(|_| true);
            if self.root.active == 0 {
                self.advance(Owner::Flow);
            }
            return;
        }
        if self.killing || self.root.stage == Stage::Done {
            return;
        }
        self.killing = true;
        self.set_execution(State::Killing);
        let withheld = self.withheld.take().unwrap_or_default();
        let any = self.halt(|_| true);
        self.let_go(withheld);
        if !any {
            self.root.stage = self.root.stage.max(Stage::Body);
            self.advance(Owner::Flow);
        }
    }

    /// A promise of the flow is broken. Only the first one counts.
    pub(super) fn violated(&mut self, number: usize) {
        let program = std::sync::Arc::clone(&self.program);
        let Some(sla) = program.flow.sla.get(number) else { return };
        if self.violated || self.root.stage >= Stage::After {
            return;
        }
        self.violated = true;
        self.change(sla.labels.clone(), None);
        let end = match sla.behavior {
            SlaBehavior::None => return,
            SlaBehavior::Fail => State::Failed,
            SlaBehavior::Cancel => State::Cancelled,
        };
        if !self.killing {
            self.end_as = Some(end);
            self.kill();
        }
    }

    /// A flowable took longer than it may: what is below it ends, then it fails.
    pub(super) fn expire(&mut self, run: RunIx) {
        if self.is_halted(Owner::Run(run)) || self.execution.task_run_list[run].state.current().is_terminal() {
            return;
        }
        let owner = Owner::Run(run);
        let paused = self.execution.task_run_list[run].state.current() == State::Paused;
        let Some(frame) = &mut self.runs[run].frame else {
            // A pause that starts nothing has no frame yet; any other flowable without one is still being asked.
            if paused {
                self.unpause_failed(run);
            } else {
                self.runs[run].expired = true;
            }
            return;
        };
        match frame.stage {
            Stage::Opening | Stage::Pausing if paused => self.unpause_failed(run),
            // Between two rounds of a LoopUntil.
            Stage::Opening if frame.iterations > 0 && !self.open.is_asked(run, Ask::Condition) => self.body_over(owner, true),
            Stage::Body => {
                frame.expired = true;
                let below = self.below(run);
                for child in &below {
                    self.runs[*child].stopped = true;
                }
                self.halt(|run| below.contains(&run));
                // Iterations that were to tell what they give.
                self.advance(owner);
            }
            _ => {}
        }
    }

    /// Open runs below a run.
    fn below(&self, run: RunIx) -> std::collections::HashSet<RunIx> {
        let mut found = std::collections::HashSet::from([run]);
        for child in run + 1..self.runs.len() {
            if self.runs[child].parent.is_some_and(|parent| found.contains(&parent)) {
                found.insert(child);
            }
        }
        found.remove(&run);
        found
    }

    /// Whether nothing new may start in this frame.
    pub(super) fn is_halted(&self, owner: Owner) -> bool {
        self.killing || owner.run().is_some_and(|run| self.runs[run].stopped)
    }

    /// Stops open runs; `false` when there was none.
    fn halt(&mut self, wanted: impl Fn(RunIx) -> bool) -> bool {
        let open: Vec<RunIx> =
            (0..self.runs.len()).filter(|run| wanted(*run) && !self.execution.task_run_list[*run].state.current().is_terminal()).collect();
        // Children first: a parent ends when its last child has.
        for run in open.iter().rev().copied() {
            let state = self.execution.task_run_list[run].state.current();
            if state.is_terminal() {
                continue;
            }
            let active = self.runs[run].frame.as_ref().is_some_and(|frame| frame.active > 0);
            match state {
                State::Running if has_frame(&self.program, self.runs[run].task) => {
                    let between = self.runs[run].frame.as_ref().is_some_and(|frame| {
                        frame.stage == Stage::Opening && frame.iterations > 0 && !self.open.is_asked(run, Ask::Condition)
                    });
                    if between {
                        // A LoopUntil between two iterations has no child to wait for.
                        self.finish(run, State::Killed);
                    }
                }
                State::Paused if active => {
                    // Its `onPause` has to end first.
                    self.set(run, State::Killing);
                    if let Some(frame) = &mut self.runs[run].frame {
                        frame.stage = Stage::Body;
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
        !open.is_empty()
    }
}
