//! What the cluster noted about a pod.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use switchyard_plugin_api::prelude::*;

use crate::cluster::{Call, Cluster, escape};

const MOST: usize = 6;

#[derive(Deserialize)]
struct List {
    items: Vec<Noted>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Noted {
    #[serde(rename = "type")]
    kind: String,
    reason: String,
    message: String,
    count: Option<u64>,
    #[serde(rename = "involvedObject")]
    about: About,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct About {
    uid: String,
}

/// What an event says of the end of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The cluster's word.
    pub reason: String,
    /// Its message.
    pub message: String,
}

/// What was noted.
#[derive(Debug, Default)]
pub struct Told {
    /// The warnings, and what ended the pod: one line each, the newest last.
    pub lines: Vec<String>,
    /// Who took the place away, and why; when somebody did.
    pub cause: Option<Cause>,
}

/// Events that name who deletes a pod. Most of them are no warnings for whoever writes them. The first of this list that is there counts.
const CAUSES: &[&str] = &["NodeNotReady", "Preempted", "Evicted", "NodeShutdown", "ScaleDown", "Descheduled", "TaintManagerEviction"];

/// What the cluster noted. Without the right to see it: a line that says so in the log.
pub async fn told(cluster: &Cluster, namespace: &str, pod: &str, uid: &str, context: &Context) -> Told {
    let path = format!("/api/v1/namespaces/{}/events?fieldSelector={}", escape(namespace), escape(&format!("involvedObject.name={pod}")));
    let mut call = Call::pods("list", "events", namespace, "", "listing the events of the pod");
    call.path = path;
    let list = match cluster.ask(&call, Duration::from_secs(5)).await {
        Ok(bytes) => serde_json::from_slice::<List>(&bytes),
        Err(trouble) if trouble.status() == Some(403) => {
            let message = "the pod's events may say more, but this account may not list events: `switchyard doctor` says what it lacks";
            context.message(Level::Warn, message);
            return Told::default();
        }
        Err(trouble) => {
            tracing::debug!(pod, %trouble, "no events");
            return Told::default();
        }
    };
    let Ok(List { mut items }) = list else { return Told::default() };
    // Some parts of the cluster know a pod by its name only.
    items.retain(|event| event.about.uid.is_empty() || event.about.uid == uid);
    let cause = cause(&items);
    let lines = lines(items);
    for line in &lines {
        context.message(Level::Warn, format!("[pod-event] {line}"));
    }
    Told { lines, cause }
}

fn cause(noted: &[Noted]) -> Option<Cause> {
    let event = CAUSES.iter().find_map(|known| noted.iter().rfind(|event| event.reason == *known))?;
    Some(Cause { reason: event.reason.clone(), message: event.message.replace('\n', " ") })
}

fn lines(noted: Vec<Noted>) -> Vec<String> {
    let mut counted: BTreeMap<(String, String), (usize, u64)> = BTreeMap::new();
    for (index, event) in noted.into_iter().enumerate().filter(|(_, e)| e.kind == "Warning" || CAUSES.contains(&e.reason.as_str())) {
        let entry = counted.entry((event.reason, event.message.replace('\n', " "))).or_default();
        *entry = (index, entry.1 + event.count.unwrap_or(1).max(1));
    }
    let mut ordered: Vec<_> = counted.into_iter().collect();
    ordered.sort_by_key(|(_, (index, _))| *index);
    let skipped = ordered.len().saturating_sub(MOST);
    let line = |((reason, message), (_, count)): ((String, String), (usize, u64))| {
        let times = if count > 1 { format!(" (x{count})") } else { String::new() };
        format!("{reason}{times}: {message}")
    };
    ordered.into_iter().skip(skipped).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_and_only_warnings_and_causes_count() {
        let noted = |kind: &str, reason: &str, message: &str, count| Noted {
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            count,
            about: About::default(),
        };
        let all = vec![
            noted("Normal", "Scheduled", "x", None),
            noted("Warning", "FailedScheduling", "0/1 nodes", Some(3)),
            noted("Warning", "Failed", "pull", None),
            noted("Warning", "FailedScheduling", "0/1 nodes", None),
        ];
        assert_eq!(cause(&all), None);
        assert_eq!(lines(all), ["Failed: pull", "FailedScheduling (x4): 0/1 nodes"]);
        let taint = || noted("Normal", "TaintManagerEviction", "Marking for deletion Pod a/b", None);
        assert_eq!(cause(&[taint()]).unwrap().reason, "TaintManagerEviction");
        let silent = || noted("Warning", "NodeNotReady", "Node is not ready", None);
        assert_eq!(cause(&[silent(), taint()]).unwrap().reason, "NodeNotReady");
        assert_eq!(
            lines(vec![silent(), taint()]),
            ["NodeNotReady: Node is not ready", "TaintManagerEviction: Marking for deletion Pod a/b"]
        );
    }
}
