//! `flow.Sleep`.

use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;

use super::{Given, JobTask, task};
use crate::task::property;

pub const TASKS: &[JobTask] = &[task("io.kestra.plugin.core.flow.Sleep", |given| Box::pin(sleep(given)))];

async fn sleep(given: &Given) -> Result<JsonMap, Error> {
    let duration = property::duration(&given.need("duration")?, "duration")?;
    // What an earlier host slept counts.
    tokio::time::sleep(duration.saturating_sub(given.site.left.unwrap_or_default())).await;
    Ok(JsonMap::new())
}
