//! A break for the whole execution: what runs ends, nothing new begins. Spec 8.5.

use switchyard_model::State;

use super::{
    event::{Ask, Effect},
    frame::Owner,
    instance::{Instance, RunIx, has_frame},
};

impl Instance {
    /// Whether somebody paused the execution as a whole.
    pub fn is_held(&self) -> bool {
        self.withheld.is_some()
    }

    /// Whether a run has to wait for the end of the break.
    pub fn is_withheld(&self, run: RunIx) -> bool {
        self.withheld.iter().flatten().any(|effect| matches!(effect, Effect::Start { run: of } if *of == run))
    }

    /// Only what runs can be paused.
    pub fn can_be_held(&self) -> bool {
        self.is_watched() && matches!(self.execution.state.current(), State::Running | State::Retrying | State::Restarted)
    }

    pub(super) fn hold(&mut self) {
        if !self.can_be_held() {
            return;
        }
        self.set_execution(State::Paused);
        // What waits for a slot has not begun.
        let waiting: Vec<RunIx> = self.in_flight().filter(|run| self.execution.task_run_list[*run].state.current().is_created()).collect();
        for run in &waiting {
            self.open.forget(*run);
            self.effects.push(Effect::Withdraw { run: *run });
        }
        self.withheld = Some(waiting.into_iter().map(|run| Effect::Start { run }).collect());
    }

    /// Keeps back what would begin something.
    pub(super) fn withhold(&mut self) {
        if let Some(withheld) = &mut self.withheld {
            let begins = |effect: &mut Effect| matches!(effect, Effect::Start { .. } | Effect::Ask { ask: Ask::Open, .. });
            withheld.extend(self.effects.extract_if(.., begins));
        }
    }

    /// The break is over.
    pub(super) fn release(&mut self) {
        let Some(withheld) = self.withheld.take() else { return };
        self.let_go(withheld);
        self.goes_on();
        self.advance(Owner::Flow);
    }

    /// What was kept back and still has to begin.
    pub(super) fn let_go(&mut self, withheld: Vec<Effect>) {
        let open = |effect: &Effect| match effect {
            Effect::Start { run } | Effect::Ask { run, .. } => !self.execution.task_run_list[*run].state.current().is_terminal(),
            _ => true,
        };
        let released: Vec<Effect> = withheld.into_iter().filter(open).collect();
        self.effects.extend(released);
    }

    /// Paused tasks begin anew: a restart of a paused execution.
    pub(super) fn pause_anew(&mut self) {
        let paused: Vec<RunIx> = self.paused().collect();
        if paused.is_empty() && !self.is_held() {
            return;
        }
        self.set_execution(State::Restarted);
        for run in paused {
            // Its `onPause` is still at work: it has only just begun.
            if self.runs[run].frame.as_ref().is_some_and(|frame| frame.active > 0) {
                continue;
            }
            self.runs[run].frame = None;
            self.set(run, State::Restarted);
            self.set(run, State::Running);
            if has_frame(&self.program, self.runs[run].task) {
                self.effects.push(Effect::Ask { run, ask: Ask::Open });
            }
        }
        self.release();
        self.goes_on();
    }
}
