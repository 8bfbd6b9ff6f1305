//! What is known of the node of a pod that was deleted: older clusters do not write into the pod why. Most accounts may not ask, and then nothing is known.

use std::time::Duration;

use k8s_openapi::api::core::v1::Node;

use crate::{
    cluster::{Call, Cluster, escape},
    error::Failure,
    events::Cause,
};

/// A deletion with its reason, when it was the cluster's doing; any other failure stays as it is.
pub async fn blamed(cluster: &Cluster, node: Option<&str>, cause: Option<Cause>, failure: Failure) -> Failure {
    if !matches!(failure, Failure::Deleted { .. }) {
        return failure;
    }
    let Some(name) = node else { return failure };
    let found = ask(cluster, name).await;
    let trouble = found.as_ref().and_then(trouble);
    match (cause, trouble) {
        // A node that was silent once and has come back is not why.
        (Some(cause), trouble) if cause.reason == "NodeNotReady" && (found.is_none() || trouble.is_some()) => {
            Failure::NodeLost { node: name.to_owned(), message: trouble.map_or(cause.message, |(_, message)| message) }
        }
        (Some(cause), trouble) if cause.reason != "NodeNotReady" => {
            let message = [Some(cause.message), trouble.map(|(_, message)| message)].into_iter().flatten().collect::<Vec<_>>().join("; ");
            Failure::Disrupted { node: Some(name.to_owned()), reason: cause.reason, message }
        }
        (_, Some((reason, message))) => Failure::Disrupted { node: Some(name.to_owned()), reason: reason.to_owned(), message },
        (_, None) => failure,
    }
}

async fn ask(cluster: &Cluster, name: &str) -> Option<Node> {
    let mut call = Call::pods("get", "nodes", "", "", "looking at the pod's node");
    call.path = format!("/api/v1/nodes/{}", escape(name));
    serde_json::from_slice(&cluster.ask(&call, Duration::from_secs(3)).await.ok()?).ok()
}

/// Why nothing should run on a node: a word, and a message.
fn trouble(node: &Node) -> Option<(&'static str, String)> {
    let conditions = node.status.iter().flat_map(|s| s.conditions.iter().flatten());
    let silent = conditions.into_iter().find(|c| c.type_ == "Ready" && c.status != "True");
    if let Some(condition) = silent {
        let message = condition.message.as_deref().unwrap_or("it does not report any more");
        return Some(("NodeNotReady", format!("the node is not ready: {message}")));
    }
    let spec = node.spec.as_ref()?;
    let taints = spec.taints.iter().flatten().filter(|taint| taint.effect == "NoExecute");
    let taints: Vec<String> =
        taints.map(|t| format!("{}={}:{}", t.key, t.value.as_deref().unwrap_or_default(), t.effect).replace("=:", ":")).collect();
    if !taints.is_empty() {
        return Some(("NodeTainted", format!("the node has the taint {}", taints.join(", "))));
    }
    spec.unschedulable.unwrap_or_default().then(|| ("NodeDrained", "the node is cordoned, as by kubectl drain".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kube_k21_what_a_node_says() {
        for (node, expected) in [
            (json!({}), None),
            (json!({ "spec": { "unschedulable": true } }), Some("the node is cordoned, as by kubectl drain")),
            (
                json!({ "spec": { "unschedulable": true, "taints": [{ "key": "a", "effect": "NoExecute" }, { "key": "b", "effect": "NoSchedule" }] } }),
                Some("the node has the taint a:NoExecute"),
            ),
            (
                json!({ "spec": {}, "status": { "conditions": [{ "type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status." }] } }),
                Some("the node is not ready: Kubelet stopped posting node status."),
            ),
        ] {
            let mut document = json!({ "metadata": { "name": "n" } });
            document.as_object_mut().unwrap().extend(node.as_object().unwrap().clone());
            let found = trouble(&serde_json::from_value(document).unwrap());
            assert_eq!(found.as_ref().map(|(_, message)| message.as_str()), expected, "{node}");
        }
    }
}
