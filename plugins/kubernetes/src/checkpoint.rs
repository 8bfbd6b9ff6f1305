//! What is needed to find a pod again after a restart of the host, and to go on where it stopped.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use switchyard_plugin_api::Context;

use crate::logs::Position;

/// A pod, and how far the host was with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Checkpoint {
    /// Namespace of the pod.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its identity.
    pub uid: String,
    /// The host has the output files.
    pub fetched: bool,
    /// When the command was seen to run, by the host's clock: Unix time in milliseconds, 0 for not yet.
    pub running_since: i64,
    /// Output that the host has taken.
    pub position: Position,
}

impl Checkpoint {
    /// Hands it to the host. The pod's label is the second way to find it, so a host without checkpoints is no reason to stop.
    pub async fn save(&self, context: &Context) {
        if let Err(error) = context.checkpoint(self).await {
            tracing::debug!(pod = %self.pod, %error, "the checkpoint was not taken");
        }
    }

    /// Reads what [`Checkpoint::save`] wrote.
    pub fn read(state: Option<Value>) -> Option<Self> {
        serde_json::from_value(state?).ok().filter(|c: &Self| !c.pod.is_empty())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stored {
    stdout: u64,
}

/// Bytes that the host has behind the checkpoint's position: it knows best, and the checkpoint is from a little earlier.
pub async fn known_behind(context: &Context, position: Position) -> u64 {
    match context.service::<Stored>("log_position", &json!({})).await {
        Ok(stored) => stored.stdout.saturating_sub(position.bytes),
        Err(_) => 0,
    }
}
