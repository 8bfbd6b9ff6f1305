//! What people want of an execution that is under way: a break, or that it goes on. Spec 8.5.

use switchyard_model::{JsonMap, Label, State};
use switchyard_plugin_api::Error;
use tokio::sync::oneshot;

use super::{Actor, message::Control};
use crate::{
    core::Event,
    engine::{RESTARTED, Refused},
};

impl Actor {
    pub(super) fn control(&mut self, control: Control, answer: oneshot::Sender<Result<(), Refused>>) {
        let result = match control {
            Control::Pause => self.pause(),
            Control::Force => self.force(),
            Control::PauseAnew => self.pause_anew(),
        };
        self.write();
        // Whoever asked may have gone.
        let _ = answer.send(result);
    }

    fn pause(&mut self) -> Result<(), Refused> {
        if !self.instance.can_be_held() {
            return Err(self.refusal("execution::not_running", "is not running", "only a running execution can be paused"));
        }
        self.apply(Event::Hold);
        Ok(())
    }

    /// What waits for its turn is begun elsewhere; see [`wait_in_line`](Self::wait_in_line).
    fn force(&mut self) -> Result<(), Refused> {
        let state = self.instance.execution().state.current();
        if state == State::Killing {
            return Err(self.refusal("execution::not_running", "is being killed", "wait for its end"));
        }
        if self.holding && (state.is_created() || state == State::Queued) {
            self.apply(Event::Begin);
        }
        if self.instance.is_held() {
            self.apply(Event::Release);
        }
        loop {
            let paused = self.instance.paused().next().map(|run| self.instance.task_run(run).id.to_string());
            let Some(id) = paused else { break };
            let (run, outputs) = self.resumed(Some(&id), &JsonMap::new())?;
            self.apply(Event::Resume { run, outputs });
        }
        Ok(())
    }

    fn pause_anew(&mut self) -> Result<(), Refused> {
        if self.instance.execution().state.current() != State::Paused {
            return Err(self.refusal("execution::not_over", "is not over", "only one that is over or paused can be restarted"));
        }
        self.apply(Event::PauseAnew);
        self.apply(Event::Change { labels: vec![Label::new(RESTARTED, "true")], variables: None });
        Ok(())
    }

    fn refusal(&self, code: &str, what: &str, help: &str) -> Refused {
        let id = &self.instance.execution().id;
        Refused::Error(Error::user(code, format!("the execution {id} {what}")).with_help(help))
    }
}
