//! Pods of this host that nobody follows.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::{Mutex as AsyncMutex, MutexGuard, Notify},
    time::{Instant, sleep_until},
};

use crate::pod::{KEEP, REPORTED};

/// How often those that are there are looked at.
const EVERY: Duration = Duration::from_secs(60);
/// How long the first look waits: what is there when a watch opens comes in many pieces.
const SETTLING: Duration = Duration::from_millis(200);

/// A pod whose host went before it could remove it, perhaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Its name.
    pub pod: String,
    /// Its identity.
    pub uid: String,
    /// The execution that it was made for.
    pub execution: String,
}

impl Stray {
    /// None for a pod that goes already, or is kept on purpose.
    fn of(pod: &Value) -> Option<Self> {
        let text = |path: &str| pod.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let annotation = |name: &str| pod.pointer("/metadata/annotations").and_then(|a| a.get(name)).and_then(Value::as_str);
        let spared = [KEEP, REPORTED].into_iter().any(|name| annotation(name).is_some()) || text("/metadata/deletionTimestamp").is_some();
        if spared {
            return None;
        }
        let execution = annotation("kestra.io/execution-id")?.to_owned();
        Some(Self { pod: text("/metadata/name")?, uid: text("/metadata/uid")?, execution })
    }
}

/// All pods of this host that may be removed once their execution has ended; whoever asks knows which of them are followed.
#[derive(Debug, Default)]
pub struct Strays {
    found: Mutex<BTreeMap<String, Stray>>,
    news: Notify,
    /// When they may be looked at again.
    next: AsyncMutex<Option<Instant>>,
}

/// The right to look after strays: one run has it for all that share a watch.
pub struct Turn<'a> {
    strays: &'a Strays,
    next: MutexGuard<'a, Option<Instant>>,
}

impl Strays {
    /// Takes notice of a pod as it is now.
    pub fn note(&self, name: &str, pod: &Value) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match Stray::of(pod) {
            Some(stray) => {
                if found.insert(name.to_owned(), stray).is_none() {
                    self.news.notify_one();
                }
            }
            None => drop(found.remove(name)),
        }
    }

    /// Forgets a pod that has gone.
    pub fn forget(&self, name: &str) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Forgets all but these.
    pub fn keep(&self, names: &[String]) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| names.contains(name));
    }

    /// Waits until nobody else looks after them.
    pub async fn turn(&self) -> Turn<'_> {
        Turn { strays: self, next: self.next.lock().await }
    }
}

impl Turn<'_> {
    /// Those that are there: soon after the first have come, and then once in a while.
    pub async fn look(&mut self) -> Vec<Stray> {
        loop {
            let found: Vec<Stray> = self.strays.found.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
            if found.is_empty() {
                self.strays.news.notified().await;
                continue;
            }
            let due = *self.next.get_or_insert_with(|| Instant::now() + SETTLING);
            if due <= Instant::now() {
                *self.next = Some(Instant::now() + EVERY);
                return found;
            }
            sleep_until(due).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, more: Value) -> Value {
        let mut pod = json!({ "metadata": { "name": name, "uid": name, "annotations": { "kestra.io/execution-id": "e" } } });
        pod["metadata"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        pod
    }

    #[tokio::test(start_paused = true)]
    async fn kube_k24_strays_are_looked_at_again_and_again() {
        let strays = Strays::default();
        let names = |found: Vec<Stray>| found.into_iter().map(|stray| stray.pod).collect::<Vec<_>>();
        let began = Instant::now();
        strays.note("a", &pod("a", json!({})));
        strays.note("b", &pod("b", json!({})));
        assert_eq!(names(strays.turn().await.look().await), ["a", "b"]);
        assert!(began.elapsed() < Duration::from_secs(1));
        strays.note("c", &pod("c", json!({})));
        strays.note("a", &pod("a", json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" })));
        strays.forget("b");
        // Another run has its turn now, and keeps to the same times.
        assert_eq!(names(strays.turn().await.look().await), ["c"]);
        assert!((60..=61).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        strays.keep(&[]);
        assert!(tokio::time::timeout(Duration::from_secs(600), strays.turn().await.look()).await.is_err());
    }
}
