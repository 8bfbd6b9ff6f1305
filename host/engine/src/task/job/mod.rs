//! Core tasks that take time: they use the store, the network or other executions.
//!
//! Their properties are rendered where the execution lives; the work is done elsewhere. One file per family.

mod execution;
mod given;
mod http;
mod kv;
mod log;
mod namespace;
mod rows;
mod sleep;
mod state;
mod storage;
#[cfg(test)]
mod tests;
mod trigger;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use switchyard_expr::{Engine, Scope};
use switchyard_model::{JsonMap, Level, State};
use switchyard_plugin_api::{CancelReason, Error};
use tokio::sync::{mpsc, oneshot};

pub use given::{Given, Site};

use crate::{
    actor::Message,
    attempt::{Cancel, Leftovers, TaskLog, clock},
    core::{Event, RunIx, TaskEnd},
    task::unrendered,
};

/// One of these tasks.
pub struct JobTask {
    /// Current name.
    pub type_name: &'static str,
    /// Properties that the work itself renders, for each item.
    late: &'static [&'static str],
    /// Properties that keep the type of a single expression.
    typed: &'static [&'static str],
    /// Whether it looks at the execution so far.
    pub looks_back: bool,
    run: for<'g> fn(&'g Given) -> BoxFuture<'g, Result<JsonMap, Error>>,
}

/// `task(TYPE, |given| Box::pin(run(given)))`.
const fn task(type_name: &'static str, run: for<'g> fn(&'g Given) -> BoxFuture<'g, Result<JsonMap, Error>>) -> JobTask {
    JobTask { type_name, late: &[], typed: &[], looks_back: false, run }
}

impl JobTask {
    const fn late(mut self, names: &'static [&'static str]) -> Self {
        self.late = names;
        self
    }

    const fn typed(mut self, names: &'static [&'static str]) -> Self {
        self.typed = names;
        self
    }

    const fn looking_back(mut self) -> Self {
        self.looks_back = true;
        self
    }
}

const FAMILIES: &[&[JobTask]] =
    &[execution::TASKS, http::TASKS, kv::TASKS, log::TASKS, namespace::TASKS, sleep::TASKS, state::TASKS, storage::TASKS, trigger::TASKS];

/// By canonical type name.
pub fn find(type_name: &str) -> Option<&'static JobTask> {
    FAMILIES.iter().copied().flatten().find(|task| task.type_name == type_name)
}

/// A task with rendered properties, ready to be done.
pub struct Job {
    task: &'static JobTask,
    given: Given,
    timeout: Option<Duration>,
}

impl Job {
    /// Renders the properties. `snapshot` is asked for the variables only by tasks that render for each item.
    pub fn new(
        task: &'static JobTask,
        properties: &Map<String, Json>,
        expr: &Engine,
        scope: &dyn Scope,
        snapshot: impl FnOnce() -> Map<String, Json>,
        site: Site,
        timeout: Option<Duration>,
    ) -> Result<Self, Error> {
        let mut rendered = Map::with_capacity(properties.len());
        for (name, value) in properties {
            let value = if task.late.contains(&name.as_str()) {
                Ok(value.clone())
            } else if task.typed.contains(&name.as_str()) {
                expr.render_value_typed(value, scope)
            } else {
                expr.render_value(value, scope)
            };
            rendered.insert(name.clone(), value.map_err(|error| unrendered(&error).at(format!("/{name}")))?);
        }
        let variables = if task.late.is_empty() { Map::new() } else { snapshot() };
        Ok(Self { task, given: Given { properties: rendered, variables, site }, timeout })
    }

    /// What makes its result.
    pub fn fingerprint(&self) -> String {
        serde_json::to_string(&self.given.properties).unwrap_or_default()
    }

    /// With another log.
    #[must_use]
    pub fn with_log(mut self, log: TaskLog) -> Self {
        self.given.site.log = log;
        self
    }

    /// Does it, and reports its end. A kill or the timeout drops the work where it is.
    pub async fn run(self, run: RunIx, cancel: Cancel, outbox: mpsc::UnboundedSender<Message>) {
        if self.given.site.left.is_none() && !self.begun(run, &outbox).await {
            let _ = outbox.send(Message::Detached { run });
            return;
        }
        // An earlier host may have left files on their way.
        self.given.site.sweep();
        let work = (self.task.run)(&self.given);
        let timeout = async {
            match self.timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let log = &self.given.site.log;
        let failed = || TaskEnd { random: crate::random::unit(), ..TaskEnd::state(State::Failed) };
        let mut end = tokio::select! {
            done = work => match done {
                Ok(outputs) => TaskEnd::state(State::Success).outputs(outputs),
                Err(error) => {
                    log.error(&error);
                    failed()
                }
            },
            cancellation = cancel.requested() => match cancellation.reason {
                CancelReason::Kill => TaskEnd::state(State::Killed),
                _ => failed(),
            },
            () = timeout => {
                log.message(Level::Error, &format!("Timeout after {}", clock(self.timeout.unwrap_or_default())));
                failed()
            }
        };
        end.log_file = log.store_file(&self.given.site.shared, &self.given.site.task).await;
        self.given.site.sweep();
        // The execution may be over.
        let _ = outbox.send(Message::Ended { run, end, leftovers: Leftovers::default() });
    }

    /// Tells that it begins. Nothing may begin that the journal does not know of; `false` when it cannot be told.
    async fn begun(&self, run: RunIx, outbox: &mpsc::UnboundedSender<Message>) -> bool {
        if !self.given.site.shared.durable {
            return outbox.send(Message::Event(Event::Started { run })).is_ok();
        }
        let (durable, told) = oneshot::channel();
        outbox.send(Message::Started { run, durable }).is_ok() && told.await.is_ok()
    }
}

/// The type names that this host does itself and that take time; for tests.
#[cfg(test)]
fn names() -> Vec<&'static str> {
    FAMILIES.iter().copied().flatten().map(|task| task.type_name).collect()
}

/// Outputs from `json!({…})`.
fn outputs(value: Json) -> JsonMap {
    match value {
        Json::Object(map) => map,
        _ => JsonMap::new(),
    }
}

/// What the work shares with its engine.
type Shared = Arc<crate::engine::Shared>;
