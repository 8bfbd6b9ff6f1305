//! What a server started with: a later look at the plugin directories is compared with it, also when the server is gone.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use switchyard_plugin_api::Manifest;
use switchyard_registry::Status;

use crate::{arguments::Globals, host::Host};

const FILE: &str = "plugins.json";

/// All paths are absolute.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Baseline {
    pub pid: u32,
    pub directories: Vec<PathBuf>,
    pub config: Option<PathBuf>,
    pub locked: bool,
    pub flows: Vec<PathBuf>,
    pub rows: Vec<Status>,
    pub manifests: BTreeMap<PathBuf, Manifest>,
}

impl Baseline {
    pub fn of(globals: &Globals, host: &Host, flows: &[PathBuf]) -> Self {
        Self {
            pid: std::process::id(),
            directories: host.registry.directories().into_iter().map(absolute).collect(),
            config: globals.config.clone().map(absolute),
            locked: globals.locked,
            flows: flows.iter().cloned().map(absolute).collect(),
            rows: rows(host),
            manifests: host.registry.manifests().into_iter().map(|(file, manifest)| (absolute(file), manifest)).collect(),
        }
    }

    /// The last one of a data directory.
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(data_dir.join(FILE)).ok()?).ok()
    }

    pub fn write(&self, data_dir: &Path) {
        let (place, new) = (data_dir.join(FILE), data_dir.join(format!("{FILE}.new")));
        let json = serde_json::to_vec(self).map_err(std::io::Error::from);
        if let Err(error) = json.and_then(|json| fs::write(&new, json)).and_then(|()| fs::rename(&new, &place)) {
            tracing::warn!(file = %place.display(), %error, "what is loaded cannot be noted; `plugins preview` will know less");
        }
    }
}

/// The registry's rows; their paths mean the same to everybody.
pub fn rows(host: &Host) -> Vec<Status> {
    let mut rows = host.registry.plugins();
    rows.iter_mut().for_each(|row| row.file = row.file.take().map(absolute));
    rows
}

pub fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
