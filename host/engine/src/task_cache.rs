//! `taskCache`: a task run that succeeded answers for later ones with the same rendered properties. Spec 2.

use jiff::Timestamp;
use serde_json::json;
use switchyard_expr::{Engine, Scope};
use switchyard_model::{JsonMap, Task, TaskRun};
use switchyard_plugin_api::Error;
use switchyard_store::journal::{self, Write};

use crate::{
    digest,
    memory::Memory,
    task::{duration, flag},
};

const PLACE: &str = "taskCache";

/// Where the outputs of a task run are kept.
#[derive(Debug, Clone)]
pub struct CacheEntry {
    key: String,
    expires: Option<Timestamp>,
}

impl CacheEntry {
    /// `None` when the task has no cache.
    pub fn of(task: &Task, run: &TaskRun, properties: &str, expr: &Engine, scope: &dyn Scope) -> Result<Option<Self>, Error> {
        let Some(cache) = &task.common.task_cache else { return Ok(None) };
        if !flag(expr, &cache.enabled, scope).map_err(|error| error.at("/taskCache/enabled"))? {
            return Ok(None);
        }
        let ttl = cache.ttl.as_ref().map(|ttl| duration(expr, ttl, scope)).transpose().map_err(|error| error.at("/taskCache/ttl"))?;
        let same = json!([run.namespace, run.flow_id, run.task_id, run.value, task.canonical_type(), properties]);
        let expires = ttl.and_then(|ttl| Timestamp::now().checked_add(ttl).ok());
        Ok(Some(Self { key: digest::long(&same.to_string()), expires }))
    }

    /// What an earlier task run left.
    pub async fn find(&self, memory: &Memory) -> journal::Result<Option<JsonMap>> {
        Ok(memory.get(PLACE, &self.key).await?.and_then(|value| value.as_object().cloned()))
    }

    /// What the journal has to be told.
    pub fn keep(&self, memory: &Memory, outputs: &JsonMap) -> Option<Write> {
        memory.write(PLACE, &self.key, &json!(outputs), self.expires)
    }
}
