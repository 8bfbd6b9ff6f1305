//! What is needed to find a container again after a restart of the host.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use switchyard_plugin_api::{Context, Outcome};

use crate::logs::Position;

/// A container, and how much of its output the host has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The container's id.
    pub container_id: String,
    /// Bytes of output that the host had taken.
    #[serde(flatten)]
    pub position: Position,
    /// How the work ended. The container is removed before the host has this, and may be all that is left of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

impl Checkpoint {
    /// Hands it to the host. The container's label is the second way to find it, so a host without checkpoints is no reason to stop.
    pub async fn save(&self, context: &Context) {
        if let Err(error) = context.checkpoint(self).await {
            tracing::debug!(container = %self.container_id, %error, "the checkpoint was not taken");
        }
    }

    /// Reads what [`Checkpoint::save`] wrote.
    pub fn read(state: Option<Value>) -> Option<Self> {
        serde_json::from_value(state?).ok()
    }
}

/// How much of the output the host has: it knows best, and the checkpoint is from a little earlier.
pub async fn position(context: &Context, checkpoint: Option<&Checkpoint>) -> Position {
    match context.service("log_position", &json!({})).await {
        Ok(position) => position,
        Err(_) => checkpoint.map(|c| c.position).unwrap_or_default(),
    }
}
