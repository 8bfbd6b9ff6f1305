//! One watch for all pods of ours in a namespace, fanned out by the pod's name.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

use super::{
    ABSENCE, Call, Cluster, Refusal, Trouble, escape, jitter,
    lines::Lines,
    strays::{Stray, Strays, Turn},
};
use crate::{
    error::Failure,
    pod::{INSTANCE, OURS},
};

/// The server ends a watch after this long by itself, so that a connection that is dead without a word is noticed.
const LIFETIME: Duration = Duration::from_secs(290);
/// A watch that nobody needs is kept for the next pod.
const IDLE: Duration = Duration::from_secs(20);

/// What is known of a pod.
#[derive(Debug, Clone, Default)]
pub enum Sight {
    /// Nothing yet.
    #[default]
    Unseen,
    /// As the cluster has it.
    There(Arc<Pod>),
    /// Removed; as it was last.
    Gone(Option<Arc<Pod>>),
    /// The cluster does not tell any more.
    Lost(Box<Failure>),
}

/// The watch of a namespace.
pub struct Watch {
    cluster: Arc<Cluster>,
    namespace: String,
    /// Whose pods; without it those of every host.
    instance: Option<String>,
    strays: Strays,
    tracked: Mutex<HashMap<String, watch::Sender<Sight>>>,
    state: watch::Sender<State>,
    /// Somebody came or went.
    changed: Notify,
}

#[derive(Debug, Clone)]
enum State {
    Opening,
    Open,
    Ended(Option<Box<Failure>>),
}

/// A pod of interest; it is forgotten when this is dropped.
pub struct Tracked {
    watch: Arc<Watch>,
    name: String,
    receiver: watch::Receiver<Sight>,
}

impl Tracked {
    /// What is known now.
    pub fn now(&mut self) -> Sight {
        self.receiver.borrow_and_update().clone()
    }

    /// Resolves when something else is known.
    pub async fn changed(&mut self) {
        if self.receiver.changed().await.is_err() {
            // The sender lives as long as we do.
            std::future::pending::<()>().await;
        }
    }

    /// Says what is known from elsewhere, unless the watch knows better.
    pub fn seed(&self, pod: Pod) {
        self.watch.tell(&self.name, |sight| match sight {
            Sight::Unseen => Some(Sight::There(Arc::new(pod))),
            _ => None,
        });
    }

