//! The lock file of a plugins directory: what each library was when an administrator accepted it.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use switchyard_plugin_api::{Manifest, PluginInfo};

use crate::{cache, refusal::Refusal};

const FILE: &str = "plugins.lock";
const FORMAT: u32 = 1;

/// What is pinned of one library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Locked {
    pub plugin: String,
    pub version: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Plugin API, target and panic strategy.
    pub abi: String,
    /// SHA-256 of the schemas of its components.
    pub schemas: String,
    /// SHA-256 of its signature file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Locked {
    pub(crate) fn of(path: &Path, hash: &str, plugin: &PluginInfo, manifest: &Manifest) -> Self {
        let mut schemas: Vec<_> = manifest.components.iter().map(|c| (c.kind, &c.type_name, &c.schema, &c.outputs)).collect();
        schemas.sort_by_key(|(kind, name, ..)| (*kind, *name));
        let signature = fs::read(path.with_file_name(super::signature::file_name(path))).ok();
        Self {
            plugin: plugin.id.clone(),
            version: plugin.version.clone(),
            sha256: hash.to_owned(),
            abi: format!("{} {} {}", plugin.api, plugin.target, plugin.panic),
            schemas: cache::hash(&serde_json::to_vec(&schemas).unwrap_or_default()),
            signature: signature.map(|bytes| cache::hash(&bytes)),
        }
    }
}

/// What a new lock file changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Added(Locked),
    Removed(Locked),
    Changed { from: Locked, to: Locked },
    Kept(Locked),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(new) => write!(f, "+ {} {}", new.plugin, new.version),
            Self::Removed(old) => write!(f, "- {} {}", old.plugin, old.version),
            Self::Kept(same) => write!(f, "= {} {}", same.plugin, same.version),
            Self::Changed { from, to } => {
                let version = if from.version == to.version { to.version.clone() } else { format!("{} -> {}", from.version, to.version) };
                write!(f, "~ {} {version}", to.plugin)?;
                let parts = [
                    (from.sha256 != to.sha256, "content"),
                    (from.abi != to.abi, "ABI"),
                    (from.schemas != to.schemas, "schemas"),
                    (from.signature != to.signature, "signature"),
                ];
                let parts: Vec<&str> = parts.into_iter().filter(|(changed, _)| *changed).map(|(_, name)| name).collect();
                write!(f, " ({})", parts.join(", "))
            }
        }
    }
}

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    switchyard_lock: u32,
    /// By file name.
    pub plugins: BTreeMap<String, Locked>,
}

impl Lock {
    pub fn new(plugins: BTreeMap<String, Locked>) -> Self {
        Self { switchyard_lock: FORMAT, plugins }
    }

    pub fn path(directory: &Path) -> PathBuf {
        directory.join(FILE)
    }

    /// Whether a file of this name is one.
    pub(crate) fn is_name(name: &str) -> bool {
        name == FILE
    }

    pub(crate) fn read(directory: &Path) -> Result<Self, Refusal> {
        let path = Self::path(directory);
        let help = "accept what is there with `switchyard plugins lock`";
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let reason = format!("only locked plugins are used, and {} has no {FILE}", directory.display());
                Refusal::new("plugin::no_lock", reason).with_help(help)
            }
            _ => Refusal::new("plugin::bad_lock", format!("{} cannot be read: {error}", path.display())).with_help("make it readable"),
        })?;
        let lock: Self = serde_json::from_slice(&bytes)
            .map_err(|error| Refusal::new("plugin::bad_lock", format!("{} is not a lock file: {error}", path.display())).with_help(help))?;
        if lock.switchyard_lock != FORMAT {
            let reason = format!("{} has format {}, this host reads format {FORMAT}", path.display(), lock.switchyard_lock);
            return Err(Refusal::new("plugin::bad_lock", reason).with_help("use a newer host, or write it again"));
        }
        Ok(lock)
    }

    /// Writes it; answers what is different from the one that was there.
    pub fn write(&self, directory: &Path) -> io::Result<Vec<(String, Change)>> {
        let before = Self::read(directory).map(|lock| lock.plugins).unwrap_or_default();
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        cache::write(&Self::path(directory), &json, 0o644)?;
        let removed = before.iter().filter(|(name, _)| !self.plugins.contains_key(*name));
        let mut changes: Vec<_> = removed.map(|(name, old)| (name.clone(), Change::Removed(old.clone()))).collect();
        changes.extend(self.plugins.iter().map(|(name, new)| {
            let change = match before.get(name) {
                None => Change::Added(new.clone()),
                Some(old) if old == new => Change::Kept(new.clone()),
                Some(old) => Change::Changed { from: old.clone(), to: new.clone() },
            };
            (name.clone(), change)
        }));
        Ok(changes)
    }

    pub(super) fn pins(&self, path: &Path, hash: &str) -> bool {
        self.find(path).is_some_and(|locked| locked.sha256 == hash)
    }

    /// `describe` says what the file claims to be.
    pub(super) fn admit(&self, path: &Path, hash: &str, describe: impl Fn() -> String) -> Result<String, Refusal> {
        let help = "if it is what you want, accept it with `switchyard plugins lock`";
        match self.find(path) {
            Some(locked) if locked.sha256 == hash => Ok(format!("{FILE} pins this content as {} {}", locked.plugin, locked.version)),
            Some(locked) => {
                let (plugin, version, pinned) = (&locked.plugin, &locked.version, short(&locked.sha256));
                let reason =
                    format!("it is {} with content {}, {FILE} pins {plugin} {version} with content {pinned}", describe(), short(hash));
                Err(Refusal::new("plugin::lock_mismatch", reason).with_help(help))
            }
            None => Err(Refusal::new("plugin::not_locked", format!("it is {}, which {FILE} does not pin", describe())).with_help(help)),
        }
    }

    fn find(&self, path: &Path) -> Option<&Locked> {
        self.plugins.get(path.file_name()?.to_str()?)
    }
}

fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}
