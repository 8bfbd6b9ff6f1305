//! From a blueprint to a created container: pulling when the policy says so.

use std::sync::Arc;

use bollard::{errors::Error as EngineError, query_parameters::CreateContainerOptionsBuilder};
use switchyard_plugin_api::{Progress, PullPolicy, prelude::*};

use crate::{
    auth,
    cleanup::remove,
    container::{Blueprint, KEY_LABEL},
    engine::{Engine, status},
    error::Failure,
    properties::Properties,
    pull::{Order, Refusal, State},
    refusal,
    surroundings::Surroundings,
};

/// A created container.
#[derive(Debug)]
pub enum Launched {
    /// It waits to be started.
    Created(String),
    /// It exists already, made by an earlier call for the same key, and runs.
    Running(Leftover),
}

/// A running container of an earlier call.
#[derive(Debug)]
pub struct Leftover {
    /// Its id.
    pub id: String,
    /// Its working directory.
    pub directory: String,
}

/// What a launch needs.
pub struct Launch<'a> {
    /// Where.
    pub engine: &'a Arc<Engine>,
    /// What.
    pub blueprint: &'a Blueprint,
    /// The flow's wishes.
    pub properties: &'a Properties,
    /// The key of the attempt.
    pub key: &'a str,
    /// The host.
    pub context: &'a Context,
}

/// What a create request led to.
enum Created {
    Container(String),
    NoImage,
    NameTaken,
    /// The engine has no init program; it will not be asked for again.
    NoInit,
}

