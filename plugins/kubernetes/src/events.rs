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
}

/// The warnings, one line each, the newest last. Without the right to see them: a line that says so in the log.
pub async fn warnings(cluster: &Cluster, namespace: &str, pod: &str, uid: &str, context: &Context) -> Vec<String> {
    let path = format!(
        "/api/v1/namespaces/{}/events?fieldSelector={}",
        escape(namespace),
        escape(&format!("involvedObject.name={pod},involvedObject.uid={uid}"))
    );
    let mut call = Call::pods("list", "events", namespace, "", "listing the events of the pod");
    call.path = path;
    let list = match cluster.ask(&call, Duration::from_secs(5)).await {
        Ok(bytes) => serde_json::from_slice::<List>(&bytes),
        Err(trouble) if trouble.status() == Some(403) => {
            let message = "the pod's events may say more, but this account may not list events: `switchyard doctor` says what it lacks";
            context.message(Level::Warn, message);
            return Vec::new();
        }
        Err(trouble) => {
            tracing::debug!(pod, %trouble, "no events");
            return Vec::new();
        }
    };
    let lines = list.map(|l| lines(l.items)).unwrap_or_default();
    for line in &lines {
        context.message(Level::Warn, format!("[pod-event] {line}"));
    }
    lines
}

fn lines(noted: Vec<Noted>) -> Vec<String> {
    let mut counted: BTreeMap<(String, String), (usize, u64)> = BTreeMap::new();
    for (index, event) in noted.into_iter().enumerate().filter(|(_, e)| e.kind == "Warning") {
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
    fn events_are_counted_and_only_warnings_count() {
        let noted = |kind: &str, reason: &str, message: &str, count| Noted {
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            count,
        };
        let all = vec![
            noted("Normal", "Scheduled", "x", None),
            noted("Warning", "FailedScheduling", "0/1 nodes", Some(3)),
            noted("Warning", "Failed", "pull", None),
            noted("Warning", "FailedScheduling", "0/1 nodes", None),
        ];
        assert_eq!(lines(all), ["Failed: pull", "FailedScheduling (x4): 0/1 nodes"]);
    }
}
