//! Removing a pod, whatever happens to the run that created it.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use crate::cluster::{Call, Cluster, escape};

const DEADLINE: Duration = Duration::from_secs(120);

/// A pod to be removed.
#[derive(Debug, Clone)]
pub struct Remains {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// Namespace of the pod.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its identity: another one of the same name is left alone.
    pub uid: String,
    /// Its pull secret. The cluster collects it too, some time after the pod.
    pub secret: Option<String>,
}

/// Removes its pod when it is dropped, unless told to leave it.
#[derive(Debug)]
pub struct Cleanup(Option<Remains>);

impl Cleanup {
    /// Takes responsibility for a pod.
    pub fn new(remains: Remains) -> Self {
        Self(Some(remains))
    }

    /// Leaves the pod alone.
    pub fn leave(mut self) {
        self.0 = None;
    }

    /// Removes the pod now. The removal has its own task: it goes on when the caller is dropped.
    pub async fn finish(mut self) -> Result<(), String> {
        let Some(remains) = self.0.take() else { return Ok(()) };
        match tokio::spawn(remains.remove(Duration::ZERO)).await {
            Ok(result) => result,
            Err(e) => Err(e.to_string()),
        }
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        if let (Some(remains), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(remains.remove(Duration::ZERO));
        }
    }
}

impl Remains {
    /// Asks for the pod's end; without grace it is gone when this returns. One that is gone already is a success.
    pub async fn remove(self, grace: Duration) -> Result<(), String> {
        let mut removed = self.delete(grace).await;
        if let Some(secret) = &self.secret {
            let mut call = Call::pods("delete", "secrets", &self.namespace, "", "deleting the pull secret");
            call.path = format!("/api/v1/namespaces/{}/secrets/{}", escape(&self.namespace), escape(secret));
            match self.cluster.ask(&call, DEADLINE).await {
                Ok(_) => {}
                Err(trouble) if trouble.status() == Some(404) => {}
                // The cluster collects it with the pod.
                Err(trouble) if trouble.status() == Some(403) => {}
                Err(trouble) => removed = removed.and(Err(format!("the pull secret {secret}: {trouble}"))),
            }
        }
        removed
    }

    /// Asks for the pod's end only.
    pub async fn delete(&self, grace: Duration) -> Result<(), String> {
        // The cluster counts in whole seconds.
        let seconds = u64::try_from(grace.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        let mut options =
            json!({ "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": seconds, "propagationPolicy": "Background" });
        if !self.uid.is_empty() {
            options["preconditions"] = json!({ "uid": self.uid });
        }
        let rest = format!("/{}", escape(&self.pod));
        let call = Call::pods("delete", "pods", &self.namespace, &rest, "deleting the pod").body(options);
        match self.cluster.ask(&call, DEADLINE).await {
            Ok(_) => Ok(()),
            // 409: another pod has the name by now.
            Err(trouble) if matches!(trouble.status(), Some(404 | 409)) => Ok(()),
            Err(trouble) => Err(trouble.to_string()),
        }
    }
}
