//! What outlives executions and belongs to all hosts of a journal: what triggers have seen and whether they are off, results that are used
//! again, places below a flow's limit, wishes for other hosts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde_json::Value as Json;
use switchyard_store::journal::{self, Entry, Journal, Write};

/// Cheap to clone. Without a journal it lasts as long as the engine.
#[derive(Clone)]
pub struct Memory {
    journal: Journal,
    here: Arc<Mutex<BTreeMap<(String, String), Entry>>>,
}

type Result<T> = std::result::Result<T, journal::Error>;

impl Memory {
    pub fn new(journal: Journal) -> Self {
        Self { journal, here: Arc::default() }
    }

    pub async fn get(&self, place: &str, key: &str) -> Result<Option<Json>> {
        let found = match self.journal.is_off() {
            true => self.here().get(&(place.to_owned(), key.to_owned())).cloned(),
            false => self.journal.entry(place, key).await?,
        };
        Ok(found.and_then(live))
    }

    /// All of a place, by key.
    pub async fn all(&self, place: &str) -> Result<Vec<(String, Json)>> {
        let found = match self.journal.is_off() {
            true => self.here().values().filter(|entry| entry.namespace == place).cloned().collect(),
            false => self.journal.entries(place).await?,
        };
        Ok(found.into_iter().filter_map(|entry| Some((entry.key.clone(), live(entry)?))).collect())
    }

    /// Resolves when it is kept.
    pub async fn put(&self, place: &str, key: &str, value: &Json, expires: Option<Timestamp>) -> Result<()> {
        match self.write(place, key, value, expires) {
            Some(write) => self.journal.commit(vec![write]).await.map(drop),
            None => Ok(()),
        }
    }

    /// What the journal has to be told to keep it; without a journal it is kept already.
    pub fn write(&self, place: &str, key: &str, value: &Json, expires: Option<Timestamp>) -> Option<Write> {
        let entry = entry(place, key, value, expires);
        if self.journal.is_off() {
            self.here().insert((place.to_owned(), key.to_owned()), entry);
            return None;
        }
        Some(Write::PutEntry(entry))
    }

    /// Puts it where nothing is; `false` when something is.
    pub async fn insert(&self, place: &str, key: &str, value: &Json) -> Result<bool> {
        let entry = entry(place, key, value, None);
        if self.journal.is_off() {
            let mut here = self.here();
            let place = (place.to_owned(), key.to_owned());
            let free = here.get(&place).is_none_or(|there| live(there.clone()).is_none());
            if free {
                here.insert(place, entry);
            }
            return Ok(free);
        }
        let write = Write::InsertEntry { entry, now: Timestamp::now().as_millisecond() };
        Ok(self.journal.commit(vec![write]).await?.rows == 1)
    }

    /// Removes it, in order with all writes, with nobody waiting.
    pub fn remove(&self, place: &str, key: &str) {
        if self.journal.is_off() {
            self.here().remove(&(place.to_owned(), key.to_owned()));
            return;
        }
        self.journal.commit_detached(vec![Write::RemoveEntry { namespace: place.to_owned(), key: key.to_owned() }]);
    }

    /// [`put`](Self::put) with nobody waiting.
    pub fn put_detached(&self, place: &str, key: &str, value: &Json, expires: Option<Timestamp>) {
        if let Some(write) = self.write(place, key, value, expires) {
            self.journal.commit_detached(vec![write]);
        }
    }

    /// Removes what has expired.
    pub fn sweep(&self) {
        if !self.journal.is_off() {
            self.journal.commit_detached(vec![Write::ExpireEntries { now: Timestamp::now().as_millisecond() }]);
        }
    }

    fn here(&self) -> MutexGuard<'_, BTreeMap<(String, String), Entry>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(place: &str, key: &str, value: &Json, expires: Option<Timestamp>) -> Entry {
    Entry {
        namespace: place.to_owned(),
        key: key.to_owned(),
        value: value.to_string().into_bytes(),
        description: None,
        expires: expires.map(Timestamp::as_millisecond),
        updated: Timestamp::now().as_millisecond(),
    }
}

/// What is not expired.
fn live(entry: Entry) -> Option<Json> {
    let expired = entry.expires.is_some_and(|at| at <= Timestamp::now().as_millisecond());
    if expired { None } else { serde_json::from_slice(&entry.value).ok() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn what_is_put_is_there_until_it_expires_with_and_without_a_journal() {
        let folder = tempfile::tempdir().unwrap();
        for journal in [Journal::off(), Journal::open(folder.path(), journal::Options::default()).unwrap()] {
            let memory = Memory::new(journal);
            assert_eq!(memory.get("a", "x").await.unwrap(), None);
            memory.put("a", "x", &json!({ "n": 1 }), None).await.unwrap();
            assert!(!memory.insert("a", "x", &json!(2)).await.unwrap());
            assert!(memory.insert("a", "y", &json!(3)).await.unwrap());
            memory.put("b", "x", &json!(4), None).await.unwrap();
            assert_eq!(memory.get("a", "x").await.unwrap(), Some(json!({ "n": 1 })));
            assert_eq!(memory.all("a").await.unwrap(), [("x".to_owned(), json!({ "n": 1 })), ("y".to_owned(), json!(3))]);
            memory.put("a", "y", &json!(5), Some(Timestamp::now())).await.unwrap();
            assert_eq!(memory.get("a", "y").await.unwrap(), None);
            assert!(memory.insert("a", "y", &json!(6)).await.unwrap(), "what has expired is in nobody's way");
            memory.remove("a", "x");
            memory.sweep();
            assert_eq!(memory.all("a").await.unwrap(), [("y".to_owned(), json!(6))]);
        }
    }
}
