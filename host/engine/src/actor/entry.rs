//! The way in: the date, the checks, the limit of the flow. Spec 1.5 and 8.6.

use jiff::Timestamp;
use switchyard_model::{Level, State, concurrency::ConcurrencyBehavior};
use tokio::sync::oneshot;

use super::{Actor, Message, message::Control};
use crate::{core::Event, gate::Pass};

impl Actor {
    /// Begins, or waits until it may, or is refused.
    pub(super) async fn enter(&mut self) {
        if let Some(message) = self.failing.take() {
            self.execution_log().message(Level::Error, &format!("a check of the flow failed: {message}"));
            self.apply(Event::Refuse { state: State::Failed });
            return;
        }
        if let Some(date) = self.instance.execution().schedule_date {
            let wait = std::time::Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or_default();
            if !wait.is_zero() {
                self.write();
                if !self.wait_in_line(async move { tokio::time::sleep(wait).await }).await {
                    return;
                }
            }
        }
        let program = std::sync::Arc::clone(self.instance.program());
        let flow = &program.flow;
        let Some(concurrency) = &flow.concurrency else { return self.apply(Event::Begin) };
        let limit = concurrency.limit;
        self.pass = match &self.shared.places {
            None => self.shared.gates.enter(flow, limit),
            Some(places) => {
                let id = std::sync::Arc::clone(&self.instance.execution().id);
                let entered = places.enter(flow, limit, &id).await;
                entered.unwrap_or_else(|error| {
                    tracing::warn!(execution = %id, code = error.code(), %error, "places cannot be looked for");
                    None
                })
            }
        };
        if self.pass.is_some() {
            return self.apply(Event::Begin);
        }
        let running = match &self.shared.places {
            None => self.shared.gates.inside(flow),
            Some(places) => places.inside(flow).await,
        };
        let message = format!("{running} executions of the flow are running, the limit is {limit}");
        match concurrency.behavior {
            ConcurrencyBehavior::Queue => {
                self.execution_log().message(Level::Info, &format!("{message}: this one is queued"));
                let turn = match &self.shared.places {
                    None => self.shared.gates.queue(flow, limit),
                    Some(places) => places.queue(flow, limit, &self.instance.execution().id),
                };
                if self.instance.execution().state.current() != State::Queued {
                    self.apply(Event::Queue);
                }
                self.write();
                self.queue(turn).await;
            }
            ConcurrencyBehavior::Cancel => {
                self.execution_log().message(Level::Warn, &format!("{message}: this one is cancelled"));
                self.apply(Event::Refuse { state: State::Cancelled });
            }
            ConcurrencyBehavior::Fail => {
                self.execution_log().message(Level::Error, &format!("{message}: this one fails"));
                self.apply(Event::Refuse { state: State::Failed });
            }
        }
    }

    async fn queue(&mut self, turn: oneshot::Receiver<Pass>) {
        let (send, mut receive) = oneshot::channel();
        let turn = async move {
            if let Ok(pass) = turn.await {
                // Whoever waits no longer drops it.
                let _ = send.send(pass);
            }
        };
        if self.wait_in_line(turn).await {
            self.pass = receive.try_recv().ok().or_else(|| Some(self.forced()));
            self.apply(Event::Begin);
        }
    }

    /// Counts without regard to the limit.
    fn forced(&self) -> Pass {
        let flow = &self.instance.program().flow;
        match &self.shared.places {
            None => self.shared.gates.force(flow),
            Some(places) => places.force(flow, &self.instance.execution().id),
        }
    }

    /// Waits for its turn, or for somebody who forces it; `false` when the execution was ended meanwhile.
    async fn wait_in_line(&mut self, turn: impl Future<Output = ()>) -> bool {
        tokio::pin!(turn);
        loop {
            tokio::select! {
                () = &mut turn => return true,
                message = self.inbox.recv() => match message {
                    None => return false,
                    Some(Message::Control { control: Control::Force, answer }) => {
                        // Whoever asked may have gone.
                        let _ = answer.send(Ok(()));
                        return true;
                    }
                    Some(message) => {
                        self.take(message);
                        self.write();
                        if self.instance.is_complete() || self.leaving {
                            return false;
                        }
                    }
                },
            }
        }
    }

    /// A paused execution leaves room for another one; it comes back without being counted anew.
    pub(super) fn count(&mut self, state: State) {
        match state {
            State::Paused => self.pass = None,
            State::Running if self.pass.is_none() && self.instance.program().flow.concurrency.is_some() => self.pass = Some(self.forced()),
            _ => {}
        }
    }

    /// One that was running on an earlier host.
    pub(super) async fn count_again(&mut self) {
        let program = std::sync::Arc::clone(self.instance.program());
        if program.flow.concurrency.is_some() {
            self.pass = match &self.shared.places {
                None => Some(self.shared.gates.force(&program.flow)),
                Some(places) => Some(places.again(&program.flow, &self.instance.execution().id).await),
            };
        }
    }
}
