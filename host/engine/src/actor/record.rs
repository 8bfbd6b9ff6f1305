//! What the journal is told, and what waits for it.

use std::sync::Arc;

use super::message::After;
use jiff::Timestamp;
use switchyard_model::State;
use switchyard_store::journal::{Record, Summary, Ticket, Write};

use super::Actor;
use crate::{core::Event, engine::Shared};

impl Actor {
    /// The first record: everything needed to begin again from nothing.
    pub(crate) fn announce(&mut self) -> Ticket {
        let execution = self.instance.execution();
        let payload = serde_json::to_vec(&serde_json::json!({ "execution": execution, "flow": *self.flow.text }));
        let record = Record {
            execution_id: execution.id.to_string(),
            seq: self.records,
            kind: "created".into(),
            payload: payload.unwrap_or_default(),
        };
        self.records += 1;
        self.writes.push(Write::Record(record));
        self.summarize(false);
        self.notify_execution(State::Created, self.instance.execution().state.start_date());
        self.shared.journal.commit(std::mem::take(&mut self.writes))
    }

    pub(super) fn summarize(&mut self, finished: bool) {
        let execution = self.instance.execution();
        self.writes.push(Write::Summary(Summary {
            id: execution.id.to_string(),
            namespace: execution.namespace.to_string(),
            flow_id: execution.flow_id.to_string(),
            state: execution.state.current().name().to_owned(),
            finished,
            created: execution.state.start_date().as_millisecond(),
            updated: Timestamp::now().as_millisecond(),
            document: finished.then(|| serde_json::to_vec(execution).unwrap_or_default()),
        }));
    }

    pub(super) fn write(&mut self) {
        let writes = std::mem::take(&mut self.writes);
        if self.after.is_empty() {
            if !writes.is_empty() {
                self.shared.journal.commit_detached(writes);
            }
            return;
        }
        let (after, shared) = (std::mem::take(&mut self.after), Arc::clone(&self.shared));
        let ticket = shared.journal.commit(writes);
        tokio::spawn(async move {
            // Whoever waits to begin learns of a failure by the channel that closes; the journal says it aloud.
            if ticket.await.is_ok() {
                settle(after, &shared);
            }
        });
    }

    pub(super) fn record(&mut self, now: Timestamp, event: &Event) {
        let execution_id = self.instance.execution().id.to_string();
        match serde_json::to_vec(&(now, event)) {
            Ok(payload) => {
                self.writes.push(Write::Record(Record { execution_id, seq: self.records, kind: "event".into(), payload }));
                self.records += 1;
            }
            Err(error) => tracing::error!(execution = %execution_id, %error, "an event cannot be written as JSON"),
        }
    }
}

fn settle(after: Vec<After>, shared: &Shared) {
    for after in after {
        match after {
            After::Begin(durable) => {
                let _ = durable.send(());
            }
            After::Leave(mut leftovers) => leftovers.release(shared),
        }
    }
}
