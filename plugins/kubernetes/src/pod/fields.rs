//! Fields that no pod has: found by reading the pod as the API does and looking for what got lost.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::error::Failure;

/// Refuses a document with a field that `T` does not have, or with a value of the wrong kind.
pub fn check<T: Serialize + DeserializeOwned>(document: &Value) -> Result<(), Failure> {
    let typed: T = T::deserialize(document).map_err(|e| Failure::InvalidField { reason: e.to_string() })?;
    let kept = serde_json::to_value(&typed).map_err(|e| Failure::InvalidField { reason: e.to_string() })?;
    compare(document, &kept, &mut String::new())
}

fn compare(written: &Value, kept: &Value, path: &mut String) -> Result<(), Failure> {
    let length = path.len();
    match (written, kept) {
        (Value::Object(written), Value::Object(kept)) => {
            for (name, value) in written {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                match kept.get(name) {
                    Some(kept) => compare(value, kept, path)?,
                    // Empty things may be left out.
                    None if is_empty(value) && !is_name_of_nothing(name) && !is_misspelt(name) => {}
                    None => return Err(Failure::UnknownField { path: path.clone(), did_you_mean: similar(name) }),
                }
                path.truncate(length);
            }
        }
        (Value::Array(written), Value::Array(kept)) => {
            for (index, (written, kept)) in written.iter().zip(kept).enumerate() {
                path.push_str(&format!("[{index}]"));
                compare(written, kept, path)?;
                path.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// A name that is certainly no field, so that even an empty value is a mistake.
fn is_name_of_nothing(name: &str) -> bool {
    !name.chars().next().is_some_and(|c| c.is_ascii_lowercase()) || name.contains(|c: char| !c.is_ascii_alphanumeric())
}

/// A name that is nearly that of a field, and too long for chance.
fn is_misspelt(name: &str) -> bool {
    name.len() >= 6 && !KNOWN.contains(&name) && KNOWN.iter().any(|known| distance(name, known) <= 2)
}

/// Fields that people write most often, to suggest one of them.
const KNOWN: &[&str] = &[
    "activeDeadlineSeconds",
    "affinity",
    "args",
    "automountServiceAccountToken",
    "capabilities",
    "claimName",
    "command",
    "configMap",
    "configMapKeyRef",
    "configMapRef",
    "containerPort",
    "containers",
    "cpu",
    "dnsConfig",
    "dnsPolicy",
    "emptyDir",
    "env",
    "envFrom",
    "fsGroup",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPath",
    "image",
    "imagePullPolicy",
    "imagePullSecrets",
    "initContainers",
    "key",
    "lifecycle",
    "limits",
    "livenessProbe",
    "medium",
    "memory",
    "mountPath",
    "name",
    "nodeAffinity",
    "nodeName",
    "nodeSelector",
    "operator",
    "optional",
    "persistentVolumeClaim",
    "podAffinity",
    "ports",
    "preemptionPolicy",
    "priorityClassName",
    "privileged",
    "readOnly",
    "readOnlyRootFilesystem",
    "readinessProbe",
    "requests",
    "resources",
    "restartPolicy",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "runtimeClassName",
    "schedulerName",
    "seccompProfile",
    "secret",
    "secretKeyRef",
    "secretName",
    "secretRef",
    "securityContext",
    "serviceAccountName",
    "shareProcessNamespace",
    "sizeLimit",
    "startupProbe",
    "subPath",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "type",
    "value",
    "valueFrom",
    "volumeMounts",
    "volumes",
    "workingDir",
];

fn similar(name: &str) -> Option<String> {
    KNOWN
        .iter()
        .map(|known| (distance(name, known), known))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| (*known).to_owned())
}

/// Edits between two names; case counts for nothing.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_ascii_lowercase().chars().collect(), b.to_ascii_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::*;

    #[test]
    fn kube_k12_a_typo_is_named_with_its_path() {
        let pod = |spec: Value| json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "x" }, "spec": spec });
        for (spec, message) in [
            (
                json!({ "containers": [{ "name": "main", "imagee": "x" }] }),
                "spec.containers[0].imagee is not a field of a pod; did you mean image?",
            ),
            (
                json!({ "containers": [], "nodeselector": { "a": "b" } }),
                "spec.nodeselector is not a field of a pod; did you mean nodeSelector?",
            ),
            (
                json!({ "containers": [{ "name": "m", "securityContext": { "runAsUsr": 1 } }] }),
                "spec.containers[0].securityContext.runAsUsr is not a field of a pod; did you mean runAsUser?",
            ),
            (json!({ "containers": [], "frobnicate": 1 }), "spec.frobnicate is not a field of a pod"),
            (
                json!({ "containers": [{ "name": "m", "resorces": {} }] }),
                "spec.containers[0].resorces is not a field of a pod; did you mean resources?",
            ),
        ] {
            assert_eq!(check::<Pod>(&pod(spec)).unwrap_err().to_string(), message);
        }
        check::<Pod>(&pod(json!({
            "containers": [{ "name": "m", "env": [], "resources": { "limits": { "nvidia.com/gpu": "1", "cpu": 1 } }, "ports": [{ "containerPort": 80 }] }],
            "nodeSelector": {}, "volumes": [{ "name": "v", "emptyDir": {} }],
        })))
        .unwrap();
        let wrong = check::<Pod>(&pod(json!({ "containers": "main" }))).unwrap_err();
        assert_eq!(switchyard_plugin_api::Error::from(wrong).code, "kubernetes::invalid_field");
    }
}
