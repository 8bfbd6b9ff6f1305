//! The limit of a flow over all hosts that share a journal: each running execution holds a numbered place there. A place belongs to its
//! execution, not to a host, so that one whose host dies keeps it until it is over.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use switchyard_model::{Flow, State};
use switchyard_store::journal::{self, ExecutionFilter, Journal, Summary};
use tokio::sync::oneshot;

use super::{Counted, Name, Pass, name};
use crate::memory::Memory;

/// How often a host whose executions wait looks for free places.
const PULSE: Duration = Duration::from_millis(250);
/// How long the first one in the queue may let free places be.
const STUCK: Duration = Duration::from_secs(60);
/// Executions that the host they belong to cannot go on with.
const HELD: &str = "held";

/// The places of all flows with a limit. Cheap to clone.
#[derive(Clone)]
pub struct Places {
    memory: Memory,
    journal: Journal,
    /// Executions that wait on this host.
    lines: Arc<Mutex<HashMap<Name, Line>>>,
}

#[derive(Default)]
struct Line {
    waiting: HashMap<Arc<str>, Waiting>,
    /// Somebody looks for their places.
    served: bool,
}

struct Waiting {
    limit: u64,
    turn: oneshot::Sender<Pass>,
}

/// What is passed over at the head of the queue.
#[derive(Default)]
struct Stuck {
    /// They have places; the journal does not say so yet.
    given: HashSet<String>,
    /// Somebody else's, and since when it is the first.
    head: Option<(String, Instant)>,
}

impl Stuck {
    /// One that no host goes on with must not hold up all others.
    fn skips(&mut self, id: &str) -> bool {
        if self.given.contains(id) {
            return true;
        }
        match &self.head {
            Some((head, since)) if head == id => since.elapsed() > STUCK,
            _ => {
                self.head = Some((id.to_owned(), Instant::now()));
                false
            }
        }
    }
}

impl Places {
    pub fn new(memory: Memory, journal: Journal) -> Self {
        Self { memory, journal, lines: Arc::default() }
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
        match self.memory.all(&list).await {
            Ok(taken) => match taken.into_iter().find(|(_, holder)| *holder == *execution) {
                Some((place, _)) => self.pass(list, place),
                None => self.force(flow, execution),
            },
            Err(error) => {
                tracing::warn!(flow = %flow.id, execution, code = error.code(), %error, "the place of an execution below its flow's limit cannot be looked for");
                Pass(Some(Counted::Somewhere { memory: self.memory.clone(), flow: list, execution: execution.into() }))
            }
        }
    }

    /// Notes that nobody goes on with an execution now, or that somebody does.
    pub fn hold(&self, execution: &str, held: bool) {
        if held {
            self.memory.put_detached(HELD, execution, &Json::Bool(true), None);
        } else {
            self.memory.remove(HELD, execution);
        }
    }

    pub async fn inside(&self, flow: &Flow) -> u64 {
        self.memory.all(&list(flow)).await.map_or(0, |taken| taken.len() as u64)
    }

    /// Waits for a place, behind all that were queued before on any host. Whoever drops the receiver leaves the queue.
    pub fn queue(&self, flow: &Arc<Flow>, limit: u64, execution: &Arc<str>) -> oneshot::Receiver<Pass> {
        let (send, receive) = oneshot::channel();
        let mut lines = self.lines();
        let line = lines.entry(name(flow)).or_default();
        line.waiting.insert(Arc::clone(execution), Waiting { limit, turn: send });
        if !std::mem::replace(&mut line.served, true) {
            tokio::spawn(self.clone().serve(Arc::clone(flow)));
        }
        receive
    }

    /// Gives places to this host's executions of a flow, as long as some wait.
    async fn serve(self, flow: Arc<Flow>) {
        let mut stuck = Stuck::default();
        loop {
            tokio::time::sleep(PULSE).await;
            if let Err(error) = self.call_up(&flow, &mut stuck).await {
                tracing::warn!(flow = %flow.id, code = error.code(), %error, "places cannot be looked for");
            }
            let mut lines = self.lines();
            let Some(line) = lines.get_mut(&name(&flow)) else { return };
            line.waiting.retain(|_, waiting| !waiting.turn.is_closed());
            if line.waiting.is_empty() {
                lines.remove(&name(&flow));
                return;
            }
        }
    }

    /// Those at the head of the queue of all hosts that wait here, as long as there is room.
    async fn call_up(&self, flow: &Flow, stuck: &mut Stuck) -> journal::Result<()> {
        let filter = ExecutionFilter {
            namespace: Some(flow.namespace.to_string()),
            flow_id: Some(flow.id.to_string()),
            states: vec![State::Queued.name().to_owned()],
            ..ExecutionFilter::default()
        };
        let mut queued = self.journal.list(filter).await?;
        queued.retain(|one| one.namespace == *flow.namespace);
        queued.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        for Summary { id, .. } in queued {
            let limit = self.lines().get(&name(flow)).and_then(|line| line.waiting.get(&*id)).map(|waiting| waiting.limit);
            let Some(limit) = limit else {
                // Another host's, or one that has just got its place.
                if stuck.skips(&id) || self.memory.get(HELD, &id).await?.is_some() {
                    continue;
                }
                return Ok(());
            };
            let Some(pass) = self.enter(flow, limit, &id).await? else { return Ok(()) };
            let waiting = self.lines().get_mut(&name(flow)).and_then(|line| line.waiting.remove(&*id));
            // One that left the queue gives its pass back by dropping it.
            drop(waiting.map(|waiting| waiting.turn.send(pass)));
            stuck.given.insert(id);
        }
        Ok(())
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Name, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, flow: String, place: String) -> Pass {
        Pass(Some(Counted::InPlace { memory: self.memory.clone(), flow, place }))
    }
}

/// Frees the places of an execution that is over, as soon as they can be looked for.
pub(super) async fn give_back(memory: Memory, list: String, execution: String) {
    loop {
        match memory.all(&list).await {
            Ok(taken) => {
                for (place, _) in taken.into_iter().filter(|(_, holder)| *holder == *execution) {
                    memory.remove(&list, &place);
                }
                return;
            }
            Err(journal::Error::Fenced { .. } | journal::Error::Closed) => return,
            Err(_) => tokio::time::sleep(PULSE * 4).await,
        }
    }
}

fn list(flow: &Flow) -> String {
    format!("gate {}.{}", flow.namespace, flow.id)
}
