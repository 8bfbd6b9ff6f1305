//! What a flow says below `fileVolume:`.

use std::borrow::Cow;

use serde::{Deserializer, de::Error as _};
use serde_json::{Map, Value};
use switchyard_plugin_api::{
    Text,
    prelude::*,
    schemars::{Schema, SchemaGenerator, json_schema},
};

/// Where shared files live.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(transform = super::spellings::volume)]
pub struct FileVolume {
    /// `MEMORY` (default): fast, counts as memory of the containers. `DISK`: on the node's disk.
    pub medium: Option<Medium>,
    /// Greatest size, such as `1Gi`.
    pub size_limit: Option<Text>,
    /// An existing claim.
    #[serde(alias = "claim")]
    pub claim_name: Option<String>,
    /// A claim that is made for the pod and goes with it: the `spec` of a PersistentVolumeClaim.
    pub volume_claim_template: Option<Map<String, Value>>,
}

/// What the shared files are kept on: the words of flows and those of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Medium {
    /// A file system in memory.
    #[default]
    Memory,
    /// The node's disk.
    Disk,
}

impl<'de> Deserialize<'de> for Medium {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim().to_ascii_lowercase().as_str() {
            "memory" => Ok(Self::Memory),
            // Kubernetes calls the disk nothing at all.
            "disk" | "" => Ok(Self::Disk),
            _ => Err(D::Error::custom(format!("{text:?} is not a medium; write MEMORY or DISK"))),
        }
    }
}

impl JsonSchema for Medium {
    fn schema_name() -> Cow<'static, str> {
        "Medium".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["MEMORY", "DISK", "Memory", "Disk", "memory", "disk", ""] })
    }
}
