//! Task runs that are under way: which of them would be found again, and by which plugin.

use std::path::Path;

use serde::Serialize;
use switchyard_engine::under_way::{self, By, Going, UnderWay};
use switchyard_registry::{Registry, Status};
use switchyard_server::control::{Answer, Client, Request};

use super::flows::Flows;
use crate::{
    baseline::Baseline,
    command::server::{ask, broken, opened, waiting},
    failure::Failure,
    host::Host,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Fate {
    /// It goes on and is found again.
    Found,
    /// It is stopped and begins anew: what it had done is lost.
    Again,
    /// The same, of a task of the host itself: such tasks may be begun twice and know it.
    Renewed,
    /// It goes on, and nobody follows it until its execution can go on.
    Left,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    execution: String,
    flow: String,
    /// Absent when its task runs cannot be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    fate: Fate,
    /// What would find it, such as `docker 1.2.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Run {
    pub fn is_found(&self) -> bool {
        self.fate == Fate::Found
    }

    pub fn is_lost(&self) -> bool {
        matches!(self.fate, Fate::Again | Fate::Left)
    }

    pub fn line(&self) -> String {
        let place = match &self.task_id {
            Some(task) => format!("{} {} ({})", self.execution, task, self.flow),
            None => format!("{} ({})", self.execution, self.flow),
        };
        let by = self.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        match self.fate {
            Fate::Found => format!("{place}: found again{by}{reason}"),
            Fate::Again | Fate::Renewed => format!("{place}: stopped and begun anew{reason}"),
            Fate::Left => format!("{place}: left to itself{reason}"),
        }
    }
}

/// Asks the server, or the journal that the last one left.
pub fn find(server: Option<&Client>, data_dir: &Path, next: &Host, before: &Baseline, flows: &mut Flows<'_>) -> Result<Vec<Run>, Failure> {
    let going = match server {
        Some(server) => match ask(server, &Request::UnderWay)? {
            Answer::UnderWay { executions } => executions,
            _ => return Err(broken(&std::io::ErrorKind::InvalidData.into())),
        },
        None if data_dir.join("journal.db").exists() => waiting(under_way::stored(&opened(data_dir)?, &next.registry, &next.config))?,
        None => Vec::new(),
    };
    // A server that cannot go on with an execution now loses nothing by it at a restart.
    let waits = |going: &Going| server.is_some() && going.held.is_some();
    let mut runs: Vec<Run> =
        going.iter().filter(|going| !waits(going)).flat_map(|going| of_execution(going, next, before, flows)).collect();
    runs.extend(going.iter().filter(|going| waits(going)).filter_map(|going| of_waiting(going, flows)));
    Ok(runs)
}

fn of_execution(going: &Going, next: &Host, before: &Baseline, flows: &mut Flows<'_>) -> Vec<Run> {
    let flow = format!("{}.{}", going.namespace, going.flow_id);
    let run = |run: Option<&UnderWay>, fate: Fate| Run {
        execution: going.execution.clone(),
        flow: flow.clone(),
        task_run: run.map(|run| run.task_run.clone()),
        task_id: run.map(|run| run.task_id.clone()),
        fate,
        by: None,
        reason: None,
    };
    if !flows.check_execution(&flow, &going.text, &going.execution) {
        let reason = Some("its flow would be invalid, so the execution waits until the plugins are back".to_owned());
        let left = |of| Run { reason: reason.clone(), ..run(of, Fate::Left) };
        return if going.runs.is_empty() { vec![left(None)] } else { going.runs.iter().map(|of| left(Some(of))).collect() };
    }
    let judge = |of: &UnderWay| match &of.by {
        By::Execution => Run { reason: Some("the execution that it waits for goes on".to_owned()), ..run(Some(of), Fate::Found) },
        By::Host => Run { reason: Some("the host itself does this task".to_owned()), ..run(Some(of), Fate::Renewed) },
        By::Plugin => Run { reason: Some("its plugin works on the host, which ends".to_owned()), ..run(Some(of), Fate::Again) },
        By::Runner { type_name } => match reattach(&next.registry, type_name) {
            Some(true) => {
                let (new, old) = (label(&next.registry.plugins(), type_name), label(&before.rows, type_name));
                let reason = old.filter(|old| new.as_ref() != Some(old)).map(|old| format!("{old} has begun it"));
                Run { by: new, reason, ..run(Some(of), Fate::Found) }
            }
            Some(false) => {
                Run { reason: Some(format!("{type_name} cannot find work again (no `reattach`)")), ..run(Some(of), Fate::Again) }
            }
            None => Run { reason: Some(format!("no plugin brings {type_name}")), ..run(Some(of), Fate::Left) },
        },
    };
    going.runs.iter().map(judge).collect()
}

/// An execution that waits for a plugin: whether it would go on.
fn of_waiting(going: &Going, flows: &Flows<'_>) -> Option<Run> {
    let flow = format!("{}.{}", going.namespace, going.flow_id);
    let valid = flows.is_valid(&flow, &going.text);
    valid.then(|| Run {
        execution: going.execution.clone(),
        flow,
        task_run: None,
        task_id: None,
        fate: Fate::Found,
        by: None,
        reason: Some("it waits now, and would go on".to_owned()),
    })
}

fn reattach(registry: &Registry, type_name: &str) -> Option<bool> {
    registry.component(type_name).ok().map(|component| component.capabilities.reattach)
}

/// `docker 1.2.0`.
fn label(rows: &[Status], type_name: &str) -> Option<String> {
    let serves = |row: &&Status| {
        row.state.is_usable() && (row.type_name.as_deref() == Some(type_name) || row.aliases.iter().any(|alias| alias == type_name))
    };
    let row = rows.iter().find(serves)?;
    Some(format!("{} {}", row.plugin.as_ref()?, row.version.as_ref()?))
}