impl Launch<'_> {
    /// Creates the container by the first policy that leads to an image.
    pub async fn create(&self) -> Result<Launched, Failure> {
        let policies = self.properties.pull_policies();
        let mut last = None;
        for (index, policy) in policies.iter().enumerate() {
            match self.by_policy(*policy).await {
                Err(failure @ (Failure::Pull { .. } | Failure::ImageMissing { .. })) => {
                    if let Some(next) = policies.get(index + 1) {
                        self.context.message(Level::Warn, format!("{failure}; going on with pullPolicy {}", next.as_str()));
                    }
                    last = Some(failure);
                }
                other => return other,
            }
        }
        Err(last.unwrap_or(Failure::ImageRequired))
    }

    async fn by_policy(&self, policy: PullPolicy) -> Result<Launched, Failure> {
        if policy == PullPolicy::Always {
            self.pull().await?;
        }
        self.context.phase(Phase::Starting);
        if let Some(launched) = self.settled().await? {
            return Ok(launched);
        }
        // The create request is the cheapest question whether the image is there.
        if policy == PullPolicy::IfNotPresent {
            self.pull().await?;
            self.context.phase(Phase::Starting);
            if let Some(launched) = self.settled().await? {
                return Ok(launched);
            }
        }
        let (image, endpoint) = (self.blueprint.image.to_string(), self.engine.endpoint.clone());
        Err(Failure::ImageMissing { image, policy: policy.as_str(), endpoint })
    }

    /// Creates the container; none when the image is missing.
    async fn settled(&self) -> Result<Option<Launched>, Failure> {
        // After a left-over was removed its name is free; without an init program a second request asks for none.
        for _ in 0..3 {
            match self.request().await? {
                Created::Container(id) => return Ok(Some(Launched::Created(id))),
                Created::NoImage => return Ok(None),
                Created::NoInit => {}
                Created::NameTaken => {
                    if let Some(leftover) = self.left_over().await? {
                        return Ok(Some(Launched::Running(leftover)));
                    }
                }
            }
        }
        Err(Failure::NameTaken { name: self.blueprint.name.clone() })
    }

    async fn request(&self) -> Result<Created, Failure> {
        let blueprint = self.blueprint;
        let mut body = blueprint.body.clone();
        if self.engine.lacks_init()
            && let Some(host) = &mut body.host_config
        {
            host.init = None;
        }
        let platform = self.properties.platform.as_deref().unwrap_or_default();
        let options = CreateContainerOptionsBuilder::new().name(&blueprint.name).platform(platform).build();
        match self.engine.docker.create_container(Some(options), body).await {
            Ok(created) => {
                for warning in created.warnings {
                    self.context.message(Level::Warn, format!("Docker: {warning}"));
                }
                Ok(Created::Container(created.id))
            }
            Err(error) if is_taken_name(&error) => Ok(Created::NameTaken),
            Err(error) if is_missing_image(&error) => Ok(Created::NoImage),
            // Podman looks for its init program here, Docker at the start.
            Err(error) if refusal::is_lack_of_init(&error) && !self.engine.lacks_init() => {
                self.engine.note_lack_of_init();
                self.context.message(Level::Debug, "the engine has no init program: the command runs without one");
                Ok(Created::NoInit)
            }
            Err(error) => Err(refusal::of_create(self.engine, blueprint, error)),
        }
    }

    /// The container that has our name, when it runs for our key, none when it was removed.
    async fn left_over(&self) -> Result<Option<Leftover>, Failure> {
        let name = &self.blueprint.name;
        let found = match self.engine.inspect(name).await {
            Ok(found) => found,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(self.engine.failure("looking at the container of an earlier run", error)),
        };
        let config = found.config.unwrap_or_default();
        let ours = config.labels.is_some_and(|labels| labels.get(KEY_LABEL).is_some_and(|key| key == self.key));
        if !ours {
            return Err(Failure::NameTaken { name: name.clone() });
        }
        if found.state.and_then(|s| s.running).unwrap_or(false) {
            let directory = config.working_dir.unwrap_or_default();
            return Ok(found.id.map(|id| Leftover { id, directory }));
        }
        remove(self.engine.clone(), name.clone(), self.key.to_owned()).await.map_err(|reason| Failure::Lost {
            endpoint: self.engine.endpoint.clone(),
            doing: "removing the container of an earlier run".to_owned(),
            reason,
        })?;
        Ok(None)
    }

    /// Pulls the image, or waits for somebody else's pull of it. A cancelled task stops waiting at once.
    async fn pull(&self) -> Result<(), Failure> {
        let blueprint = self.blueprint;
        self.context.phase(Phase::Pulling);
        let auth = auth::resolve(&blueprint.image, self.properties, &Surroundings::of_process()).await?;
        let credentials = auth.as_ref().map_or_else(|| "no credentials".to_owned(), |a| format!("credentials from {}", a.source));
        let order = Order { image: blueprint.image.clone(), platform: self.properties.platform.clone().unwrap_or_default(), auth };
        let pull = self.engine.pulls.join(&self.engine.docker, &order);
        let image = blueprint.image.to_string();
        let pulled = tokio::select! {
            pulled = pull.finish(|state| self.report(&image, state)) => pulled,
            _ = self.context.cancelled() => return Err(Failure::Cancelled),
        };
        match pulled {
            Ok(state) => {
                self.engine.owners.forget(&image);
                if let Some(digest) = state.digest {
                    self.context.detail("imageDigest", digest);
                }
                Ok(())
            }
            Err(Refusal { message, refused, .. }) => {
                let registry = blueprint.image.registry().to_owned();
                Err(Failure::Pull { image, registry, credentials, message, refused })
            }
        }
    }

    fn report(&self, image: &str, state: &State) {
        let total = (state.total > 0).then_some(state.total);
        self.context.progress(Progress { done: state.done, total, unit: "B".to_owned(), message: image.to_owned() });
    }
}

/// Podman says so as an internal error.
fn is_taken_name(error: &EngineError) -> bool {
    match error {
        EngineError::DockerResponseServerError { status_code: 409, .. } => true,
        EngineError::DockerResponseServerError { message, .. } => {
            message.contains("container name") && message.contains("is already in use")
        }
        _ => false,
    }
}

fn is_missing_image(error: &EngineError) -> bool {
    match error {
        EngineError::DockerResponseServerError { status_code, message } => {
            let lower = message.to_ascii_lowercase();
            *status_code == 404 && (lower.contains("no such image") || lower.contains("image not known") || lower.contains("not found"))
        }
        _ => false,
    }
}
