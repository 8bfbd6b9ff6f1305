//! From a blueprint to a pod in the cluster: with patience for what may pass, and never a second one.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use switchyard_plugin_api::prelude::*;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    cleanup::Remains,
    cluster::{Call, Cluster, Sight, Tracked, Trouble, escape, jitter},
    error::Failure,
    pod::{Blueprint, KEY, REPORTED},
    properties::Properties,
    quota::can_never_fit,
    state,
};

/// A pod for the task.
#[derive(Debug)]
pub struct Launched {
    /// As the cluster has it.
    pub pod: Pod,
    /// It was there before, made by an earlier call for the same key.
    pub adopted: bool,
}

/// What a launch needs.
pub struct Launch<'a> {
    /// Where.
    pub cluster: &'a Arc<Cluster>,
    /// What.
    pub blueprint: &'a Blueprint,
    /// The flow's wishes.
    pub properties: &'a Properties,
    /// The key of the attempt.
    pub key: &'a str,
    /// The host.
    pub context: &'a Context,
}

const CONFLICTS: u32 = 5;
/// A new namespace gets its service account a moment later.
const NEW_NAMESPACE: Duration = Duration::from_secs(10);

impl Launch<'_> {
    /// Creates the pod, or finds the one that an earlier call has created.
    pub async fn create(&self, tracked: &mut Tracked) -> Result<Launched, Failure> {
        let namespace = self.properties.namespace();
        let call = Call::pods("create", "pods", namespace, "?fieldValidation=Strict&fieldManager=switchyard", "creating the pod")
            .body(self.blueprint.pod.clone());
        let started = Instant::now();
        let (mut conflicts, mut told, mut pause) = (0, false, Duration::from_millis(250));
        loop {
            let trouble = match self.cluster.ask(&call, Duration::from_secs(120)).await {
                Ok(bytes) => {
                    let pod: Pod = serde_json::from_slice(&bytes).map_err(|e| self.unreadable(&call, &e))?;
                    self.secret(&pod).await?;
                    return Ok(Launched { pod, adopted: false });
                }
                Err(trouble) => trouble,
            };
            let message = trouble.to_string();
            match (trouble.status(), trouble.reason()) {
                (Some(409), "AlreadyExists") => {
                    if let Some(pod) = self.present(tracked).await? {
                        return Ok(Launched { pod, adopted: true });
                    }
                }
                (Some(409), _) if conflicts < CONFLICTS => conflicts += 1,
                (Some(403), _) if message.contains("exceeded quota") => {
                    if can_never_fit(&message) || started.elapsed() > self.properties.schedule_timeout() {
                        return Err(Failure::Quota { namespace: namespace.to_owned(), waited: started.elapsed(), message });
                    }
                    if !told {
                        self.context.message(Level::Info, format!("the namespace's quota is used up, waiting: {message}"));
                        told = true;
                    }
                }
                (Some(403), _) if message.contains("error looking up service account") && started.elapsed() < self.new_namespace() => {}
                _ => return Err(self.cluster.failure(&call, trouble)),
            }
            tokio::select! {
                () = sleep(jitter(pause)) => {}
                _ = self.context.cancelled() => return Err(Failure::Cancelled),
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// An account that the flow names is one that somebody has made before.
    fn new_namespace(&self) -> Duration {
        if self.properties.service_account_name.is_some() { Duration::from_secs(2) } else { NEW_NAMESPACE }
    }

    /// The pod that has our name: to be followed when it is that of our key; none when it has been removed.
    async fn present(&self, tracked: &mut Tracked) -> Result<Option<Pod>, Failure> {
        let (namespace, name) = (self.properties.namespace().to_owned(), self.blueprint.name.clone());
        let call = Call::pods("get", "pods", &namespace, &format!("/{}", escape(&name)), "looking at the pod of an earlier run");
        let pod: Pod = match self.cluster.ask(&call, Duration::from_secs(60)).await {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| self.unreadable(&call, &e))?,
            Err(trouble) if trouble.status() == Some(404) => return Ok(None),
            Err(trouble) => return Err(self.cluster.failure(&call, trouble)),
        };
        let annotation = |name: &str| pod.metadata.annotations.as_ref().and_then(|a| a.get(name));
        if annotation(KEY).map(String::as_str) != Some(self.key) {
            return Err(Failure::NameTaken { name, namespace });
        }
        let spent = annotation(REPORTED).is_some() || (!self.properties.resume() && state::is_terminal(&pod));
        if !state::is_deleting(&pod) && !spent {
            return Ok(Some(pod));
        }
        let uid = state::uid(&pod).to_owned();
        if !state::is_deleting(&pod) {
            let remains = Remains { cluster: self.cluster.clone(), namespace, pod: name, uid: uid.clone(), secret: None };
            // What cannot be removed shows as a conflict again.
            let _ = remains.delete(Duration::ZERO).await;
            return Ok(None);
        }
        // On its way out: its name is free when it has gone. A look now and then, in case the watch has missed it.
        let gone = async {
            loop {
                match tracked.now() {
                    Sight::Gone(Some(last)) if state::uid(&last) == uid => return,
                    _ => tracked.changed().await,
                }
            }
        };
        let _ = timeout(Duration::from_secs(10), gone).await;
        Ok(None)
    }

    /// The pull secret, which belongs to the pod: it cannot outlive it. The kubelet looks for it some hundred milliseconds later.
    async fn secret(&self, pod: &Pod) -> Result<(), Failure> {
        let Some((name, document)) = &self.blueprint.secret else { return Ok(()) };
        let namespace = self.properties.namespace();
        let mut document = document.clone();
        document["metadata"]["ownerReferences"] =
            json!([{ "apiVersion": "v1", "kind": "Pod", "name": self.blueprint.name, "uid": state::uid(pod) }]);
        let path = format!("/api/v1/namespaces/{}/secrets", escape(namespace));
        let mut create = Call::pods("create", "secrets", namespace, "", "creating the pull secret").body(document);
        create.path.clone_from(&path);
        let mut delete = Call::pods("delete", "secrets", namespace, "", "deleting an old pull secret");
        delete.path = format!("{path}/{}", escape(name));
        let patience = Duration::from_secs(60);
        let mut created = self.cluster.ask(&create, patience).await;
        if created.as_ref().is_err_and(|t| t.status() == Some(409)) {
            let _ = self.cluster.ask(&delete, patience).await;
            created = self.cluster.ask(&create, patience).await;
        }
        let Err(trouble) = created else { return Ok(()) };
        // A pod without its secret is of no use.
        let remains = Remains {
            cluster: self.cluster.clone(),
            namespace: namespace.to_owned(),
            pod: self.blueprint.name.clone(),
            uid: state::uid(pod).to_owned(),
            secret: None,
        };
        let _ = remains.delete(Duration::ZERO).await;
        Err(self.cluster.failure(&create, trouble))
    }

    fn unreadable(&self, call: &Call, error: &serde_json::Error) -> Failure {
        self.cluster.failure(call, Trouble::Broken(format!("the answer cannot be read: {error}")))
    }
}

/// Says on the pod that the host has its result, so that no later attempt takes it for its own.
pub async fn mark_reported(cluster: &Cluster, namespace: &str, pod: &str) -> Result<(), Failure> {
    let body: Value = json!({ "metadata": { "annotations": { REPORTED: "true" } } });
    let call = Call::pods("patch", "pods", namespace, &format!("/{}?fieldManager=switchyard", escape(pod)), "marking the pod").patch(body);
    cluster.demand(&call).await.map(drop)
}
