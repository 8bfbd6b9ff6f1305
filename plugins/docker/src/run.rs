//! One run: create, copy in, start, follow, copy out, clean up.

use std::{sync::Arc, time::Instant};

use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, StartContainerOptions};
use futures_util::TryStreamExt;
use switchyard_plugin_api::{
    CancelReason,
    prelude::*,
    transfer::{Owner, Wanted, has_entries},
};

use crate::{
    checkpoint::Checkpoint,
    cleanup::Cleanup,
    container::{Blueprint, working_dir},
    engine::Engine,
    error::Failure,
    files::{self, Texts, Upload},
    follow::{End, Following, Source},
    launch::{Launch, Launched, Leftover},
    logs::{self, Position, Taken},
    outcome,
    properties::Properties,
    refusal::{self, NotStarted},
};

/// A request at an engine.
pub struct Run {
    /// Where.
    pub engine: Arc<Engine>,
    /// What.
    pub request: RunRequest<Properties>,
    /// The host.
    pub context: Context,
}

/// Files of a created container.
struct InContainer<'a> {
    docker: &'a bollard::Docker,
    id: &'a str,
}

impl Texts for InContainer<'_> {
    async fn text(&self, path: &'static str) -> Option<String> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let archive: Vec<bytes::Bytes> = self.docker.download_from_container(self.id, Some(options)).try_collect().await.ok()?;
        files::first_file(&archive.concat())
    }
}

/// What a start led to.
enum Started {
    Source(Source),
    Ended(Outcome),
    WithoutInit,
}

impl Run {
    /// Runs the request to its end.
    pub async fn to_the_end(&self) -> Result<Outcome, Failure> {
        let properties = &self.request.properties;
        let with_volume = properties.copies_files() && files::anything_to_copy(&self.request.files);
        let blueprint = Blueprint::new(&self.request, with_volume)?;
        for note in &blueprint.notes {
            self.context.message(Level::Warn, note.clone());
        }
        if self.engine.podman && properties.device_requests.as_ref().is_some_and(|requests| !requests.is_empty()) {
            self.context.message(Level::Warn, "this engine is Podman, which may ignore deviceRequests without a word");
        }
        let launch =
            Launch { engine: &self.engine, blueprint: &blueprint, properties, key: &self.request.task.key, context: &self.context };
        // A second time only for an engine that turns out to have no init program.
        loop {
            self.still_wanted()?;
            let id = match launch.create().await? {
                Launched::Running(Leftover { id, directory }) => {
                    let output = logs::replay(&self.engine.docker, &id, true);
                    return self.follow(id, directory, Source::Replay(output), Position::default()).await;
                }
                Launched::Created(id) => id,
            };
            self.context.detail("containerId", id.clone());
            // From here on the container is removed on every way out that does not say otherwise.
            let cleanup = Cleanup::new(self.engine.clone(), id.clone(), &self.request.task.key);
            let started = match self.start(&id, &blueprint, with_volume).await {
                Ok(started) => started,
                Err(failure) => {
                    self.clean(cleanup).await;
                    return Err(failure);
                }
            };
            match started {
                Started::WithoutInit => self.clean(cleanup).await,
                Started::Ended(outcome) => {
                    self.clean(cleanup).await;
                    return Ok(outcome.detail("containerId", id));
                }
                Started::Source(_) if !properties.wait() => {
                    cleanup.leave();
                    self.context.phase(Phase::Done);
                    return Ok(Outcome::exited(0).detail("containerId", id));
                }
                Started::Source(source) => {
                    // Following has a cleanup of its own.
                    cleanup.leave();
                    return self.follow(id, working_dir(&self.request), source, Position::default()).await;
                }
            }
        }
    }

