//! Promises of the flow, time limits of flowables, listeners. Spec 1.4 and 2.

use jiff::{SignedDuration, Timestamp};
use switchyard_model::{Level, sla::SlaPromise};

use super::{Actor, Message};
use crate::{
    condition::Conditions,
    context::RunScope,
    core::{Event, RunIx},
    task::duration,
};

impl Actor {
    /// Watches the time of a promise.
    pub(super) fn promise(&self, sla: usize, at: Timestamp, now: Timestamp) {
        let wait = std::time::Duration::try_from(at.duration_since(now)).unwrap_or_default();
        let outbox = self.outbox.clone();
        let log = self.execution_log();
        let promised = self.instance.program().flow.sla.get(sla).map(|sla| sla.id.to_string()).unwrap_or_default();
        let violated = self.violation.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if !violated.swap(true, std::sync::atomic::Ordering::Relaxed) {
                log.message(Level::Error, &format!("SLA `{promised}` is violated: the execution takes longer than promised"));
                // The execution may be over.
                let _ = outbox.send(Message::Event(Event::Violated { sla }));
            }
        });
    }

    /// The first assertion that does not hold any more.
    pub(super) fn broken_promise(&self) -> Option<Event> {
        let flow = &self.instance.program().flow;
        let assertions = flow.sla.iter().enumerate().filter_map(|(number, sla)| match &sla.promise {
            SlaPromise::ExecutionAssertion(assertion) => Some((number, sla, assertion)),
            SlaPromise::MaxDuration(_) => None,
        });
        for (number, sla, assertion) in assertions {
            if !self.instance.is_watched() {
                return None;
            }
            let scope = RunScope::new(&self.instance, None, &self.fixed, &self.services);
            let reason = match self.shared.expr.render_condition(assertion, &scope) {
                Ok(true) => continue,
                Ok(false) => format!("`{assertion}` does not hold"),
                // What it asks about may not be there yet.
                Err(error) if error.code() == "expr::missing" => continue,
                Err(error) => format!("`{assertion}` cannot be rendered: {error}"),
            };
            if !self.violation.swap(true, std::sync::atomic::Ordering::Relaxed) {
                self.execution_log().message(Level::Error, &format!("SLA `{}` is violated: {reason}", sla.id));
                return Some(Event::Violated { sla: number });
            }
        }
        None
    }

    /// When a flowable has to be done.
    pub(super) fn deadline(&self, run: RunIx, now: Timestamp) -> Option<Event> {
        let task = &self.instance.program().def(self.instance.task_of(run)).task;
        let timeout = task.common.timeout.as_ref()?;
        let scope = RunScope::new(&self.instance, Some(run), &self.fixed, &self.services);
        match duration(&self.shared.expr, timeout, &scope) {
            Ok(timeout) => {
                let at = now.checked_add(SignedDuration::try_from(timeout).ok()?).ok()?;
                Some(Event::Deadline { run, at })
            }
            Err(error) => {
                self.log(run).error(&error);
                Some(Event::Deadline { run, at: now })
            }
        }
    }

    /// The listeners that want to run.
    pub(super) fn listeners(&self, now: Timestamp) -> Vec<usize> {
        let scope = RunScope::new(&self.instance, None, &self.fixed, &self.services);
        let execution = Some(self.instance.execution());
        let conditions = Conditions { expr: &self.shared.expr, scope: &scope, execution, now };
        let listeners = &self.instance.program().flow.listeners;
        let holds = |(place, listener): (usize, &switchyard_model::flow::Listener)| match conditions.all(&listener.conditions) {
            Ok(holds) => holds.then_some(place),
            Err(error) => {
                self.execution_log().error(&error);
                None
            }
        };
        listeners.iter().enumerate().filter_map(holds).collect()
    }
}
