//! `execution.Count`, `execution.PurgeExecutions`, `execution.Kill`, `execution.Resume`.

use serde_json::{Value as Json, json};
use switchyard_expr::is_truthy;
use switchyard_model::{JsonMap, State};
use switchyard_plugin_api::Error;
use switchyard_store::{
    journal::{self, ExecutionFilter, Summary, Write},
    storage::StorageUri,
};

use super::{Given, JobTask, given::failed, log, outputs, task};
use crate::{
    engine::Engine,
    task::{plain, property},
};

pub const TASKS: &[JobTask] = &[
    task("io.kestra.plugin.core.execution.Count", |given| Box::pin(count(given))).late(&["expression"]),
    task("io.kestra.plugin.core.execution.PurgeExecutions", |given| Box::pin(purge(given))),
    task("io.kestra.plugin.core.execution.Kill", |given| Box::pin(kill(given))),
    task("io.kestra.plugin.core.execution.Resume", |given| Box::pin(resume(given))),
];

pub fn journal_failed(error: &journal::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}

fn states(given: &Given) -> Result<Vec<String>, Error> {
    let states = given.texts("states")?;
    match states.iter().find(|name| State::from_name(name).is_none()) {
        Some(name) => Err(Error::user("flow::invalid_property", format!("`states` has `{name}`, which is no state")).at("/states")),
        None => Ok(states),
    }
}

fn between(given: &Given, filter: &mut ExecutionFilter) -> Result<(), Error> {
    let date = |name: &str| given.text(name).filter(|text| !text.is_empty()).map(|text| property::date(&text, name)).transpose();
    filter.created_from = date("startDate")?.map(jiff::Timestamp::as_millisecond);
    filter.created_before = date("endDate")?.map(jiff::Timestamp::as_millisecond);
    Ok(())
}

async fn count(given: &Given) -> Result<JsonMap, Error> {
    let mut filter = ExecutionFilter { states: states(given)?, ..ExecutionFilter::default() };
    between(given, &mut filter)?;
    let mut wanted: Vec<(String, Option<String>)> = Vec::new();
    for flow in given.json("flows").and_then(Json::as_array).into_iter().flatten() {
        let name = |key: &str| flow.get(key).map(plain).unwrap_or_default();
        wanted.push((name("namespace"), Some(name("flowId"))));
    }
    wanted.extend(given.texts("namespaces")?.into_iter().map(|namespace| (namespace, None)));
    if wanted.is_empty() {
        wanted.push((given.site.task.namespace.clone(), Some(given.site.task.flow_id.clone())));
    }
    let expression = given.text("expression").unwrap_or_else(|| "true".to_owned());
    let rendering = given.rendering();
    let (mut results, mut total) = (Vec::new(), 0);
    for (namespace, flow_id) in wanted {
        let filter = ExecutionFilter { namespace: Some(namespace.clone()), flow_id: flow_id.clone(), ..filter.clone() };
        let count = given.site.shared.journal.count(filter).await.map_err(|error| journal_failed(&error))?;
        if is_truthy(&rendering.with(&expression, "count", &count.into()).map_err(|error| error.at("/expression"))?) {
            total += count;
            results.push(json!({ "namespace": namespace, "flowId": flow_id, "count": count }));
        }
    }
    Ok(outputs(json!({ "results": results, "total": total })))
}

/// The executions that a purge is about: all are over, none is this one.
pub async fn finished(given: &Given, states_property: &str) -> Result<Vec<Summary>, Error> {
    given.need("endDate")?;
    let states = if states_property.is_empty() { Vec::new() } else { states(given)? };
    let namespace = given.text("namespace").filter(|name| !name.is_empty());
    let flow_id = given.text("flowId").filter(|id| !id.is_empty());
    let mut filter = ExecutionFilter { namespace, flow_id, states, ..ExecutionFilter::default() };
    between(given, &mut filter)?;
    let all = given.site.shared.journal.list(filter).await.map_err(|error| journal_failed(&error))?;
    Ok(all.into_iter().filter(|summary| summary.finished && summary.id != given.site.task.execution_id).collect())
}

async fn purge(given: &Given) -> Result<JsonMap, Error> {
    let [executions, logs, files] = ["purgeExecution", "purgeLog", "purgeStorage"].map(|name| given.flag(name, true));
    let shared = &given.site.shared;
    let [mut executions_count, mut logs_count, mut storages_count] = [0_u64; 3];
    for summary in finished(given, "states").await? {
        if logs {
            logs_count += log::remove(given, &summary)?;
        }
        if files {
            let folder = StorageUri::execution(&summary.namespace, &summary.flow_id, &summary.id).map_err(failed)?;
            storages_count += shared.storage.delete_below(&folder).await.map_err(failed)? as u64;
        }
        if executions {
            let removed = shared.journal.commit(vec![Write::RemoveExecution { id: summary.id }]).await;
            removed.map_err(|error| journal_failed(&error))?;
            executions_count += 1;
        }
    }
    Ok(outputs(json!({
        "executionsCount": executions_count,
        "logsCount": logs_count,
        // Metrics are in the logs.
        "metricsCount": 0,
        "storagesCount": storages_count,
    })))
}

async fn kill(given: &Given) -> Result<JsonMap, Error> {
    let id = given.need("executionId")?;
    Engine::of(&given.site.shared).kill(&id).await.map_err(|error| error.at("/executionId"))?;
    Ok(JsonMap::new())
}

async fn resume(given: &Given) -> Result<JsonMap, Error> {
    let id = given.text("executionId").filter(|id| !id.is_empty()).unwrap_or_else(|| given.site.task.execution_id.clone());
    let at = |error: Error| if error.code == "execution::resume_inputs" { error.at("/inputs") } else { error.at("/executionId") };
    Engine::of(&given.site.shared).resume(&id, given.map("inputs")?).await.map_err(at)?;
    Ok(JsonMap::new())
}
