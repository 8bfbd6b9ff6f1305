//! One run: create, copy in, follow, copy out, clean up.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use switchyard_plugin_api::{CancelReason, prelude::*};

use crate::{
    attach,
    checkpoint::{self, Checkpoint},
    cleanup::{Cleanup, Remains},
    cluster::{Cluster, Tracked},
    error::Failure,
    events,
    follow::{End, Following},
    launch::{self, Launch},
    logs::with_last_words,
    node,
    pod::{Blueprint, INSTANCE, secret_name},
    properties::Properties,
    state, tidy,
};

/// A request at a cluster.
pub struct Run {
    /// Where.
    pub cluster: Arc<Cluster>,
    /// What.
    pub request: RunRequest<Properties>,
    /// The host.
    pub context: Context,
}

impl Run {
    /// Runs the request to its end.
    pub async fn finish(&self, blueprint: &Blueprint) -> Result<Outcome, Failure> {
        for note in &blueprint.notes {
            self.context.message(Level::Warn, note.clone());
        }
        let properties = &self.request.properties;
        self.context.phase(Phase::Queued);
        let watch = tokio::select! {
            watch = self.cluster.watch(properties.namespace(), self.request.task.labels.get(INSTANCE).map(String::as_str)) => watch?,
            _ = self.context.cancelled() => return Err(Failure::Cancelled),
        };
        // The pod of an attempt before this one may still be at work, when its host has gone for good.
        if self.request.task.attempt > 0
            && properties.resume()
            && let Some(found) = attach::find(&self.cluster, &self.request, None, &self.context).await?
        {
            return self.go_on(found, Checkpoint::default()).await;
        }
        let mut tracked = watch.track(&blueprint.name);
        let launch = Launch { cluster: &self.cluster, blueprint, properties, key: &self.request.task.key, context: &self.context };
        self.still_wanted()?;
        let launched = launch.create(&mut tracked).await?;
        if launched.adopted {
            drop(tracked);
            return self.go_on(launched.pod, Checkpoint::default()).await;
        }
        self.follow(launched.pod, tracked, Checkpoint::default(), 0).await
    }

    /// Follows a pod that was there before.
    pub async fn go_on(&self, pod: Pod, checkpoint: Checkpoint) -> Result<Outcome, Failure> {
        // Another host may have made it, and in another namespace than the flow has by now.
        let instance = pod.metadata.labels.as_ref().and_then(|labels| labels.get(INSTANCE)).map(String::as_str);
        let watch = self.cluster.watch(self.namespace_of(&pod), instance).await?;
        let tracked = watch.track(pod.metadata.name.as_deref().unwrap_or_default());
        let known = checkpoint::known_behind(&self.context, checkpoint.position).await;
        self.follow(pod, tracked, checkpoint, known).await
    }

    async fn follow(&self, pod: Pod, tracked: Tracked, checkpoint: Checkpoint, known: u64) -> Result<Outcome, Failure> {
        let properties = &self.request.properties;
        let name = pod.metadata.name.clone().unwrap_or_default();
        let remains = Remains {
            cluster: self.cluster.clone(),
            namespace: self.namespace_of(&pod).to_owned(),
            pod: name.clone(),
            uid: state::uid(&pod).to_owned(),
            secret: properties.credentials.is_some().then(|| secret_name(&name)),
        };
        // From here on the pod is removed on every way out that does not say otherwise.
        let cleanup = Cleanup::new(remains.clone());
        self.context.detail("podName", name.clone());
        self.context.detail("namespace", remains.namespace.clone());
        tracked.seed(pod);
        let checkpoint = Checkpoint { namespace: remains.namespace.clone(), pod: name.clone(), uid: remains.uid.clone(), ..checkpoint };
        checkpoint.save(&self.context).await;
        let watch = tracked.watch();
        let mut following = Following::new(self, remains.clone(), tracked, checkpoint, known);
        let end = tokio::select! {
            end = following.finish() => end,
            never = tidy::tidy(&self.cluster, &watch, &remains.namespace, &self.context) => match never {},
        };
        let result = match end {
            Ok(End::Detached) => {
                cleanup.leave();
                return Ok(Outcome::detached().detail("podName", name));
            }
            Ok(End::Ended(outcome)) => Ok(outcome),
            Err(failure) if is_about_the_pod(&failure) => {
                let failure = with_last_words(&self.cluster, &remains.namespace, &name, failure).await;
                let told = events::told(&self.cluster, &remains.namespace, &name, &remains.uid, &self.context).await;
                Err(node::blamed(&self.cluster, following.node().as_deref(), told.cause, failure).await.with_events(told.lines))
            }
            Err(failure) => Err(failure),
        };
        // The pod is not watched any more: its removal is no news.
        drop(following);
        let killed = self.context.cancellation().is_some_and(|c| c.reason != CancelReason::Detach);
        if properties.delete() || killed {
            if let Err(reason) = cleanup.finish().await {
                self.context.message(Level::Warn, format!("the pod {name} could not be deleted: {reason}"));
            }
        } else {
            cleanup.leave();
            if let Err(failure) = launch::mark_reported(&self.cluster, &remains.namespace, &name).await {
                self.context.message(Level::Warn, format!("the pod {name} stays, but cannot be marked as done: {failure}"));
            }
        }
        self.context.phase(Phase::Done);
        result
    }

    fn namespace_of<'a>(&'a self, pod: &'a Pod) -> &'a str {
        pod.metadata.namespace.as_deref().unwrap_or_else(|| self.request.properties.namespace())
    }

    fn still_wanted(&self) -> Result<(), Failure> {
        if self.context.cancellation().is_some() { Err(Failure::Cancelled) } else { Ok(()) }
    }

    /// How long a killed command may take to end by itself: the flow's wish, else the host's.
    pub fn grace(&self, host: Duration) -> Duration {
        self.request.properties.kill_grace_period.map_or(host, |d| d.0)
    }
}

/// Whether the pod's events may say more.
fn is_about_the_pod(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Image { .. }
            | Failure::Container { .. }
            | Failure::Init { .. }
            | Failure::Unschedulable { .. }
            | Failure::NotStarted { .. }
            | Failure::Disrupted { .. }
            | Failure::NodeLost { .. }
            | Failure::Deleted { .. }
            | Failure::NoStatus { .. }
            | Failure::Upload { .. }
            | Failure::Download { .. }
    )
}
