//! `trigger.Toggle`.

use serde_json::json;
use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;
use switchyard_store::kv::{Entry, KeyValues, Kind};

use super::{Given, JobTask, given::kv_failed, task};

pub const TASKS: &[JobTask] = &[task("io.kestra.plugin.core.trigger.Toggle", |given| Box::pin(toggle(given)))];

/// Keeps the wish where whoever fires triggers looks for it.
async fn toggle(given: &Given) -> Result<JsonMap, Error> {
    let flow = given.text("flowId").filter(|id| !id.is_empty()).unwrap_or_else(|| given.site.task.flow_id.clone());
    let trigger = given.need("trigger")?;
    let now = jiff::Timestamp::now().as_millisecond();
    let value = json!({ "disabled": !given.flag("enabled", false) });
    let entry = Entry { kind: Kind::Json, value, description: None, created: now, updated: now, expires: None };
    let kv = KeyValues::new(given.site.shared.storage.clone());
    kv.set(&given.namespace(), &format!("{flow}_triggers_{trigger}"), &entry).await.map_err(kv_failed)?;
    Ok(JsonMap::new())
}
