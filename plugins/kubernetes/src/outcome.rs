//! What the end of the task's container means for the task.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use switchyard_plugin_api::{CancelReason, Cancellation, prelude::*};

use crate::{pod::MAIN, state};

const SIGKILL: i32 = 9;

/// The outcome of an ended container.
pub fn of(pod: &Pod, end: &ContainerStateTerminated, cancellation: Option<Cancellation>) -> Outcome {
    let reason = end.reason.as_deref().unwrap_or_default();
    let message = end.message.as_deref().map(str::trim).filter(|m| !m.is_empty());
    let mut code = end.exit_code;
    let mut outcome = details(Outcome::exited(code), pod);
    outcome.signal = (code > 128 && code < 165).then(|| code - 128);
    if let Some(cancellation) = cancellation {
        let message = match cancellation.reason {
            CancelReason::Timeout => "stopped: the task's time limit has passed",
            CancelReason::Kill | CancelReason::Detach => "stopped: the task was killed",
        };
        return outcome.because(FailureReason::Killed, message);
    }
    if reason == "OOMKilled" {
        // Also when a child was killed and the command ended with 0: its result cannot be trusted.
        if code == 0 {
            code = 128 + SIGKILL;
        }
        outcome.exit_code = code;
        outcome.signal = (code == 128 + SIGKILL).then_some(SIGKILL);
        let message = match memory_limit(pod) {
            Some(limit) => format!("container {MAIN} ran out of memory (OOMKilled): its limit is {limit} (resources.limit.memory)"),
            None => format!("container {MAIN} ran out of memory (OOMKilled): the node has none left"),
        };
        return outcome.because(FailureReason::OutOfMemory, message);
    }
    if code == 0 {
        return outcome;
    }
    if matches!(reason, "StartError" | "ContainerCannotRun" | "ContainerCannotStart") {
        let why = message.unwrap_or("no reason is given");
        // What shells answer: not found, and not executable.
        outcome.exit_code = if why.contains("permission denied") { 126 } else { 127 };
        outcome.signal = None;
        outcome.message = Some(format!("the command of container {MAIN} cannot be started: {why}"));
        return outcome;
    }
    if code == 128 + SIGKILL {
        let message = format!("container {MAIN} was killed (SIGKILL) by something else than this host");
        return outcome.because(FailureReason::KilledOutside, message);
    }
    let said = match message {
        Some(message) => format!(": {message}"),
        None if !matches!(reason, "" | "Error" | "Completed") => format!(": {reason}"),
        None => String::new(),
    };
    outcome.message = Some(format!("container {MAIN} ended with exit code {code}{said}"));
    outcome
}

/// Facts for the outputs of the task.
pub fn details(mut outcome: Outcome, pod: &Pod) -> Outcome {
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    outcome = outcome.detail("podName", text(pod.metadata.name.as_ref())).detail("namespace", text(pod.metadata.namespace.as_ref()));
    if let Some(node) = state::node(pod) {
        outcome = outcome.detail("node", node);
    }
    let codes = state::exit_codes(pod);
    if codes.len() > 1 {
        outcome = outcome.detail("exitCodes", codes);
    }
    outcome
}

fn memory_limit(pod: &Pod) -> Option<String> {
    let main = pod.spec.as_ref()?.containers.iter().find(|c| c.name == MAIN)?;
    Some(main.resources.as_ref()?.limits.as_ref()?.get("memory")?.0.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kube_k4_k6_why_it_ended() {
        let kill = Some(Cancellation { reason: CancelReason::Kill, grace_ms: 0 });
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p" },
            "spec": { "containers": [{ "name": "main", "resources": { "limits": { "memory": "32Mi" } } }] },
        }))
        .unwrap();
        for (code, reason, message, cancellation, expected) in [
            (0, "Completed", "", None, (0, None, None)),
            (7, "Error", "", None, (7, None, Some("container main ended with exit code 7"))),
            (7, "Error", "said", None, (7, None, Some("container main ended with exit code 7: said"))),
            (
                137,
                "OOMKilled",
                "",
                None,
                (
                    137,
                    Some(FailureReason::OutOfMemory),
                    Some("container main ran out of memory (OOMKilled): its limit is 32Mi (resources.limit.memory)"),
                ),
            ),
            (0, "OOMKilled", "", None, (137, Some(FailureReason::OutOfMemory), None)),
            (
                128,
                "StartError",
                "exec: \"nope\": not found",
                None,
                (127, None, Some("the command of container main cannot be started: exec: \"nope\": not found")),
            ),
            (128, "ContainerCannotRun", "permission denied", None, (126, None, None)),
            (137, "Error", "", None, (137, Some(FailureReason::KilledOutside), None)),
            (143, "Error", "", kill, (143, Some(FailureReason::Killed), Some("stopped: the task was killed"))),
        ] {
            let end = ContainerStateTerminated {
                exit_code: code,
                reason: Some(reason.to_owned()),
                message: Some(message.to_owned()),
                ..Default::default()
            };
            let outcome = of(&pod, &end, cancellation);
            assert_eq!((outcome.exit_code, outcome.reason), (expected.0, expected.1), "{code} {reason}");
            if let Some(message) = expected.2 {
                assert_eq!(outcome.message.as_deref(), Some(message));
            }
        }
    }
}