    /// Follows a started container, copies files out of its working directory and removes it.
    pub async fn follow(&self, id: String, directory: String, source: Source, position: Position) -> Result<Outcome, Failure> {
        let properties = &self.request.properties;
        let cleanup = Cleanup::new(self.engine.clone(), id.clone(), &self.request.task.key);
        self.context.phase(Phase::Running);
        let following = Following {
            engine: &self.engine,
            container: &id,
            context: &self.context,
            taken: Taken::from(position),
            grace: properties.kill_grace_period.map(|d| d.0),
        };
        let end = following.to_the_end(source).await;
        let result = match end {
            Ok(End::Detached) => {
                cleanup.leave();
                return Ok(Outcome::detached().detail("containerId", id));
            }
            Ok(End::Exited(exit, cancellation)) => {
                let killed = cancellation.is_some_and(|c| c.reason == CancelReason::Kill);
                let copied = if killed { Ok(()) } else { self.copy_out(&id, &directory).await };
                copied.map(|()| outcome::of(&exit, cancellation).detail("containerId", id.clone()))
            }
            Err(failure) => Err(failure),
        };
        if properties.delete() {
            if let Ok(outcome) = &result {
                // A host that ends between the removal and its note of this outcome would find nothing, and run the work again.
                let (container_id, position) = (id.clone(), following.taken.position());
                Checkpoint { container_id, position, outcome: Some(outcome.clone()) }.save(&self.context).await;
            }
            self.clean(cleanup).await;
        } else {
            cleanup.leave();
        }
        self.context.phase(Phase::Done);
        result
    }

    /// Copies files in, attaches and starts.
    async fn start(&self, id: &str, blueprint: &Blueprint, with_volume: bool) -> Result<Started, Failure> {
        let docker = &self.engine.docker;
        let checkpoint = Checkpoint { container_id: id.to_owned(), position: Position::default(), outcome: None };
        let attached = if self.engine.podman {
            // Podman prepares the container to attach to it: files have to be there before, and what is wrong is told here.
            let ((), prepared) = tokio::join!(checkpoint.save(&self.context), self.prepare(id, blueprint, with_volume));
            prepared?;
            logs::attach(docker, id).await
        } else {
            let ((), prepared, attached) =
                tokio::join!(checkpoint.save(&self.context), self.prepare(id, blueprint, with_volume), logs::attach(docker, id));
            prepared?;
            attached
        };
        let output = match attached {
            Ok(output) => output,
            Err(error) => return self.not_started(blueprint, error),
        };
        self.still_wanted()?;
        match docker.start_container(id, None::<StartContainerOptions>).await {
            Ok(()) => Ok(Started::Source(Source::Live(output))),
            Err(error) => self.not_started(blueprint, error),
        }
    }

    fn not_started(&self, blueprint: &Blueprint, error: bollard::errors::Error) -> Result<Started, Failure> {
        match refusal::of_start(&self.engine, blueprint, error) {
            NotStarted::NoInit if !self.engine.lacks_init() => {
                self.engine.note_lack_of_init();
                self.context.message(Level::Debug, "the engine has no init program: the command runs without one");
                Ok(Started::WithoutInit)
            }
            NotStarted::NoInit => Err(Failure::Lost {
                endpoint: self.engine.endpoint.clone(),
                doing: "starting the container".to_owned(),
                reason: "it asks for an init program although none was requested".to_owned(),
            }),
            NotStarted::Command(outcome) => Ok(Started::Ended(outcome)),
            NotStarted::Failed(failure) => Err(failure),
        }
    }

    /// Gives the command's user a working directory that it owns, with the files in it.
    async fn prepare(&self, id: &str, blueprint: &Blueprint, with_volume: bool) -> Result<(), Failure> {
        let files = &self.request.files;
        if files.working_dir.as_os_str().is_empty() {
            return Ok(());
        }
        let owner = self.owner(id, blueprint).await?;
        if !self.request.properties.copies_files() {
            self.open_up(owner);
            return Ok(());
        }
        let is_root = owner.is_some_and(|o| o.uid == 0);
        let empty = files.output_dir.is_none() && !has_entries(&files.working_dir);
        if is_root && (empty || !with_volume) {
            // The engine makes the directory, and root owns it.
            return Ok(());
        }
        self.context.phase(Phase::StagingIn);
        let what = Upload {
            directory: files.working_dir.clone(),
            target: working_dir(&self.request),
            output_dir: files.output_dir.clone(),
            owner,
        };
        let copied = files::upload(&self.engine.docker, id, what).await.map_err(|reason| {
            if reason.contains("no space left on device") {
                let (endpoint, doing) = (self.engine.endpoint.clone(), "copying the working directory into the container".to_owned());
                Failure::NoSpace { endpoint, doing, message: reason }
            } else {
                Failure::Upload { reason }
            }
        })?;
        copied.report(&self.context);
        self.context.phase(Phase::Starting);
        Ok(())
    }

