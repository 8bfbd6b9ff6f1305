//! Whether a task could run now.

use serde_json::json;
use switchyard_plugin_api::{Error, Health};

use super::{api::Client, properties::Properties};

pub async fn health(properties: &Properties) -> Health {
    match ask(properties).await {
        Ok(health) => health,
        Err(error) => Health { ok: false, message: error.to_string(), ..Health::default() },
    }
}

async fn ask(properties: &Properties) -> Result<Health, Error> {
    let client = Client::new(properties)?;
    let pool = client.pool(&properties.pool_id).await?;
    if let Some(blobs) = client.blobs() {
        blobs.try_out().await?;
    }
    let mut health = Health {
        ok: true,
        message: format!("Azure Batch answers, pool {} has {} nodes", properties.pool_id, pool.nodes),
        ..Health::default()
    };
    if let Some(trouble) = pool.trouble(&properties.pool_id) {
        // A pool that grows by itself may have no nodes for now.
        health.ok = pool.state != "deleting" && pool.errors.is_empty() && pool.runs_containers != Some(false);
        health.message = trouble;
    }
    health.facts.insert("nodes".to_owned(), pool.nodes.into());
    health.facts.insert("allocation".to_owned(), pool.allocation.as_str().into());
    if !pool.errors.is_empty() {
        health.facts.insert("resize errors".to_owned(), json!(pool.errors));
    }
    if client.blobs().is_none() {
        health.facts.insert("files".to_owned(), "without `blobStorage` no files travel".into());
    }
    Ok(health)
}
