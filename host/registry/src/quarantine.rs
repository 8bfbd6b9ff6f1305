//! Plugins that harmed the host in its own process: they run apart from it until an administrator releases them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{blame, cache};

const FILE: &str = "quarantine.json";
const LOCK: &str = "quarantine.lock";

/// Why a plugin is in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// In one line.
    pub reason: String,
    /// Unix time in seconds.
    pub since: u64,
}

/// The record, in a directory that only the host's user may write. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Quarantine {
    directory: PathBuf,
}

impl Quarantine {
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Everything in it, with what the last hosts left. `known` are the ids of plugins that are there.
    pub fn read(&self, known: &[&str]) -> BTreeMap<String, Entry> {
        for (plugin, reason) in blame::collect(&self.directory, known) {
            self.add(&plugin, &reason);
        }
        self.entries()
    }

    /// The first reason stays: it is the one that was not expected.
    pub fn add(&self, plugin: &str, reason: &str) {
        let _alone = self.alone();
        let mut entries = self.entries();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        entries.entry(plugin.to_owned()).or_insert_with(|| Entry { reason: reason.to_owned(), since });
        tracing::warn!(plugin, reason, "from the next start on the plugin runs in a process of its own");
        if let Err(error) = self.write(&entries) {
            tracing::warn!(plugin, %error, "the quarantine cannot be recorded");
        }
    }

    pub fn release(&self, plugin: &str) -> io::Result<bool> {
        let _alone = self.alone();
        let mut entries = self.entries();
        let found = entries.remove(plugin).is_some();
        if found {
            self.write(&entries)?;
        }
        Ok(found)
    }

    /// Several hosts may share the record: who changes it does so alone. Where that cannot be had, changing it is still better.
    fn alone(&self) -> Option<fs::File> {
        let file = fs::OpenOptions::new().create(true).write(true).truncate(false).open(self.directory.join(LOCK)).ok()?;
        file.lock().ok().map(|()| file)
    }

    fn entries(&self) -> BTreeMap<String, Entry> {
        let Ok(json) = fs::read(self.path()) else { return BTreeMap::new() };
        serde_json::from_slice(&json).unwrap_or_default()
    }

    fn write(&self, entries: &BTreeMap<String, Entry>) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(entries)?;
        cache::write(&self.path(), &json, 0o600)
    }

    fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }
}