    /// Ids of the command's user; none when they cannot be found out.
    async fn owner(&self, id: &str, blueprint: &Blueprint) -> Result<Option<Owner>, Failure> {
        let docker = &self.engine.docker;
        let properties = &self.request.properties;
        let key = (blueprint.image.to_string(), properties.platform.clone(), properties.user.as_ref().map(|user| user.0.clone()));
        if let Some(known) = self.engine.owners.recall(&key, Instant::now()) {
            return Ok(Some(known));
        }
        let user = match &properties.user {
            Some(user) => user.0.clone(),
            None => {
                let found = self.engine.inspect(id).await;
                let found = found.map_err(|e| self.engine.failure("reading the image's user", e))?;
                found.config.and_then(|c| c.user).unwrap_or_default()
            }
        };
        let owner = files::resolve_owner(&user, &InContainer { docker, id }).await;
        if let Some(owner) = owner {
            self.engine.owners.note(key, owner, Instant::now());
        }
        Ok(owner)
    }

    /// With a mounted directory: lets another user than ours write into it.
    fn open_up(&self, owner: Option<Owner>) {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let files = &self.request.files;
        for directory in
            [Some(files.working_dir.clone()), files.output_dir.as_ref().map(|o| files.working_dir.join(o))].into_iter().flatten()
        {
            let Ok(meta) = std::fs::metadata(&directory) else { continue };
            if owner.is_some_and(|o| o.uid == 0 || o.uid == u64::from(meta.uid())) {
                continue;
            }
            if let Err(error) = std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o777)) {
                self.context.message(Level::Warn, format!("the container's user may not write to {}: {error}", directory.display()));
            }
        }
    }

    /// Copies out what the task declared. A failure counts only then.
    async fn copy_out(&self, id: &str, source: &str) -> Result<(), Failure> {
        let files = &self.request.files;
        let wanted = Wanted::of(files);
        if !self.request.properties.copies_files() {
            self.warn_of_strangers().await;
            return Ok(());
        }
        if wanted == Wanted::Nothing || source.is_empty() {
            return Ok(());
        }
        self.context.phase(Phase::StagingOut);
        match files::download(&self.engine.docker, id, source, &files.working_dir, &wanted).await {
            Ok(fetched) => fetched.report(&self.context),
            Err(reason) if files.outputs.is_empty() && files.output_dir.is_none() => {
                self.context.message(Level::Warn, format!("files of the working directory were not copied out of the container: {reason}"));
            }
            Err(reason) => return Err(Failure::Download { reason }),
        }
        Ok(())
    }

    /// With a mounted directory: files of the command belong to whom it ran as, and may be closed to this host.
    async fn warn_of_strangers(&self) {
        let directory = self.request.files.working_dir.clone();
        let found = tokio::task::spawn_blocking(move || files::stranger(&directory)).await;
        if let Some(name) = found.ok().flatten() {
            let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            let message = format!(
                "`{name}` and maybe other files belong to another user than this host's, who may not be able to read or remove them: set `user: \"{user}:{group}\"`, or use fileHandlingStrategy: VOLUME"
            );
            self.context.message(Level::Warn, message);
        }
    }

    fn still_wanted(&self) -> Result<(), Failure> {
        if self.context.cancellation().is_some() { Err(Failure::Cancelled) } else { Ok(()) }
    }

    async fn clean(&self, cleanup: Cleanup) {
        if let Err(reason) = cleanup.finish().await {
            self.context.message(Level::Warn, format!("the container could not be removed: {reason}"));
        }
    }
}
