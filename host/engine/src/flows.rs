//! The flows that other flows call, and those that listen for other flows' ends.

use std::{
    collections::{BTreeMap, HashMap},
    pin::Pin,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use switchyard_model::Flow;
use switchyard_plugin_api::Error;

use crate::load::Prepared;

/// A flow with the revision it was found in.
#[derive(Clone)]
pub struct Found {
    pub flow: Arc<Prepared>,
    pub revision: u32,
}

/// What is asked for; the latest revision when there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    pub namespace: &'a str,
    pub flow_id: &'a str,
    pub revision: Option<u32>,
}

/// Where flows come from that are not known yet: a directory, a database. An error says why a flow that exists cannot run.
pub trait FlowSource: Send + Sync + 'static {
    fn find<'a>(&'a self, wanted: Wanted<'a>) -> Pin<Box<dyn Future<Output = Result<Option<Found>, Error>> + Send + 'a>>;
}

/// The flows of an engine.
#[derive(Default)]
pub struct Flows {
    known: RwLock<HashMap<Name, Entry>>,
    source: OnceLock<Arc<dyn FlowSource>>,
}

type Name = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Entry {
    revisions: BTreeMap<u32, Arc<Prepared>>,
    /// Why the flow cannot run, when it cannot.
    broken: Option<Error>,
}

impl Flows {
    /// Makes a flow known; a revision that is there already is replaced.
    pub fn insert(&self, flow: Arc<Prepared>, revision: u32) {
        let name = name(&flow.program.flow);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(name).or_default().revisions.insert(revision, flow);
    }

    /// Remembers why a flow that somebody may call cannot run.
    pub fn insert_broken(&self, namespace: &str, flow_id: &str, error: Error) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry((namespace.into(), flow_id.into())).or_default().broken = Some(error);
    }

    /// Forgets a flow in all its revisions.
    pub fn remove(&self, namespace: &str, flow_id: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(&(Arc::from(namespace), Arc::from(flow_id)));
    }

    /// Asked when a flow is not known; the first one given stays.
    pub fn set_source(&self, source: Arc<dyn FlowSource>) {
        // A second source would make two answers to one question.
        let _ = self.source.set(source);
    }

    /// The flow, or why there is none.
    pub async fn find(&self, wanted: Wanted<'_>) -> Result<Found, Error> {
        if let Some(found) = self.known(wanted)? {
            return Ok(found);
        }
        let found = match self.source.get() {
            Some(source) => source.find(wanted).await?,
            None => None,
        };
        found.ok_or_else(|| self.missing(wanted))
    }

    fn known(&self, wanted: Wanted<'_>) -> Result<Option<Found>, Error> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = known.get(&(Arc::from(wanted.namespace), Arc::from(wanted.flow_id))) else { return Ok(None) };
        let found = match wanted.revision {
            Some(revision) => entry.revisions.get_key_value(&revision),
            None => entry.revisions.last_key_value(),
        };
        match (found, &entry.broken) {
            (Some((revision, flow)), _) => Ok(Some(Found { flow: Arc::clone(flow), revision: *revision })),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        }
    }

    fn missing(&self, wanted: Wanted<'_>) -> Error {
        let name = format!("{}.{}", wanted.namespace, wanted.flow_id);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(&(Arc::from(wanted.namespace), Arc::from(wanted.flow_id)));
        if let (Some(entry), Some(revision)) = (entry, wanted.revision) {
            let there: Vec<String> = entry.revisions.keys().map(u32::to_string).collect();
            return Error::user("flow::unknown_flow", format!("the flow `{name}` has no revision {revision}"))
                .with_help(format!("leave `revision` out for the latest; there are: {}", there.join(", ")));
        }
        let mut names: Vec<String> = known.keys().map(|(namespace, id)| format!("{namespace}.{id}")).collect();
        names.sort();
        let help = match switchyard_model::suggestion::help(&name, names.iter().map(String::as_str)) {
            Some(help) if !names.is_empty() => help,
            _ => "give the directory of the flows with `switchyard run --flows DIR`".to_owned(),
        };
        Error::user("flow::unknown_flow", format!("there is no flow `{name}`")).with_help(help)
    }

    /// The latest revision of every flow.
    pub fn all(&self) -> Vec<Found> {
        self.latest(|_| true)
    }

    /// The latest revision of every flow that has a trigger of this canonical type.
    pub fn listening(&self, trigger_type: &str) -> Vec<Found> {
        self.latest(|flow| !flow.disabled && flow.triggers.iter().any(|trigger| trigger.canonical_type() == trigger_type))
    }

    fn latest(&self, wanted: impl Fn(&Flow) -> bool) -> Vec<Found> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let latest = known.values().filter_map(|entry| entry.revisions.last_key_value());
        let mut found: Vec<Found> = latest
            .filter(|(_, flow)| wanted(&flow.program.flow))
            .map(|(revision, flow)| Found { flow: Arc::clone(flow), revision: *revision })
            .collect();
        found.sort_by_key(|found| name(&found.flow.program.flow));
        found
    }
}

fn name(flow: &Flow) -> Name {
    (Arc::clone(&flow.namespace), Arc::clone(&flow.id))
}
