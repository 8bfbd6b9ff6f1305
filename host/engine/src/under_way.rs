//! What goes on in executions that are not over, as the journal has it: what a restart would have to find again.

use serde::{Deserialize, Serialize};
use switchyard_model::State;
use switchyard_plugin_api::Error;
use switchyard_registry::Registry;
use switchyard_store::journal::{self, ExecutionFilter, Journal, Record};

use crate::{
    config::Config,
    core::{Instance, RunIx, replay},
    engine::Engine,
    left::{self, Left},
    load::Work,
    script,
};

/// One execution that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Going {
    pub execution: String,
    pub namespace: String,
    pub flow_id: String,
    /// The flow's text, as the execution began with it.
    pub text: String,
    pub runs: Vec<UnderWay>,
    /// Why it cannot go on with the plugins that were asked; its task runs are not known then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// An attempt that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnderWay {
    pub task_run: String,
    pub task_id: String,
    pub attempt: usize,
    pub task_type: String,
    pub by: By,
}

/// Who does its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum By {
    Runner {
        #[serde(rename = "type")]
        type_name: String,
    },
    /// The task's own plugin, on the host.
    Plugin,
    /// The host itself.
    Host,
    /// Another execution, which it waits for.
    Execution,
}

impl Engine {
    /// Everything that goes on here, and what cannot go on.
    pub async fn under_way(&self) -> Result<Vec<Going>, Error> {
        let mut ids: Vec<String> = self.all().iter().map(|handle| handle.id().to_owned()).collect();
        ids.extend(self.recovery().report().held.into_iter().map(|(id, _)| id));
        ids.sort_unstable();
        ids.dedup();
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            all.extend(read(self.journal(), &id, self.registry(), self.config()).await.map_err(failed)?);
        }
        Ok(all)
    }
}

/// Everything that a journal has and that is not over, with the plugins of a registry.
pub async fn stored(journal: &Journal, registry: &Registry, config: &Config) -> Result<Vec<Going>, Error> {
    let listed = journal.list(ExecutionFilter::default()).await.map_err(failed)?;
    let mut all = Vec::new();
    for summary in listed.into_iter().filter(|summary| !summary.finished) {
        all.extend(read(journal, &summary.id, registry, config).await.map_err(failed)?);
    }
    Ok(all)
}

fn failed(error: journal::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}

async fn read(journal: &Journal, id: &str, registry: &Registry, config: &Config) -> journal::Result<Option<Going>> {
    let records = journal.load(id).await?;
    Ok(going(id, &records, registry, config))
}

/// `None` when it has just ended.
fn going(id: &str, records: &[Record], registry: &Registry, config: &Config) -> Option<Going> {
    let (execution, text) = left::created(records)?;
    let mut going = Going {
        execution: id.to_owned(),
        namespace: execution.namespace.to_string(),
        flow_id: execution.flow_id.to_string(),
        text: text.to_string(),
        runs: Vec::new(),
        held: None,
    };
    let Left { flow, execution, events, .. } = match Left::read(id, records, registry, config) {
        Ok(left) => left,
        Err(error) => {
            going.held = Some(error.message);
            return Some(going);
        }
    };
    let instance = replay(std::sync::Arc::clone(&flow.program), execution, events).instance;
    if instance.is_complete() {
        return None;
    }
    let begun: Vec<RunIx> = instance.in_flight().filter(|run| is_begun(&instance, *run)).collect();
    for run in begun {
        let document = instance.task_run(run);
        let task = instance.task_of(run);
        let facts = flow.facts(task, registry);
        let by = match &facts.work {
            Work::Call => By::Execution,
            Work::Plugin { component, .. } if component.planned => By::Runner { type_name: runner(&facts.properties, registry) },
            Work::Plugin { .. } => By::Plugin,
            Work::Core(_) | Work::Job(_) | Work::Templated | Work::Unknown(_) => By::Host,
        };
        going.runs.push(UnderWay {
            task_run: document.id.to_string(),
            task_id: document.task_id.to_string(),
            attempt: document.attempts.len(),
            task_type: flow.program.def(task).task.type_name.to_string(),
            by,
        });
    }
    Some(going)
}

fn is_begun(instance: &Instance, run: RunIx) -> bool {
    matches!(instance.task_run(run).state.current(), State::Running | State::Killing)
}

/// As written where no plugin brings it.
fn runner(properties: &serde_json::Map<String, serde_json::Value>, registry: &Registry) -> String {
    let canonical = |name: &str| registry.canonical(name).unwrap_or(name).to_owned();
    let chosen = script::choose(properties, |name| canonical(name) == script::DOCKER);
    chosen.map_or_else(|_| String::new(), |chosen| canonical(&chosen.type_name))
}
