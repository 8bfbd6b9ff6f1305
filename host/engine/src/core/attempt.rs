//! Attempts of runnable tasks: how they begin and end, and whether another one follows.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use switchyard_model::{Attempt, State, retry::RetryBehavior};

use super::{
    event::{Effect, TaskEnd, TimerKind},
    frame::{Owner, Stage},
    instance::{Instance, RunIx},
};

/// What comes of a failed attempt.
enum Next {
    Attempt(Timestamp),
    Execution,
    Nothing,
}

impl Instance {
    pub(super) fn started(&mut self, run: RunIx) {
        if self.execution.task_run_list[run].state.current().is_created() {
            self.set(run, State::Running);
            let attempt = Attempt::new(State::Running, self.now);
            self.execution.task_run_list[run].attempts.push(attempt);
        }
    }

    /// The attempt that is under way failed; another one begins.
    pub(super) fn again(&mut self, run: RunIx) {
        if self.execution.task_run_list[run].state.current().is_terminal() {
            return;
        }
        if let Some(attempt) = self.execution.task_run_list[run].attempts.last_mut()
            && !attempt.state.current().is_terminal()
        {
            attempt.state.push(State::Failed, self.now);
        }
        if self.execution.state.current() != State::Running || self.generation == 0 {
            self.set_execution(State::Restarted);
            self.set_execution(State::Running);
        }
        // What is spawned from now on is not what was spawned before under the same number.
        self.generation = self.generation.max(1);
        self.set(run, State::Restarted);
        self.effects.push(Effect::Start { run });
    }

    pub(super) fn ended(&mut self, run: RunIx, end: TaskEnd) {
        if self.execution.task_run_list[run].state.current().is_terminal() {
            return;
        }
        let mut state = end.state.unwrap_or(State::Failed);
        if let Some(attempt) = self.execution.task_run_list[run].attempts.last_mut()
            && !attempt.state.current().is_terminal()
        {
            attempt.state.push(state, self.now);
            attempt.metrics = end.metrics;
            attempt.log_file = end.log_file.map(Into::into);
        }
        self.put_outputs(run, end.outputs);
        self.add_parts(run, end.parts);
        if state == State::Failed && !self.is_halted(Owner::Run(run)) {
            match self.next_attempt(run, end.random) {
                Next::Attempt(at) => {
                    self.set(run, State::Retrying);
                    self.set_execution(State::Retrying);
                    self.effects.push(Effect::Timer { run, kind: TimerKind::Retry, at });
                    return;
                }
                Next::Execution => {
                    self.exit = Some(State::Retried);
                    self.finish(run, State::Retried);
                    return;
                }
                Next::Nothing => {}
            }
        }
        let program = Arc::clone(&self.program);
        let def = program.def(self.runs[run].task);
        let retried = self.execution.task_run_list[run].attempts.len() > 1;
        if state == State::Success && retried && def.retry.as_ref().is_some_and(|retry| retry.warning_on_retry) {
            state = State::Warning;
        }
        if let Some(exit) = end.exit {
            self.exit = Some(exit);
        }
        self.finish(run, state);
    }

    /// Whether and when it is tried again.
    fn next_attempt(&mut self, run: RunIx, random: f64) -> Next {
        let program = Arc::clone(&self.program);
        let def = program.def(self.runs[run].task);
        // Children of a WorkingDirectory are not retried one by one; spec 4.3.
        let Some(retry) = def.retry.as_ref().filter(|_| def.working_directory.is_none()) else { return Next::Nothing };
        // What runs once the state is final changes it no more.
        if self.root.stage >= Stage::After && retry.behavior == RetryBehavior::CreateNewExecution {
            return Next::Nothing;
        }
        let anew = retry.behavior == RetryBehavior::CreateNewExecution;
        let document = &self.execution.task_run_list[run];
        let (attempts, first) = if anew {
            (u64::from(self.execution.metadata.attempt_number), self.execution.metadata.original_created_date)
        } else {
            let first = document.attempts.first().map_or(document.state.start_date(), |attempt| attempt.state.start_date());
            (document.attempts.len().max(1) as u64, first)
        };
        if retry.max_attempts.is_some_and(|most| attempts >= most) {
            return Next::Nothing;
        }
        let Some(at) = self.after(retry.policy.delay(attempts, random)) else { return Next::Nothing };
        let last = retry.max_duration.and_then(|most| first.checked_add(SignedDuration::try_from(most).ok()?).ok());
        if last.is_some_and(|last| at > last) {
            return Next::Nothing;
        }
        if anew {
            self.successor = Some(at);
            return Next::Execution;
        }
        Next::Attempt(at)
    }

    /// This long from now.
    pub(super) fn after(&self, wait: std::time::Duration) -> Option<Timestamp> {
        self.now.checked_add(SignedDuration::try_from(wait).ok()?).ok()
    }

    pub(super) fn timer(&mut self, run: RunIx, kind: TimerKind) {
        let state = self.execution.task_run_list[run].state.current();
        match kind {
            TimerKind::Retry if state == State::Retrying && !self.killing => {
                self.set(run, State::Created);
                self.goes_on();
                self.effects.push(Effect::Start { run });
            }
            TimerKind::Iterate if state == State::Running => self.iterate(run),
            // Of a pause that began anew.
            TimerKind::Pause if state == State::Paused && self.runs[run].until.is_some_and(|until| self.now < until) => {
                let at = self.runs[run].until.unwrap_or(self.now);
                self.effects.push(Effect::Timer { run, kind, at });
            }
            TimerKind::Pause if state == State::Paused => self.pause_over(run),
            TimerKind::Timeout if !state.is_terminal() => self.expire(run),
            _ => {}
        }
    }
}
