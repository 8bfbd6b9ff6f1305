//! The limit of a flow over all hosts that share a journal: each running execution holds a numbered place there. A place belongs to its
//! execution, not to a host, so that one whose host dies keeps it until it is over.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value as Json;
use switchyard_model::{Flow, State};
use switchyard_store::journal::{self, ExecutionFilter, Journal};
use tokio::sync::Mutex as Turn;

use super::{Counted, Name, Pass, name};
use crate::memory::Memory;

/// How often the first in line of a host looks for a free place.
const PULSE: Duration = Duration::from_millis(250);

/// The places of all flows with a limit. Cheap to clone.
#[derive(Clone)]
pub struct Places {
    memory: Memory,
    journal: Journal,
    /// One of a host's executions at a time looks for a place, the others stand behind it in order.
    turns: Arc<Mutex<HashMap<Name, Arc<Turn<()>>>>>,
}

impl Places {
    pub fn new(memory: Memory, journal: Journal) -> Self {
        Self { memory, journal, turns: Arc::default() }
    }

    /// `None` when all places are taken. An execution that has one already keeps it.
    pub async fn enter(&self, flow: &Flow, limit: u64, execution: &str) -> journal::Result<Option<Pass>> {
        let list = list(flow);
        let taken = self.memory.all(&list).await?;
        if let Some((place, _)) = taken.iter().find(|(_, holder)| *holder == *execution) {
            return Ok(Some(self.pass(list, place.clone())));
        }
        if taken.len() as u64 >= limit {
            return Ok(None);
        }
        for number in 0..limit {
            let place = number.to_string();
            let free = !taken.iter().any(|(known, _)| *known == place);
            if free && self.memory.insert(&list, &place, &Json::from(execution)).await? {
                return Ok(Some(self.pass(list, place)));
            }
        }
        Ok(None)
    }

    /// Without looking at the limit: what comes back from a pause, or was forced.
    pub fn force(&self, flow: &Flow, execution: &str) -> Pass {
        let (list, place) = (list(flow), format!("+{execution}"));
        self.memory.put_detached(&list, &place, &Json::from(execution), None);
        self.pass(list, place)
    }

    /// The place that a running execution had on the host before.
    pub async fn again(&self, flow: &Flow, execution: &str) -> Pass {
        let list = list(flow);
        let taken = self.memory.all(&list).await.unwrap_or_default();
        match taken.into_iter().find(|(_, holder)| *holder == *execution) {
            Some((place, _)) => self.pass(list, place),
            None => self.force(flow, execution),
        }
    }

    pub async fn inside(&self, flow: &Flow) -> u64 {
        self.memory.all(&list(flow)).await.map_or(0, |taken| taken.len() as u64)
    }

    /// Waits for a place, behind all that were queued before on any host.
    pub async fn turn(self, flow: Arc<Flow>, limit: u64, execution: Arc<str>) -> Pass {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name(&flow)).or_default())
        };
        let _first = turn.lock().await;
        loop {
            match self.first(&flow, &execution).await {
                Ok(true) => match self.enter(&flow, limit, &execution).await {
                    Ok(Some(pass)) => return pass,
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%execution, code = error.code(), %error, "places cannot be looked for"),
                },
                Ok(false) => {}
                Err(error) => tracing::warn!(%execution, code = error.code(), %error, "the queue cannot be read"),
            }
            tokio::time::sleep(PULSE).await;
        }
    }

    /// Whether nobody else has been waiting longer.
    async fn first(&self, flow: &Flow, execution: &str) -> journal::Result<bool> {
        let filter = ExecutionFilter {
            namespace: Some(flow.namespace.to_string()),
            flow_id: Some(flow.id.to_string()),
            states: vec![State::Queued.name().to_owned()],
            ..ExecutionFilter::default()
        };
        let queued = self.journal.list(filter).await?;
        let longest = queued.iter().filter(|one| one.namespace == *flow.namespace).min_by_key(|one| (one.created, one.id.clone()));
        Ok(longest.is_none_or(|longest| longest.id == *execution))
    }

    fn pass(&self, flow: String, place: String) -> Pass {
        Pass(Some(Counted::InPlace { memory: self.memory.clone(), flow, place }))
    }
}

fn list(flow: &Flow) -> String {
    format!("gate {}.{}", flow.namespace, flow.id)
}
