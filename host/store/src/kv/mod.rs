//! Key-value entries of namespaces.
//!
//! Each is a small document in internal storage (`/<namespace path>/_kv/<key>.json`), so that every host that shares the storage
//! sees the same entries. Times are passed in, in milliseconds since 1970.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::storage::{self, Storage, StorageUri};

/// The entries of all namespaces. Clones share them.
#[derive(Clone)]
pub struct KeyValues {
    storage: Storage,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    String,
    Number,
    Boolean,
    Datetime,
    Date,
    Duration,
    Json,
}

impl Kind {
    pub const NAMES: &'static [&'static str] = &["STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON"];

    pub fn from_name(name: &str) -> Option<Self> {
        serde_json::from_value(Value::String(name.to_owned())).ok()
    }
}

/// A value with what is known about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    #[serde(rename = "type")]
    pub kind: Kind,
    pub value: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub created: i64,
    pub updated: i64,
    /// From then on the entry counts as missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

impl Entry {
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Why an entry could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "`{key}` cannot be a key: it begins with a letter or a digit and has only letters, digits, `.`, `_` and `-`, at most 256 of them"
    )]
    Key { key: String },
    #[error("the key-value entry `{uri}` is damaged: {reason}; set it again or delete it")]
    Damaged { uri: StorageUri, reason: String },
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl Error {
    /// A stable name, the same in every release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key { .. } => "kv::key",
            Self::Damaged { .. } => "kv::damaged",
            Self::Storage(error) => error.code(),
        }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

const EXTENSION: &str = ".json";
const LONGEST_KEY: usize = 256;

impl KeyValues {
    pub fn new(storage: Storage) -> Self {
        Self { storage }
    }

    /// A live entry.
    pub async fn get(&self, namespace: &str, key: &str, now: i64) -> Result<Option<Entry>> {
        let uri = uri(namespace, key)?;
        match self.storage.get(&uri).await {
            Ok(bytes) => Ok(Some(read(&uri, &bytes)?).filter(|entry| !entry.is_expired(now))),
            Err(storage::Error::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets or replaces an entry.
    pub async fn set(&self, namespace: &str, key: &str, entry: &Entry) -> Result<()> {
        Ok(self.storage.put(&uri(namespace, key)?, write(entry)).await?)
    }

    /// Sets an entry unless there is a live one; `false` when there is. Of several hosts only one succeeds.
    pub async fn create(&self, namespace: &str, key: &str, entry: &Entry, now: i64) -> Result<bool> {
        let uri = uri(namespace, key)?;
        if self.storage.create(&uri, write(entry)).await? {
            return Ok(true);
        }
        if self.get(namespace, key, now).await?.is_some() {
            return Ok(false);
        }
        self.storage.delete(&uri).await?;
        Ok(self.storage.create(&uri, write(entry)).await?)
    }

    /// Removes an entry; `false` when there was no live one.
    pub async fn delete(&self, namespace: &str, key: &str, now: i64) -> Result<bool> {
        let live = match self.get(namespace, key, now).await {
            Ok(entry) => entry.is_some(),
            // What is damaged can still be deleted.
            Err(Error::Damaged { .. }) => true,
            Err(error) => return Err(error),
        };
        Ok(self.storage.delete(&uri(namespace, key)?).await? && live)
    }

    /// The live entries of a namespace, by key. One that is damaged is left out and told to the log.
    pub async fn list(&self, namespace: &str, now: i64) -> Result<Vec<(String, Entry)>> {
        let mut found = Vec::new();
        for (key, entry) in self.all(namespace).await? {
            match entry {
                Ok(entry) if !entry.is_expired(now) => found.push((key, entry)),
                Ok(_) => {}
                Err(error) => tracing::warn!("{error}"),
            }
        }
        Ok(found)
    }

    /// Deletes what has expired; gives how many entries that were.
    pub async fn purge(&self, namespace: &str, now: i64) -> Result<usize> {
        let mut count = 0;
        for (key, entry) in self.all(namespace).await? {
            if entry.is_ok_and(|entry| entry.is_expired(now)) && self.storage.delete(&uri(namespace, &key)?).await? {
                count += 1;
            }
        }
        Ok(count)
    }

    async fn all(&self, namespace: &str) -> Result<Vec<(String, Result<Entry>)>> {
        let mut all = Vec::new();
        for stored in self.storage.list(&folder(namespace)?).await? {
            let Some(key) = stored.uri.file_name().strip_suffix(EXTENSION) else { continue };
            let key = key.to_owned();
            match self.storage.get(&stored.uri).await {
                Ok(bytes) => all.push((key, read(&stored.uri, &bytes))),
                // Somebody else deleted it just now.
                Err(storage::Error::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(all)
    }
}

fn folder(namespace: &str) -> Result<StorageUri> {
    Ok(StorageUri::in_namespace(namespace, "_kv")?)
}

fn uri(namespace: &str, key: &str) -> Result<StorageUri> {
    let begins = key.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if !begins || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(Error::Key { key: key.to_owned() });
    }
    Ok(folder(namespace)?.join(&format!("{key}{EXTENSION}"))?)
}

fn read(uri: &StorageUri, bytes: &[u8]) -> Result<Entry> {
    serde_json::from_slice(bytes).map_err(|error| Error::Damaged { uri: uri.clone(), reason: error.to_string() })
}

fn write(entry: &Entry) -> Bytes {
    serde_json::to_vec(entry).unwrap_or_default().into()
}
