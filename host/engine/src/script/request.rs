//! What names an attempt to runners, and through them to containers, pods and jobs.

use std::collections::BTreeMap;

use switchyard_model::TaskRun;
use switchyard_plugin_api::TaskRef;

/// `<execution>-<taskrun>-<attempt>`: the same after a restart of the host.
pub fn key(run: &TaskRun, attempt: usize) -> String {
    format!("{}-{}-{attempt}", run.execution_id, run.id)
}

/// The attempt, as runners get it.
pub fn task_ref(run: &TaskRun, attempt: usize) -> TaskRef {
    TaskRef {
        key: key(run, attempt),
        namespace: run.namespace.to_string(),
        flow_id: run.flow_id.to_string(),
        task_id: run.task_id.to_string(),
        execution_id: run.execution_id.to_string(),
        taskrun_id: run.id.to_string(),
        attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
        labels: labels(run, attempt),
    }
}

/// The six labels; values are cut to what containers and pods accept. Spec runner-docker 8.
pub fn labels(run: &TaskRun, attempt: usize) -> BTreeMap<String, String> {
    let attempt = attempt.to_string();
    let values: [(&str, &str); 6] = [
        ("namespace", &run.namespace),
        ("flow-id", &run.flow_id),
        ("task-id", &run.task_id),
        ("execution-id", &run.execution_id),
        ("taskrun-id", &run.id),
        ("taskrun-attempt", &attempt),
    ];
    values.into_iter().map(|(name, value)| (format!("kestra.io/{name}"), label(value))).collect()
}

fn label(value: &str) -> String {
    let cut: String = value.chars().take(63).collect();
    cut.trim_end_matches('-').trim_end_matches('.').trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn d27_label_values() {
        for (value, expected) in [
            ("my.team", "my.team".to_owned()),
            ("ends-", "ends".to_owned()),
            ("ends_.-", "ends".to_owned()),
            (&"n".repeat(70), "n".repeat(63)),
            (&format!("{}-x", "n".repeat(62)), "n".repeat(62)),
        ] {
            assert_eq!(label(value), expected);
        }
    }
}
