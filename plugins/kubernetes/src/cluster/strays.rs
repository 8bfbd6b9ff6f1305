//! Pods of this host that nobody follows.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use crate::pod::{KEEP, REPORTED};

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

/// Those that were found and not looked at yet.
#[derive(Debug, Default)]
pub struct Strays {
    found: Mutex<Vec<Stray>>,
    news: Notify,
}

impl Strays {
    /// Remembers a pod.
    pub fn note(&self, pod: &Value) {
        if let Some(stray) = Stray::of(pod) {
            self.found.lock().unwrap_or_else(PoisonError::into_inner).push(stray);
            self.news.notify_one();
        }
    }

    /// Waits for some.
    pub async fn next(&self) -> Vec<Stray> {
        loop {
            let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
            if !found.is_empty() {
                return found;
            }
            self.news.notified().await;
        }
    }
}
