//! After a restart of the host: finding the pod of an attempt, and going on where the host stopped.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::Value;
use switchyard_plugin_api::{Attached, prelude::*};

use crate::{
    checkpoint::Checkpoint,
    cleanup::Remains,
    cluster::{Call, Cluster, Trouble, escape},
    error::Failure,
    pod::{KEY, REPORTED, key_label},
    properties::Properties,
    run::Run,
    state,
};

const TASKRUN: &str = "kestra.io/taskrun-id";

/// Finds the pod of a request and follows it to its end.
pub async fn attach(
    cluster: Arc<Cluster>,
    request: RunRequest<Properties>,
    state: Option<Value>,
    context: Context,
) -> Result<Attached, Failure> {
    let checkpoint = Checkpoint::read(state);
    let Some(pod) = find(&cluster, &request, checkpoint.as_ref(), &context).await? else { return Ok(Attached::Gone) };
    let checkpoint = checkpoint.filter(|c| c.uid == state::uid(&pod)).unwrap_or_default();
    tracing::debug!(pod = pod.metadata.name, bytes = checkpoint.position.bytes, "following the pod again");
    let outcome = Run { cluster, request, context }.go_on(pod, checkpoint).await?;
    Ok(Attached::Ended { outcome })
}

/// The pod to follow. Others of the same task run are removed: at most one may be at work.
pub async fn find(
    cluster: &Arc<Cluster>,
    request: &RunRequest<Properties>,
    checkpoint: Option<&Checkpoint>,
    context: &Context,
) -> Result<Option<Pod>, Failure> {
    let properties = &request.properties;
    let namespace = checkpoint.map_or_else(|| properties.namespace(), |c| c.namespace.as_str());
    let mut found = Vec::new();
    if let Some(checkpoint) = checkpoint {
        found.extend(get(cluster, namespace, &checkpoint.pod).await?.filter(|pod| state::uid(pod) == checkpoint.uid));
    }
    if found.is_empty() {
        found = list(cluster, namespace, request).await?;
    }
    found.sort_by_key(|pod| std::cmp::Reverse(rank(pod, &request.task.key)));
    let mut chosen = None;
    for pod in found {
        if chosen.is_none() && properties.resume() && is_worth_it(&pod, &request.task.key) {
            chosen = Some(pod);
        } else if !state::is_deleting(&pod) && (!state::is_terminal(&pod) || properties.delete()) {
            let name = pod.metadata.name.clone().unwrap_or_default();
            let remains = Remains {
                cluster: cluster.clone(),
                namespace: namespace.to_owned(),
                pod: name.clone(),
                uid: state::uid(&pod).to_owned(),
                secret: None,
            };
            if let Err(reason) = remains.delete(Duration::ZERO).await {
                context.message(Level::Warn, format!("the pod {name} of an earlier host could not be deleted: {reason}"));
            }
        }
    }
    Ok(chosen)
}

fn annotation<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    pod.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

/// Whether its end can still be had and is not known yet. A failed pod counts only for its own attempt: a later one is there to try again.
fn is_worth_it(pod: &Pod, key: &str) -> bool {
    let same_attempt = annotation(pod, KEY) == Some(key);
    annotation(pod, REPORTED).is_none() && !state::is_deleting(pod) && (same_attempt || state::phase(pod) != "Failed")
}

/// The pod of this very attempt before others, then the newest.
fn rank(pod: &Pod, key: &str) -> (bool, Option<String>, Option<String>) {
    let created = pod.metadata.creation_timestamp.as_ref().map(|t| t.0.to_string());
    (annotation(pod, KEY) == Some(key), created, pod.metadata.name.clone())
}

async fn get(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Pod>, Failure> {
    let call = Call::pods("get", "pods", namespace, &format!("/{}", escape(name)), "looking at the task's pod");
    match cluster.ask(&call, Duration::from_secs(120)).await {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(trouble) if trouble.status() == Some(404) => Ok(None),
        Err(trouble) => Err(cluster.failure(&call, trouble)),
    }
}

async fn list(cluster: &Cluster, namespace: &str, request: &RunRequest<Properties>) -> Result<Vec<Pod>, Failure> {
    #[derive(Deserialize)]
    struct List {
        items: Vec<Pod>,
    }
    let selector = match request.task.labels.get(TASKRUN).filter(|id| !id.is_empty()) {
        Some(id) => format!("{TASKRUN}={id}"),
        None => format!("{KEY}={}", key_label(&request.task.key)),
    };
    let call = Call::pods("list", "pods", namespace, &format!("?labelSelector={}", escape(&selector)), "looking for the task's pod");
    let bytes = cluster.ask(&call, Duration::from_secs(120)).await.map_err(|trouble| cluster.failure(&call, trouble))?;
    let list: List =
        serde_json::from_slice(&bytes).map_err(|e| cluster.failure(&call, Trouble::Broken(format!("the answer cannot be read: {e}"))))?;
    // Labels are cut: the annotation has the whole id.
    let exact = request.task.taskrun_id.as_str();
    Ok(list.items.into_iter().filter(|pod| exact.is_empty() || annotation(pod, TASKRUN).is_none_or(|id| id == exact)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, key: &str, phase: &str, created: &str, more: Value) -> Pod {
        let mut metadata = json!({ "name": name, "creationTimestamp": created, "annotations": { KEY: key } });
        if let (Some(metadata), Value::Object(more)) = (metadata.as_object_mut(), more) {
            metadata.extend(more);
        }
        serde_json::from_value(json!({ "metadata": metadata, "status": { "phase": phase } })).unwrap()
    }

    #[test]
    fn kube_k19_what_is_followed_and_in_which_order() {
        let reported = json!({ "annotations": { KEY: "k-1", REPORTED: "true" } });
        let deleting = json!({ "deletionTimestamp": "2026-01-01T00:00:09Z" });
        for (candidate, worth) in [
            (pod("a", "k-1", "Pending", "2026-01-01T00:00:00Z", json!({})), true),
            (pod("a", "k-1", "Succeeded", "2026-01-01T00:00:00Z", json!({})), true),
            (pod("a", "k-1", "Failed", "2026-01-01T00:00:00Z", json!({})), true),
            (pod("a", "k-0", "Running", "2026-01-01T00:00:00Z", json!({})), true),
            (pod("a", "k-0", "Failed", "2026-01-01T00:00:00Z", json!({})), false),
            (pod("a", "k-1", "Succeeded", "2026-01-01T00:00:00Z", reported), false),
            (pod("a", "k-1", "Running", "2026-01-01T00:00:00Z", deleting), false),
        ] {
            assert_eq!(is_worth_it(&candidate, "k-1"), worth, "{candidate:?}");
        }
        let mut all = [
            pod("old", "k-0", "Running", "2026-01-01T00:00:00Z", json!({})),
            pod("new", "k-0", "Running", "2026-01-01T00:00:05Z", json!({})),
            pod("own", "k-1", "Running", "2026-01-01T00:00:01Z", json!({})),
        ];
        all.sort_by_key(|pod| std::cmp::Reverse(rank(pod, "k-1")));
        assert_eq!(all.map(|p| p.metadata.name.unwrap()), ["own", "new", "old"]);
    }
}
