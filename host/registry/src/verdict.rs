//! What was found out about a library's content, remembered so that a start with nothing new runs no plugin only to describe it.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use switchyard_plugin_api::{Component, ComponentKind, Manifest, PluginInfo};

use crate::{file::Stamp, gate::Gate, refusal::Refusal};

/// Everything about one content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub gates: Vec<Gate>,
    pub result: Result<Manifest, Refusal>,
}

/// A component's names: all that is needed to route a task to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names {
    pub kind: ComponentKind,
    pub type_name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

impl Names {
    pub fn of(component: &Component) -> Self {
        Self { kind: component.kind, type_name: component.type_name.clone(), aliases: component.description.aliases.clone() }
    }
}

/// The part of a verdict that every start needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Brief {
    pub plugin: PluginInfo,
    pub components: Vec<Names>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What is known about one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub stamp: Stamp,
    pub hash: String,
    /// The private copy as it was when it was written; absent for a refused file.
    pub copy: Option<Stamp>,
    /// Of a signature that was found valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    pub brief: Result<Brief, Refusal>,
}

/// What is known about every path that was seen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Index {
    pub files: BTreeMap<PathBuf, Known>,
}
