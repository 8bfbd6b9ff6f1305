//! Removing what no host will ask for any more: pods of executions that ended while their host was dead, or could not reach the cluster. They are
//! looked for when the first pod of a namespace is followed, and once a minute as long as any is.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::json;
use switchyard_plugin_api::Context;

use crate::{
    cleanup::Remains,
    cluster::{Cluster, Watch},
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Ended {
    ids: BTreeSet<String>,
}

/// Goes on for as long as it is polled. Only pods with this host's own label are seen at all, and of these only those go whose execution the host's
/// journal calls ended: what is about to be followed again stays, and what belongs to another host is not known.
pub async fn tidy(cluster: &Arc<Cluster>, watch: &Watch, namespace: &str, context: &Context) -> Infallible {
    let mut turn = watch.strays().await;
    loop {
        let strays = watch.unfollowed(&mut turn).await;
        let ids: BTreeSet<&str> = strays.iter().map(|stray| stray.execution.as_str()).collect();
        let ended: Ended = match context.service("ended_executions", &json!({ "ids": ids })).await {
            Ok(ended) => ended,
            // An older host.
            Err(error) => {
                tracing::debug!(%error, "nothing is known of {} pods that nobody follows", strays.len());
                continue;
            }
        };
        for stray in strays.into_iter().filter(|stray| ended.ids.contains(&stray.execution)) {
            let remains =
                Remains { cluster: cluster.clone(), namespace: namespace.to_owned(), pod: stray.pod.clone(), uid: stray.uid, secret: None };
            match remains.delete(Duration::ZERO).await {
                Ok(()) => tracing::info!(pod = stray.pod, execution = stray.execution, "removed the pod of an execution that has ended"),
                Err(reason) => tracing::warn!(pod = stray.pod, reason, "the pod of an execution that has ended cannot be removed"),
            }
        }
    }
}
