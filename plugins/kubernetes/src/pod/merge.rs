//! Strategic merge: maps by key, lists of named things by name, everything else replaced, as Kubernetes merges patches.

use serde_json::Value;

/// Key by which the elements of a list are the same, by the list's own field.
fn key_of(field: &str) -> Option<&'static str> {
    Some(match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "resourceClaims"
        | "schedulingGates" => "name",
        "volumeMounts" => "mountPath",
        "volumeDevices" => "devicePath",
        "ports" => "containerPort",
        "hostAliases" => "ip",
        "topologySpreadConstraints" => "topologyKey",
        _ => return None,
    })
}

/// Lists that are sets: what is new is added.
fn is_set(field: &str) -> bool {
    matches!(field, "tolerations" | "envFrom")
}

/// Merges `patch` into `base`, which it wins over; `field` is the name under which both stand.
pub fn merge(base: &mut Value, patch: &Value, field: &str) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            match patch.get("$patch").and_then(Value::as_str) {
                Some("replace") => base.clear(),
                Some("delete") => {
                    base.clear();
                    return;
                }
                _ => {}
            }
            for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
                if value.is_null() {
                    base.shift_remove(name);
                } else if let Some(known) = base.get_mut(name) {
                    merge(known, value, name);
                } else {
                    base.insert(name.clone(), without_directives(value));
                }
            }
        }
        (Value::Array(base), Value::Array(patch)) => {
            if let Some(key) = key_of(field) {
                for element in patch {
                    let same = element.get(key).and_then(|id| base.iter().position(|b| b.get(key) == Some(id)));
                    let delete = element.get("$patch").and_then(Value::as_str) == Some("delete");
                    match same {
                        Some(index) if delete => drop(base.remove(index)),
                        Some(index) => merge(&mut base[index], element, ""),
                        None if delete => {}
                        None => base.push(without_directives(element)),
                    }
                }
            } else if is_set(field) {
                base.extend(patch.iter().filter(|p| !base.contains(p)).cloned().collect::<Vec<_>>());
            } else {
                base.clone_from(patch);
            }
        }
        (base, patch) => *base = without_directives(patch),
    }
}

fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(name, value)| !name.starts_with('$') && !value.is_null())
            .map(|(n, v)| (n.clone(), without_directives(v)))
            .collect(),
        Value::Array(items) => items.iter().map(without_directives).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kube_k29_merging_table() {
        for (base, patch, expected) in [
            (json!({ "a": { "b": 1, "c": 2 } }), json!({ "a": { "c": 3 } }), json!({ "a": { "b": 1, "c": 3 } })),
            (json!({ "a": 1, "b": 2 }), json!({ "a": null }), json!({ "b": 2 })),
            (json!({ "args": ["x"] }), json!({ "args": ["y"] }), json!({ "args": ["y"] })),
            (
                json!({ "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }] }),
                json!({ "env": [{ "name": "B", "value": "3" }, { "name": "C", "value": "4" }] }),
                json!({ "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "3" }, { "name": "C", "value": "4" }] }),
            ),
            (
                json!({ "volumeMounts": [{ "mountPath": "/a", "name": "v" }] }),
                json!({ "volumeMounts": [{ "mountPath": "/a", "readOnly": true }, { "mountPath": "/b", "name": "v" }] }),
                json!({ "volumeMounts": [{ "mountPath": "/a", "name": "v", "readOnly": true }, { "mountPath": "/b", "name": "v" }] }),
            ),
            (
                json!({ "containers": [{ "name": "main", "ports": [{ "containerPort": 80 }] }, { "name": "side" }] }),
                json!({ "containers": [{ "name": "main", "ports": [{ "containerPort": 80, "name": "http" }] }, { "name": "side", "$patch": "delete" }] }),
                json!({ "containers": [{ "name": "main", "ports": [{ "containerPort": 80, "name": "http" }] }] }),
            ),
            (
                json!({ "securityContext": { "runAsUser": 1, "capabilities": { "drop": ["ALL"] } } }),
                json!({ "securityContext": { "$patch": "replace", "runAsUser": 2 } }),
                json!({ "securityContext": { "runAsUser": 2 } }),
            ),
            (
                json!({ "tolerations": [{ "key": "a" }] }),
                json!({ "tolerations": [{ "key": "b" }, { "key": "a" }] }),
                json!({ "tolerations": [{ "key": "a" }, { "key": "b" }] }),
            ),
        ] {
            let mut merged = base.clone();
            merge(&mut merged, &patch, "spec");
            assert_eq!(merged, expected, "{base} + {patch}");
        }
    }
}
