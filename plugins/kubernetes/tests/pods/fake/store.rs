//! What the server has, and everything that happened to it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use http::Response;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

use super::{
    Body, Rule, Settings,
    routes::{full, refusal},
};

/// A line of a log, and when it was written.
pub type Written = (jiff::Timestamp, Vec<u8>);

pub struct State {
    pub directory: TempDir,
    pub pods: Mutex<BTreeMap<String, Value>>,
    pub history: Mutex<Vec<(u64, &'static str, Value)>>,
    /// Events before this one are forgotten.
    pub forgotten: AtomicU64,
    pub version: AtomicU64,
    pub news: watch::Sender<u64>,
    pub logs: Mutex<HashMap<String, Vec<Written>>>,
    pub requests: Mutex<Vec<String>>,
    pub rules: Mutex<Vec<Rule>>,
    pub work: Mutex<HashMap<String, JoinHandle<()>>>,
    /// Ends all streams when it moves.
    pub cut: watch::Sender<u64>,
    pub settings: Settings,
}

impl State {
    pub fn new(settings: Settings) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            pods: Mutex::default(),
            history: Mutex::default(),
            forgotten: AtomicU64::new(0),
            version: AtomicU64::new(100),
            news: watch::Sender::new(0),
            logs: Mutex::default(),
            requests: Mutex::default(),
            rules: Mutex::default(),
            work: Mutex::default(),
            cut: watch::Sender::new(0),
            settings,
        }
    }

    pub fn put(&self, kind: &'static str, mut pod: Value) -> Value {
        // Held throughout: whoever watches takes versions to come in order.
        let mut history = self.history.lock().unwrap();
        let version = self.version.fetch_add(1, Ordering::SeqCst) + 1;
        pod["metadata"]["resourceVersion"] = version.to_string().into();
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        if kind == "DELETED" {
            self.pods.lock().unwrap().remove(&name);
        } else {
            self.pods.lock().unwrap().insert(name, pod.clone());
        }
        history.push((version, kind, pod.clone()));
        drop(history);
        self.news.send_replace(version);
        pod
    }

    pub fn change(&self, name: &str, change: impl FnOnce(&mut Value)) -> Option<Value> {
        let mut pod = self.pods.lock().unwrap().get(name).cloned()?;
        change(&mut pod);
        Some(self.put("MODIFIED", pod))
    }

    pub fn remove(&self, name: &str) {
        if let Some(work) = self.work.lock().unwrap().remove(name) {
            work.abort();
        }
        let pod = self.pods.lock().unwrap().get(name).cloned();
        if let Some(pod) = pod {
            self.put("DELETED", pod);
        }
    }

    pub fn create(self: &Arc<Self>, namespace: &str, mut pod: Value) -> Response<Body> {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        if self.pods.lock().unwrap().contains_key(&name) {
            return refusal(409, "AlreadyExists", &format!("pods \"{name}\" already exists"));
        }
        if let Some(inject) = self.settings.inject {
            inject(&mut pod);
        }
        let uid = format!("uid-{}", self.version.load(Ordering::SeqCst));
        pod["metadata"]["uid"] = uid.into();
        pod["metadata"]["namespace"] = namespace.into();
        pod["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
        pod["status"] = json!({ "phase": "Pending" });
        let created = self.put("ADDED", pod);
        if self.settings.manual {
            return full(201, &created);
        }
        let (state, pod) = (self.clone(), created.clone());
        let work = tokio::spawn(async move { state.kubelet(pod).await });
        self.work.lock().unwrap().insert(name, work);
        full(201, &created)
    }

    pub fn say(&self, pod: &str, line: Vec<u8>) {
        self.logs
            .lock()
            .unwrap()
            .entry(pod.to_owned())
            .or_default()
            .push((jiff::Timestamp::now() + jiff::SignedDuration::from_secs(self.settings.skew), line));
        self.news.send_modify(|_| {});
    }

    pub fn has_ended(&self, pod: &str) -> bool {
        let pods = self.pods.lock().unwrap();
        let statuses = pods.get(pod).and_then(|p| p["status"]["containerStatuses"].as_array());
        !pods.contains_key(pod) || statuses.is_some_and(|s| s.iter().any(|c| c["name"] == "main" && c["state"].get("terminated").is_some()))
    }
}
