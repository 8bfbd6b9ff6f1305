//! `flow.Sleep`.

use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;

use super::{Given, JobTask, task};
use crate::task::property;

pub const TASKS: &[JobTask] = &[task("io.kestra.plugin.core.flow.Sleep", |given| Box::pin(sleep(given)))];

async fn sleep(given: &Given) -> Result<JsonMap, Error> {
    tokio::time::sleep(property::duration(&given.need("duration")?, "duration")?).await;
    Ok(JsonMap::new())
}