    /// The watch that sees it.
    pub fn watch(&self) -> Arc<Watch> {
        self.watch.clone()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.watch.tracked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
        self.watch.changed.notify_one();
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

/// Why a connection of the watch ended.
enum End {
    /// In the usual course; to be opened where it stopped.
    Usual,
    /// The server has forgotten where we were.
    Expired,
    /// Nobody needs it.
    Idle,
    Trouble(Trouble),
}

impl Watch {
    pub(super) fn start(cluster: Arc<Cluster>, namespace: &str, instance: Option<&str>) -> Arc<Self> {
        let watch = Arc::new(Self {
            cluster,
            namespace: namespace.to_owned(),
            instance: instance.map(str::to_owned),
            strays: Strays::default(),
            tracked: Mutex::default(),
            state: watch::Sender::new(State::Opening),
            changed: Notify::new(),
        });
        tokio::spawn(watch.clone().run());
        watch
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(*self.state.borrow(), State::Ended(_))
    }

    /// Waits until it is open.
    pub(super) async fn opened(&self) -> Result<(), Failure> {
        let mut state = self.state.subscribe();
        match state.wait_for(|s| !matches!(s, State::Opening)).await.as_deref() {
            Ok(State::Ended(Some(failure))) => Err((**failure).clone()),
            // Ended because it was idle, in this very moment: the pod's own events tell.
            _ => Ok(()),
        }
    }

    /// Waits for the right to look after the pods that nobody follows.
    pub async fn strays(&self) -> Turn<'_> {
        self.strays.turn().await
    }

    /// Pods of this host that nobody follows. Waits until there are any.
    pub async fn unfollowed(&self, turn: &mut Turn<'_>) -> Vec<Stray> {
        loop {
            let strays = turn.look().await;
            let tracked = self.tracked.lock().unwrap_or_else(PoisonError::into_inner);
            let unfollowed: Vec<Stray> = strays.into_iter().filter(|stray| !tracked.contains_key(&stray.pod)).collect();
            if !unfollowed.is_empty() {
                return unfollowed;
            }
        }
    }

    /// Follows the pod of this name from now on.
    pub fn track(self: &Arc<Self>, name: &str) -> Tracked {
        let sender = watch::Sender::new(Sight::Unseen);
        let receiver = sender.subscribe();
        self.tracked.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), sender);
        self.changed.notify_one();
        if self.wake() {
            tokio::spawn(self.clone().run());
        }
        Tracked { watch: self.clone(), name: name.to_owned(), receiver }
    }

    /// True for the one who has to run it again after it had ended for want of pods.
    fn wake(&self) -> bool {
        self.state.send_if_modified(|state| {
            let asleep = matches!(state, State::Ended(None));
            if asleep {
                *state = State::Open;
            }
            asleep
        })
    }

    fn tell(&self, name: &str, news: impl FnOnce(&Sight) -> Option<Sight>) {
        let tracked = self.tracked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = tracked.get(name) {
            sender.send_if_modified(|sight| match news(sight) {
                Some(new) => {
                    *sight = new;
                    true
                }
                None => false,
            });
        }
    }

    fn is_needed(&self) -> bool {
        !self.tracked.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    async fn run(self: Arc<Self>) {
        let mut version: Option<String> = None;
        let mut trouble_since: Option<Instant> = None;
        let mut pause = Duration::from_millis(100);
        loop {
            match self.round(&mut version, &mut trouble_since).await {
                End::Idle => {
                    self.state.send_replace(State::Ended(None));
                    // Somebody may have come between the last look and this.
                    if self.is_needed() && self.wake() {
                        continue;
                    }
                    return;
                }
                End::Usual => {
                    pause = Duration::from_millis(100);
                }
                End::Expired => match self.list().await {
                    Ok(listed) => version = listed,
                    Err(failure) => return self.end(failure),
                },
                End::Trouble(trouble) => {
                    let since = *trouble_since.get_or_insert_with(Instant::now);
                    // At the very beginning nobody has anything to lose by giving up early.
                    let opening = matches!(*self.state.borrow(), State::Opening);
                    let patience = if opening { Duration::from_secs(30) } else { ABSENCE };
                    let patience =
                        if trouble.is_unauthorized() { patience.min(Duration::from_secs(if opening { 5 } else { 60 })) } else { patience };
                    if !trouble.may_pass() || since.elapsed() > patience {
                        return self.end(self.cluster.failure(&self.call(None), trouble));
                    }
                    tracing::debug!(namespace = self.namespace, %trouble, "the watch broke, opening it again");
                    sleep(jitter(trouble.retry_after().unwrap_or(pause))).await;
                    pause = (pause * 2).min(self.cluster.reconnect.max(Duration::from_millis(200)) * 4);
                }
            }
        }
    }

    fn end(&self, failure: Failure) {
        self.state.send_replace(State::Ended(Some(Box::new(failure.clone()))));
        let tracked = self.tracked.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in tracked.values() {
            sender.send_replace(Sight::Lost(Box::new(failure.clone())));
        }
    }

    fn call(&self, version: Option<&str>) -> Call {
        let from = version.map(|v| format!("&resourceVersion={}", escape(v))).unwrap_or_default();
        let rest = format!(
            "?watch=true&allowWatchBookmarks=true&timeoutSeconds={}&labelSelector={}{from}",
            LIFETIME.as_secs(),
            escape(&self.selector())
        );
        Call::pods("watch", "pods", &self.namespace, &rest, "watching the pods")
    }

    fn selector(&self) -> String {
        let instance = self.instance.as_ref().map(|id| format!(",{INSTANCE}={id}")).unwrap_or_default();
        format!("{}={}{instance}", OURS.0, OURS.1)
    }

    async fn round(&self, version: &mut Option<String>, trouble_since: &mut Option<Instant>) -> End {
        let mut body = match self.cluster.stream(&self.call(version.as_deref())).await {
            Ok(body) => body,
            Err(trouble) if trouble.status() == Some(410) => return End::Expired,
            Err(trouble) => return End::Trouble(trouble),
        };
        self.state.send_replace(State::Open);
        if version.is_none() {
            // All that are there are told from the beginning.
            self.strays.keep(&[]);
        }
        let mut lines = Lines::default();
        loop {
            let line = tokio::select! {
                line = timeout(LIFETIME + Duration::from_secs(30), lines.next(&mut body)) => line,
                () = self.nobody() => return End::Idle,
            };
            let event = match line {
                Ok(Ok(Some(line))) => serde_json::from_slice::<Event>(&line),
                Ok(Ok(None)) => return End::Usual,
                Ok(Err(reason)) => return End::Trouble(Trouble::Broken(reason)),
                Err(_) => return End::Trouble(Trouble::Broken("the watch is silent".to_owned())),
            };
            *trouble_since = None;
            let Ok(Event { kind, object }) = event else { return End::Trouble(Trouble::Broken("an event of the watch is cut".to_owned())) };
            if kind == "ERROR" {
                let code = object.get("code").and_then(Value::as_u64).and_then(|c| u16::try_from(c).ok()).unwrap_or(500);
                if code == 410 {
                    return End::Expired;
                }
                let body = serde_json::to_vec(&object).unwrap_or_default();
                return End::Trouble(Trouble::Refused(Refusal::read(code, &body, None)));
            }
            if let Some(now) = object.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
                *version = Some(now.to_owned());
            }
            if kind != "BOOKMARK" {
                self.take(kind == "DELETED", object);
            }
        }
    }

    fn take(&self, deleted: bool, object: Value) {
        let Some(name) = object.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned) else { return };
        // Without a name of its own a host cannot tell its pods from those of others.
        if deleted {
            self.strays.forget(&name);
        } else if self.instance.is_some() {
            self.strays.note(&name, &object);
        }
        if !self.tracked.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&name) {
            return;
        }
        match serde_json::from_value::<Pod>(object) {
            Ok(pod) => {
                let pod = Arc::new(pod);
                self.tell(&name, |_| Some(if deleted { Sight::Gone(Some(pod)) } else { Sight::There(pod) }));
            }
            Err(error) => tracing::warn!(pod = name, %error, "an event of the watch cannot be read"),
        }
    }

    /// All pods as they are now. What was there and is not any more has gone.
    async fn list(&self) -> Result<Option<String>, Failure> {
        #[derive(Deserialize)]
        struct List {
            metadata: Value,
            items: Vec<Value>,
        }
        let rest = format!("?labelSelector={}", escape(&self.selector()));
        let call = Call::pods("list", "pods", &self.namespace, &rest, "listing the pods");
        let list = match self.cluster.ask(&call, ABSENCE).await {
            Ok(bytes) => serde_json::from_slice::<List>(&bytes),
            // Without the right to list, a watch from nowhere tells what is there; what has gone shows when it is asked for.
            Err(trouble) if trouble.status() == Some(403) => return Ok(None),
            Err(trouble) => return Err(self.cluster.failure(&call, trouble)),
        };
        let Ok(list) = list else { return Ok(None) };
        let mut names = Vec::new();
        for item in list.items {
            names.extend(item.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned));
            self.take(false, item);
        }
        self.strays.keep(&names);
        let tracked: Vec<String> = self.tracked.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        for name in tracked.iter().filter(|n| !names.contains(n)) {
            self.tell(name, |sight| match sight {
                Sight::There(last) => Some(Sight::Gone(Some(last.clone()))),
                _ => None,
            });
        }
        Ok(list.metadata.get("resourceVersion").and_then(Value::as_str).map(str::to_owned))
    }

    /// Resolves when nobody has needed the watch for a while.
    async fn nobody(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_needed() {
                changed.await;
            } else if timeout(IDLE, changed).await.is_err() && !self.is_needed() {
                return;
            }
        }
    }
}
