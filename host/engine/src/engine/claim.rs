//! Going on with what another host left.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use serde_json::Value as Json;
use switchyard_plugin_api::Error;
use switchyard_registry::Registry;
use switchyard_store::journal;
use tokio::sync::mpsc;

use super::{Engine, Shared, control::unknown, elsewhere, handle::Handle};
use crate::{
    actor::{Actor, Message},
    core::{Replayed, replay},
    left::Left,
    load::Prepared,
};

impl Engine {
    /// Goes on with everything that an earlier host left. What became of the attempts that were under way shows in the
    /// [report](Self::recovery).
    pub async fn recover(&self) -> Result<(), Error> {
        let failed = |error: journal::Error| Error::environment(error.code(), error.to_string());
        self.claim().await.map_err(failed)?;
        if let Some(lease) = self.0.journal.lease() {
            tokio::spawn(neighbours(Arc::downgrade(&self.0), lease));
            tokio::spawn(elsewhere::listen(Arc::downgrade(&self.0)));
        }
        Ok(())
    }

    /// Goes on with executions that no host runs.
    pub(super) async fn claim(&self) -> Result<(), journal::Error> {
        for summary in self.0.journal.claim().await? {
            // One that waits for another may have taken it up already.
            if self.find(&summary.id).is_some() {
                self.0.recovery.change(|report| report.executions += 1);
                continue;
            }
            match self.take_up(&summary.id).await {
                Ok(_) => {
                    self.0.recovery.change(|report| report.executions += 1);
                    self.held(&summary.id, false);
                }
                Err(error) => {
                    self.held(&summary.id, true);
                    tracing::error!(execution = %summary.id, flow = %summary.flow_id, code = %error.code, %error, "an execution cannot go on");
                    self.0.recovery.change(|report| report.held.push((summary.id, error.to_string())));
                }
            }
        }
        Ok(())
    }

    /// Others that wait below the same limit need not wait for one that nobody goes on with.
    fn held(&self, id: &str, held: bool) {
        if let Some(places) = &self.0.places {
            places.hold(id, held);
        }
    }

    /// An execution that was begun before: one that runs, has ended, or was left by an earlier host and goes on now.
    pub async fn known(&self, id: &str) -> Option<Handle> {
        if let Some(handle) = self.find(id) {
            return Some(handle);
        }
        let summary = self.0.journal.execution(id).await.ok().flatten()?;
        if !summary.finished {
            return match self.0.journal.adopt(id).await.ok()? {
                Some(host) => Some(self.distant(id, host)),
                None => self.take_up(id).await.ok(),
            };
        }
        let document = serde_json::from_slice(&summary.document?).ok()?;
        Some(Handle::finished(document))
    }

    pub(super) async fn take_up(&self, id: &str) -> Result<Handle, Error> {
        let Left { flow, execution, events, records } = self.left(id).await?;
        let replayed = replay(Arc::clone(&flow.program), execution, events);
        self.go_on(flow, replayed, records)
    }

    /// Lets an execution run that the journal has.
    pub(super) fn go_on(&self, flow: Arc<Prepared>, replayed: Replayed, records: u32) -> Result<Handle, Error> {
        let id = Arc::clone(&replayed.instance.execution().id);
        let logs = self.0.logs.execution(&id).map_err(|error| Error::environment(error.code(), error.to_string()))?;
        let (messages, inbox) = mpsc::unbounded_channel();
        let actor = Actor::left(Arc::clone(&self.0), Arc::clone(&flow), replayed, records, logs, messages.clone(), inbox);
        Ok(self.begin(id, flow, actor, messages))
    }

    /// What the journal has of an execution.
    pub(crate) async fn left(&self, id: &str) -> Result<Left, Error> {
        let records = self.0.journal.load(id).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        Left::read(id, &records, &self.0.registry, &self.0.config)
    }

    /// An execution as clients know it: as it ended, or as it is now.
    pub async fn document(&self, id: &str) -> Result<Json, Error> {
        if let Some(handle) = self.find(id)
            && let Some(document) = handle.document().await
        {
            return serde_json::to_value(document).map_err(|error| unreadable(id, &error));
        }
        let found = self.0.journal.execution(id).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        let found = found.ok_or_else(|| unknown(id))?;
        // One that was restarted has the document of its earlier end.
        match found.document.filter(|_| found.finished) {
            Some(document) => serde_json::from_slice(&document).map_err(|error| unreadable(id, &error)),
            None => document_of(self.left(id).await?, id),
        }
    }
}

/// Looks, as long as the engine is there, for what hosts leave that share the journal.
pub(super) async fn neighbours(shared: Weak<Shared>, lease: Duration) {
    let mut pulse = tokio::time::interval(lease / 3);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pulse.tick().await;
        let Some(engine) = shared.upgrade().map(Engine) else { return };
        engine.0.memory.sweep();
        match engine.claim().await {
            Ok(()) => {}
            // What runs here runs elsewhere as well from now on.
            Err(error @ journal::Error::Fenced { .. }) => {
                tracing::error!(code = error.code(), %error, "this host leaves everything to others");
                engine.leave(|| Message::Fence).await;
                engine.0.fenced.send_replace(true);
                return;
            }
            Err(error) => tracing::warn!(code = error.code(), %error, "executions of other hosts cannot be looked for"),
        }
    }
}

/// An execution that is not over, as a journal has it.
pub async fn stored_document(journal: &journal::Journal, registry: &Registry, config: &crate::Config, id: &str) -> Result<Json, Error> {
    let records = journal.load(id).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
    document_of(Left::read(id, &records, registry, config)?, id)
}

fn document_of(left: Left, id: &str) -> Result<Json, Error> {
    let replayed = replay(Arc::clone(&left.flow.program), left.execution, left.events);
    serde_json::to_value(replayed.instance.execution()).map_err(|error| unreadable(id, &error))
}

fn unreadable(id: &str, error: &serde_json::Error) -> Error {
    Error::new(
        switchyard_plugin_api::ErrorKind::Internal,
        "journal::record",
        format!("the document of the execution `{id}` is damaged: {error}"),
    )
}
