//! What a pod's status means: pure reading.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodStatus};

use crate::pod::{MAIN, OUTPUT, UPLOAD};

/// Identity of this very pod, not of one with the same name.
pub fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// Somebody has asked for its end.
pub fn is_deleting(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

fn status(pod: &Pod) -> Option<&PodStatus> {
    pod.status.as_ref()
}

/// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
pub fn phase(pod: &Pod) -> &str {
    status(pod).and_then(|s| s.phase.as_deref()).unwrap_or("Pending")
}

/// Nothing of it will run any more.
pub fn is_terminal(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Where it runs.
pub fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref().and_then(|s| s.node_name.as_deref())
}

fn all(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    status(pod).into_iter().flat_map(|s| s.init_container_statuses.iter().chain(&s.container_statuses)).flatten()
}

fn of<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerState> {
    all(pod).find(|c| c.name == name).and_then(|c| c.state.as_ref())
}

/// The container is running.
pub fn is_running(pod: &Pod, name: &str) -> bool {
    of(pod, name).is_some_and(|s| s.running.is_some())
}

/// How the container ended, if it has.
pub fn end<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStateTerminated> {
    of(pod, name).and_then(|s| s.terminated.as_ref())
}

/// The task's container has started, or has started and ended.
pub fn has_started(pod: &Pod) -> bool {
    is_running(pod, MAIN) || end(pod, MAIN).is_some()
}

/// The init container waits for files.
pub fn waits_for_files(pod: &Pod) -> bool {
    is_running(pod, UPLOAD)
}

/// Files can be fetched.
pub fn keeps_files(pod: &Pod) -> bool {
    is_running(pod, OUTPUT)
}

/// A container that does not get anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// Which container.
    pub container: String,
    /// Its image.
    pub image: String,
    /// The kubelet's word.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// What may be hoped for.
    pub hope: Hope,
}

/// What may be hoped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hope {
    /// Nothing.
    None,
    /// A registry that answers again.
    Registry,
    /// An object that appears.
    Object,
}

/// The first container that is stuck.
pub fn stuck(pod: &Pod) -> Option<Stuck> {
    all(pod).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.clone()?;
        let message = waiting.message.clone().unwrap_or_default();
        let hope = match reason.as_str() {
            "InvalidImageName" | "ErrImageNeverPull" => Hope::None,
            "ErrImagePull" | "ImagePullBackOff" | "ImageInspectError" | "RegistryUnavailable" | "SignatureValidationFailed" => {
                if is_final(&message) { Hope::None } else { Hope::Registry }
            }
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "PreStartHookError" => Hope::Object,
            _ => return None,
        };
        let message = if message.is_empty() { "no reason is given".to_owned() } else { message };
        Some(Stuck { container: container.name.clone(), image: container.image.clone(), reason, message, hope })
    })
}

