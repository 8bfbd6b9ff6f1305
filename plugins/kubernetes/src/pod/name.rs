//! Names and labels: what Kubernetes allows of what users write.

use sha2::{Digest, Sha256};
use switchyard_plugin_api::TaskRef;

use crate::cluster::hex;

const MOST: usize = 54;
const MOST_OF_A_LABEL: usize = 63;

/// Name of the pod: readable, and for one attempt always the same.
pub fn pod_name(task: &TaskRef) -> String {
    let mut slug = slug(&format!("{}-{}-{}", task.namespace, task.flow_id, task.task_id));
    slug.truncate(MOST);
    let digest = hex(&Sha256::digest(&task.key));
    let readable = slug.trim_matches('-');
    if readable.is_empty() { format!("task-{}", &digest[..8]) } else { format!("{readable}-{}", &digest[..8]) }
}

/// Name of a pod's pull secret.
pub fn secret_name(pod: &str) -> String {
    format!("{pod}-pull")
}

/// A key as a label's value, which has to be short.
pub fn key_label(key: &str) -> String {
    hex(&Sha256::digest(key))[..40].to_owned()
}

/// Lower case, dashes for white space and underscores, nothing but letters, digits and dashes.
fn slug(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            c if c.is_ascii_alphanumeric() => Some(c.to_ascii_lowercase()),
            '-' | '_' => Some('-'),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

/// What Kubernetes allows as a label's value: letters, digits, `-`, `_` and `.`, of which the first and the last are letters or digits.
pub fn label_value(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let clean: String = text.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    let ends = |c: char| !c.is_ascii_alphanumeric();
    let start = clean.trim_start_matches(ends);
    start[..start.len().min(MOST_OF_A_LABEL)].trim_end_matches(ends).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kube_k1_names_are_readable_and_always_the_same() {
        let task = |namespace: &str, flow: &str, task: &str| TaskRef {
            key: "ex-tr-0".to_owned(),
            namespace: namespace.to_owned(),
            flow_id: flow.to_owned(),
            task_id: task.to_owned(),
            ..TaskRef::default()
        };
        for (task, name) in [
            (task("company.team", "my_flow", "Hello World"), "companyteam-my-flow-hello-world-f865d943"),
            (task("é", "ü", "ö"), "task-f865d943"),
            (task(&"n".repeat(40), &"f".repeat(40), "t"), &format!("{}-{}-f865d943", "n".repeat(40), "f".repeat(13))),
        ] {
            assert_eq!(pod_name(&task), name);
            assert!(pod_name(&task).len() <= 63);
        }
    }

    #[test]
    fn kube_k1_label_values_are_what_kubernetes_allows() {
        for (text, value) in [
            ("company.team", "company.team"),
            ("a b/c", "a_b_c"),
            ("-_.x.-_", "x"),
            ("ünï", "n"),
            ("", ""),
            (&"a-".repeat(40), &format!("{}a", "a-".repeat(31))),
        ] {
            assert_eq!(label_value(text), value, "{text}");
        }
    }
}
