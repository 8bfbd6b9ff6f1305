//! `trigger.Toggle`.

use serde_json::json;
use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;

use super::{Given, JobTask, execution::journal_failed, task};
use crate::listen;

pub const TASKS: &[JobTask] = &[task("io.kestra.plugin.core.trigger.Toggle", |given| Box::pin(toggle(given)))];

/// Keeps the wish where whoever fires triggers looks for it, on every host.
async fn toggle(given: &Given) -> Result<JsonMap, Error> {
    let flow = given.text("flowId").filter(|id| !id.is_empty()).unwrap_or_else(|| given.site.task.flow_id.clone());
    let trigger = given.need("trigger")?;
    let disabled = json!(!given.flag("enabled", false));
    let name = listen::name(&given.namespace(), &flow, &trigger);
    given.site.shared.memory.put(listen::TOGGLES, &name, &disabled, None).await.map_err(|error| journal_failed(&error))?;
    Ok(JsonMap::new())
}
