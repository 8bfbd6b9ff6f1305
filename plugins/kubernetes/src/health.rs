//! Whether a pod could run now: the server answers, and the account has each right that a run needs.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use switchyard_plugin_api::{Error, Health, TaskRunner as _};

use crate::{
    cluster::{Call, Cluster},
    properties::Properties,
    runner::Kubernetes,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A right, and what is lost without it.
struct Right {
    verb: &'static str,
    resource: &'static str,
    without: &'static str,
    needed: bool,
}

const fn right(verb: &'static str, resource: &'static str, without: &'static str, needed: bool) -> Right {
    Right { verb, resource, without, needed }
}

const RIGHTS: &[Right] = &[
    right("create", "pods", "nothing can run", true),
    right("watch", "pods", "nothing can run", true),
    right("delete", "pods", "pods stay behind, and a kill has no effect", true),
    right("get", "pods", "pods are not found again after a restart of the host", true),
    right("list", "pods", "pods are not found again after a restart of the host", true),
    right("patch", "pods", "pods that are kept (delete: false) are not marked as done", false),
    right("get", "pods/log", "tasks have no log", true),
    right("create", "pods/exec", "files cannot be moved (Kubernetes 1.35 and later)", true),
    right("get", "pods/exec", "files cannot be moved", true),
    right("list", "events", "failures are told without the pod's events", false),
    right("create", "secrets", "credentials have no effect", false),
    right("delete", "secrets", "pull secrets go some time after their pods", false),
];

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Version {
    git_version: String,
}

/// Checks the connection and the rights.
pub async fn health(properties: &Properties) -> Health {
    let cluster = match Cluster::find(properties.config.as_ref()).await {
        Ok(cluster) => cluster,
        Err(failure) => return bad(Error::from(failure).to_string()),
    };
    let namespace = properties.namespace();
    let mut call = Call::pods("get", "version", namespace, "", "asking for its version");
    call.path = "/version".to_owned();
    let version: Version = match cluster.ask(&call, PATIENCE).await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(trouble) => return bad(Error::from(cluster.failure(&call, trouble)).to_string()),
    };
    let mut facts: Map<String, Value> = Map::from_iter([
        ("server".to_owned(), cluster.server.clone().into()),
        ("source".to_owned(), cluster.source.into()),
        ("version".to_owned(), version.git_version.clone().into()),
        ("namespace".to_owned(), namespace.into()),
    ]);
    let secrets = properties.credentials.is_some();
    let asked = RIGHTS.iter().map(|right| allowed(&cluster, namespace, right));
    let answers = futures_util::future::join_all(asked).await;
    let (mut missing, mut lacking) = (Vec::new(), Vec::new());
    for (right, answer) in RIGHTS.iter().zip(answers) {
        match answer {
            Ok(true) => {}
            Ok(false) => {
                let line = format!("{} {}: {}", right.verb, right.resource, right.without);
                if right.needed || (secrets && right.resource == "secrets") { missing.push(line) } else { lacking.push(line) }
            }
            Err(reason) => return bad(reason),
        }
    }
    if !lacking.is_empty() {
        facts.insert("optionalRightsMissing".to_owned(), lacking.into());
    }
    let place = format!("Kubernetes {} at {} ({})", version.git_version, cluster.server, cluster.source);
    if missing.is_empty() {
        return Health { ok: true, message: format!("{place}, namespace {namespace}"), facts };
    }
    let message = format!(
        "{place}: in namespace {namespace} this account may not {}; `switchyard plugins show {}` prints a manifest that grants it",
        missing.join("; "),
        Kubernetes::TYPE
    );
    facts.insert("rightsMissing".to_owned(), missing.into());
    Health { ok: false, message, facts }
}

async fn allowed(cluster: &Cluster, namespace: &str, right: &Right) -> Result<bool, String> {
    #[derive(Deserialize, Default)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Status {
        allowed: bool,
    }
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
    let attributes = json!({ "namespace": namespace, "verb": right.verb, "resource": resource, "subresource": subresource, "group": "" });
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": attributes },
    });
    let mut call = Call::pods("create", "selfsubjectaccessreviews", namespace, "", "asking for the account's rights").body(review);
    call.path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned();
    match cluster.ask(&call, PATIENCE).await {
        Ok(bytes) => serde_json::from_slice::<Review>(&bytes).map(|r| r.status.allowed).map_err(|e| e.to_string()),
        Err(trouble) => Err(Error::from(cluster.failure(&call, trouble)).to_string()),
    }
}

fn bad(message: String) -> Health {
    Health { ok: false, message, ..Health::default() }
}
