//! `log.Fetch` and `log.PurgeLogs`.

use std::{io::Write, sync::Arc};

use serde_json::json;
use switchyard_model::{Execution, JsonMap, Level};
use switchyard_plugin_api::Error;
use switchyard_store::{journal::Summary, workdir::FileMode};

use super::{
    Given, JobTask,
    execution::{finished, journal_failed},
    given::blocking,
    outputs, task,
};
use crate::log_entries::{self, Wanted};

pub const TASKS: &[JobTask] = &[
    task("io.kestra.plugin.core.log.Fetch", |given| Box::pin(fetch(given))).looking_back(),
    task("io.kestra.plugin.core.log.PurgeLogs", |given| Box::pin(purge(given))),
];

const FETCHED: &str = "logs";

pub fn level(name: &str, property: &str) -> Result<Level, Error> {
    Level::from_name(name).ok_or_else(|| {
        Error::user("flow::invalid_property", format!("`{property}` is `{name}`"))
            .with_help(format!("write one of {}", Level::NAMES.join(", ")))
            .at(format!("/{property}"))
    })
}

async fn fetch(given: &Given) -> Result<JsonMap, Error> {
    let id = given.text("executionId").filter(|id| !id.is_empty()).unwrap_or_else(|| given.site.task.execution_id.clone());
    let mut tasks = given.texts("tasksId")?;
    tasks.extend(given.texts("taskId")?);
    let wanted = Wanted { least: level(&given.text("level").unwrap_or_else(|| "INFO".to_owned()), "level")?, tasks };
    let execution = match &given.site.execution {
        Some(execution) if *execution.id == *id => Arc::clone(execution),
        _ => other(given, &id).await?,
    };
    let log = given.site.shared.logs.execution(&id).map_err(|error| Error::user(error.code(), error.to_string()).at("/executionId"))?;
    let entries = blocking(move || log_entries::of(&log, &execution, &wanted)).await?;
    let mut file =
        given.site.scratch()?.new_file(FETCHED, FileMode::Plain).map_err(|error| Error::environment(error.code(), error.to_string()))?;
    for entry in &entries {
        writeln!(file, "{}", entry.to_json()).map_err(|error| Error::environment("storage::file", error.to_string()))?;
    }
    let uri = given.site.keep(FETCHED, "logs.ion").await?;
    Ok(outputs(json!({ "size": entries.len(), "uri": uri })))
}

/// An execution that is not this one.
async fn other(given: &Given, id: &str) -> Result<Arc<Execution>, Error> {
    let found = given.site.shared.journal.execution(id).await.map_err(|error| journal_failed(&error))?;
    let document = found.and_then(|summary| summary.document).and_then(|document| serde_json::from_slice::<Execution>(&document).ok());
    document.map(Arc::new).ok_or_else(|| {
        Error::user("execution::unknown", format!("there is no finished execution `{id}` in this journal")).at("/executionId")
    })
}

async fn purge(given: &Given) -> Result<JsonMap, Error> {
    let levels = given.texts("logLevels")?;
    for name in &levels {
        level(name, "logLevels")?;
    }
    if !levels.is_empty() && levels.len() < Level::NAMES.len() {
        return Err(Error::user("flow::unsupported_property", "`logLevels` cannot leave some levels: an execution has one log")
            .with_help("leave `logLevels` out")
            .at("/logLevels"));
    }
    let mut count = 0;
    for summary in finished(given, "").await? {
        count += remove(given, &summary)?;
    }
    Ok(outputs(json!({ "count": count })))
}

/// Deletes the log of an execution; answers how many lines it had.
pub fn remove(given: &Given, summary: &Summary) -> Result<u64, Error> {
    let failed = |error: switchyard_store::logs::Error| Error::environment(error.code(), error.to_string());
    let logs = &given.site.shared.logs;
    let mut lines = logs.execution(&summary.id).and_then(|log| log.lines(0)).map_err(failed)?;
    let mut count = 0;
    // A log that is damaged can still be removed.
    while let Ok(Some(_)) = lines.next_line() {
        count += 1;
    }
    logs.remove(&summary.id).map_err(failed)?;
    let (shared, id) = (std::sync::Arc::clone(&given.site.shared), summary.id.clone());
    tokio::spawn(async move {
        if let Err(error) = crate::log_parts::remove(&shared, &id).await {
            tracing::warn!(execution = %id, code = error.code(), %error, "what other hosts left of a log could not be removed");
        }
    });
    Ok(count)
}