/// A registry's answer that it will repeat.
fn is_final(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    // A registry behind a proxy that is down also "cannot be found".
    if [
        "no such host",
        "timeout",
        "connection refused",
        "temporary failure",
        "i/o",
        "eof",
        "too many requests",
        "toomanyrequests",
        "503",
        "502",
        "500 internal",
    ]
    .iter()
    .any(|word| lower.contains(word))
    {
        return false;
    }
    [
        "not found",
        "unauthorized",
        "authorization failed",
        "authentication required",
        "no basic auth credentials",
        "access denied",
        "access forbidden",
        "denied",
        "forbidden",
        "manifest unknown",
        "name unknown",
        "does not exist",
        "no match for platform",
        "invalid reference format",
        "repository name",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

/// An init container that has failed; ours or the user's. One that is started again whenever it ends is a sidecar, and decides nothing.
pub fn failed_init(pod: &Pod) -> Option<(String, &ContainerStateTerminated)> {
    let inits = status(pod).and_then(|s| s.init_container_statuses.as_ref())?;
    inits.iter().filter(|c| !is_sidecar(pod, &c.name)).find_map(|c| {
        let end = c.state.as_ref()?.terminated.as_ref()?;
        (end.exit_code != 0).then(|| (c.name.clone(), end))
    })
}

fn is_sidecar(pod: &Pod, name: &str) -> bool {
    let inits = pod.spec.as_ref().and_then(|s| s.init_containers.as_ref());
    inits.into_iter().flatten().any(|c| c.name == name && c.restart_policy.as_deref() == Some("Always"))
}

/// Why no node takes it, when none does.
pub fn unschedulable(pod: &Pod) -> Option<String> {
    let condition = status(pod)?.conditions.as_ref()?.iter().find(|c| c.type_ == "PodScheduled")?;
    (condition.status == "False").then(|| {
        let reason = condition.message.clone().or_else(|| condition.reason.clone());
        reason.unwrap_or_else(|| "the scheduler gives no reason".to_owned())
    })
}

/// A node has taken it.
pub fn is_scheduled(pod: &Pod) -> bool {
    node(pod).is_some()
}

/// The cluster took the place away: its word and its message.
pub fn disruption(pod: &Pod) -> Option<(String, String)> {
    let status = status(pod)?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if let Some(condition) = conditions.iter().find(|c| c.type_ == "DisruptionTarget" && c.status == "True") {
        let reason = condition.reason.clone().unwrap_or_else(|| "DisruptionTarget".to_owned());
        let message = status.message.clone().or_else(|| condition.message.clone()).unwrap_or_default();
        return Some((reason, message));
    }
    let reason = status.reason.as_deref()?;
    let known = [
        "Evicted",
        "NodeLost",
        "NodeShutdown",
        "Shutdown",
        "Terminated",
        "Preempting",
        "Preempted",
        "NodeAffinity",
        "UnexpectedAdmissionError",
        "NodeNotReady",
        "TaintManagerEviction",
    ];
    let out_of = reason.starts_with("OutOf");
    (out_of || known.contains(&reason)).then(|| (reason.to_owned(), status.message.clone().unwrap_or_default()))
}

/// The node does not report any more.
pub fn node_lost(pod: &Pod) -> Option<String> {
    let status = status(pod)?;
    let lost = status.phase.as_deref() == Some("Unknown") || status.reason.as_deref() == Some("NodeLost");
    let conditions = status.conditions.as_deref().unwrap_or_default();
    // The kubelet always gives a reason; it is the cluster that takes a pod's readiness away without one, when its node does not report any more.
    let silent = conditions.iter().filter(|c| c.type_ == "Ready").find(|c| match c.reason.as_deref().unwrap_or_default() {
        "" => c.status == "False" && phase(pod) == "Running" && is_running(pod, MAIN),
        reason => c.status != "True" && reason == "NodeStatusUnknown",
    });
    (lost || silent.is_some()).then(|| {
        status
            .message
            .clone()
            .or_else(|| silent.and_then(|c| c.message.clone()))
            .unwrap_or_else(|| "it does not report any more".to_owned())
    })
}

/// The pod's own deadline has passed.
pub fn is_past_deadline(pod: &Pod) -> bool {
    status(pod).and_then(|s| s.reason.as_deref()) == Some("DeadlineExceeded")
}

/// What the pod is doing, for people.
pub fn summary(pod: &Pod) -> String {
    if let Some(message) = unschedulable(pod) {
        return format!("no node takes the pod: {message}");
    }
    let waiting: Vec<String> = all(pod)
        .filter_map(|c| {
            let waiting = c.state.as_ref()?.waiting.as_ref()?;
            let reason = waiting.reason.as_deref()?;
            (reason != "PodInitializing").then(|| match waiting.message.as_deref() {
                Some(message) => format!("{}: {reason}: {message}", c.name),
                None => format!("{}: {reason}", c.name),
            })
        })
        .collect();
    if !waiting.is_empty() {
        return waiting.join("; ");
    }
    let message = status(pod).and_then(|s| s.message.as_deref().or(s.reason.as_deref()));
    match (node(pod), message) {
        (_, Some(message)) => format!("phase {}: {message}", phase(pod)),
        (Some(node), None) => format!("phase {} on node {node}", phase(pod)),
        (None, None) => format!("phase {}", phase(pod)),
    }
}

/// Exit codes by container, for the outputs of the task.
pub fn exit_codes(pod: &Pod) -> serde_json::Map<String, serde_json::Value> {
    all(pod)
        .filter_map(|c| {
            let end = c.state.as_ref()?.terminated.as_ref()?;
            (!matches!(c.name.as_str(), UPLOAD | OUTPUT)).then(|| (c.name.clone(), end.exit_code.into()))
        })
        .collect()
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod state_tests;
