//! What a container said before it failed.

use std::time::Duration;

use crate::{
    cluster::{Call, Cluster, escape},
    error::Failure,
};

const LINES: u32 = 5;
const MOST: usize = 1000;

/// The failure of an init container, with its last lines when nobody else says why.
pub async fn with_last_words(cluster: &Cluster, namespace: &str, pod: &str, failure: Failure) -> Failure {
    let Failure::Init { container, code, reason, message } = failure else { return failure };
    let message = if message.is_empty() { last_words(cluster, namespace, pod, &container).await } else { message };
    Failure::Init { container, code, reason, message }
}

async fn last_words(cluster: &Cluster, namespace: &str, pod: &str, container: &str) -> String {
    let rest = format!("/{}/log?container={}&tailLines={LINES}&limitBytes={MOST}", escape(pod), escape(container));
    let call = Call::pods("get", "pods/log", namespace, &rest, "reading the log of an init container");
    let said = cluster.ask(&call, Duration::from_secs(5)).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { "it said nothing".to_owned() } else { lines.join(" | ") }
}
