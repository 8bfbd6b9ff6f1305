//! The time between a pod's creation and the start of its command: what may be waited for, how long, and what to tell meanwhile.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use switchyard_plugin_api::prelude::*;
use tokio::time::Instant;

use crate::{
    error::Failure,
    properties::Properties,
    staging::takes_files,
    state::{self, Hope, Stuck},
};

/// How long an object that a container needs may be missing.
const OBJECT: Duration = Duration::from_secs(20);
/// How often a long wait is explained.
const REPORT: Duration = Duration::from_secs(30);

/// The limits of a start.
pub struct Starting<'a> {
    properties: &'a Properties,
    created: Instant,
    reported: Instant,
    registry_since: Option<Instant>,
    object_since: Option<Instant>,
    /// The last message that named a cause: a back-off only says that there was one.
    cause: Option<Stuck>,
    summary: String,
    scheduled: bool,
}

impl<'a> Starting<'a> {
    /// Begins now.
    pub fn new(properties: &'a Properties) -> Self {
        let now = Instant::now();
        Self {
            properties,
            created: now,
            reported: now,
            registry_since: None,
            object_since: None,
            cause: None,
            summary: "the cluster has not said anything about the pod yet".to_owned(),
            scheduled: false,
        }
    }

    /// For a container beside a command that has run: where the pod is was told.
    pub fn late(properties: &'a Properties) -> Self {
        Self { scheduled: true, ..Self::new(properties) }
    }

    /// Leaves out a time that was ours.
    pub fn pass(&mut self, time: Duration) {
        self.created += time;
    }

    /// Looks at the pod: a failure, or when to look again at the latest.
    pub fn look(&mut self, pod: &Pod, context: &Context) -> Result<Instant, Failure> {
        if let Some((container, end)) = state::failed_init(pod) {
            let (reason, message) = (end.reason.clone().unwrap_or_default(), end.message.clone().unwrap_or_default());
            return Err(Failure::Init { container, code: end.exit_code, reason, message });
        }
        self.summary = state::summary(pod);
        if state::is_scheduled(pod) && !self.scheduled {
            self.scheduled = true;
            if !takes_files(pod) {
                context.phase(Phase::Pulling);
            }
            if let Some(node) = state::node(pod) {
                context.detail("node", node);
            }
        }
        let mut wake = self.wait()?;
        if !self.scheduled {
            let limit = self.properties.schedule_timeout();
            let waited = self.created.elapsed();
            if waited >= limit {
                let message = state::unschedulable(pod).unwrap_or_else(|| "the scheduler has not looked at it".to_owned());
                return Err(Failure::Unschedulable { waited, message });
            }
            wake = wake.min(self.created + limit);
        }
        wake = wake.min(self.stuck(state::stuck(pod))?);
        if self.reported.elapsed() >= REPORT {
            self.reported = Instant::now();
            context.message(Level::Info, format!("waiting for the pod to start: {}", self.summary));
        }
        Ok(wake.min(self.reported + REPORT))
    }

    /// Nothing is known: a failure, or when to look again.
    pub fn wait(&self) -> Result<Instant, Failure> {
        let limit = self.properties.wait_until_running();
        let waited = self.created.elapsed();
        if waited >= limit {
            return Err(Failure::NotStarted { waited, state: self.summary.clone() });
        }
        Ok(self.created + limit)
    }

    fn stuck(&mut self, stuck: Option<Stuck>) -> Result<Instant, Failure> {
        let far = Instant::now() + self.properties.wait_until_running();
        let Some(stuck) = stuck else {
            self.object_since = None;
            // Between two pulls a container is not stuck for a moment: what was wrong with them counts together.
            return Ok(far);
        };
        if stuck.hope != Hope::Object && (self.cause.is_none() || !stuck.message.starts_with("Back-off")) {
            self.cause = Some(stuck.clone());
        }
        let (since, limit) = match stuck.hope {
            Hope::None => return Err(self.given_up(stuck)),
            Hope::Registry => (self.registry_since.get_or_insert_with(Instant::now), self.properties.image_pull_timeout()),
            Hope::Object => (self.object_since.get_or_insert_with(Instant::now), OBJECT),
        };
        if since.elapsed() >= limit {
            return Err(self.given_up(stuck));
        }
        Ok(*since + limit)
    }

    fn given_up(&self, stuck: Stuck) -> Failure {
        if stuck.hope == Hope::Object {
            return Failure::Container { container: stuck.container, reason: stuck.reason, message: stuck.message };
        }
        let message = self.cause.as_ref().filter(|c| c.container == stuck.container).map_or(stuck.message, |c| c.message.clone());
        let refused = stuck.hope == Hope::None;
        Failure::Image { image: stuck.image, container: stuck.container, reason: stuck.reason, message, refused }
    }
}
