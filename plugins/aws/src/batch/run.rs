//! One run, from its request to its outcome.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use switchyard_cloud_api::follow::{is_left, not_begun};
use switchyard_plugin_api::{Attached, Context, Error, Level, Outcome, Phase, RunRequest};
use tokio::time::{Instant, sleep};

use super::{
    document::{self, Moves},
    files::Folder,
    follow::{Followed, Follower},
    log::Log,
    name,
    platform::Platform,
    properties::Properties,
    size::Sizes,
};
use crate::api::{Client, Job, Status, is_missing, is_passing};

/// How long a queue may take to open or close, and the pause between two looks.
const QUEUE: Duration = Duration::from_secs(60);
const QUEUE_PAUSE: Duration = Duration::from_millis(500);
/// How often a submission is made whose answer was lost, and how long Batch may need to show what it took.
const SUBMISSIONS: u32 = 4;
const SETTLE: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3)];

/// What finds a job again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    job_id: String,
    job_definition: String,
}

/// What this run made, so that it can be removed whatever happens.
#[derive(Debug, Default)]
struct Made {
    files: bool,
    definition: Definition,
    queue: bool,
}

#[derive(Debug, Default)]
enum Definition {
    #[default]
    None,
    /// It was asked for; whether it is there nobody knows.
    Perhaps,
    There(String),
}

pub struct Run {
    pub client: Client,
    pub request: RunRequest<Properties>,
    pub context: Context,
}

/// Goes on, or ends because the host asked for it.
macro_rules! go_on {
    ($run:expr) => {
        if let Some(end) = not_begun(&$run.context) {
            return end.map(|_| Followed::NotBegun);
        }
    };
}

impl Run {
    pub async fn finish(self) -> Result<Outcome, Error> {
        let mut made = Made::default();
        let followed = self.work(&mut made).await;
        self.conclude(followed, &made).await
    }

    /// Brings the files, tidies up unless the work goes on, and answers.
    async fn conclude(&self, followed: Result<Followed, Error>, made: &Made) -> Result<Outcome, Error> {
        let result = match followed {
            Ok(Followed::Left) => return Ok(Outcome::detached()),
            Ok(Followed::NotBegun) => Ok(Outcome::detached()),
            Ok(Followed::Ended(ended)) => {
                let (job, outcome) = *ended;
                match self.fetch(&outcome).await {
                    Err(_) if is_left(&self.context) => return Ok(Outcome::detached()),
                    fetched => fetched.map(|()| detailed(outcome, job.as_ref())),
                }
            }
            Err(error) => Err(error),
        };
        self.clean(made).await;
        result
    }

    async fn work(&self, made: &mut Made) -> Result<Followed, Error> {
        let Self { client, request, context } = self;
        let properties = &request.properties;
        let name = &properties.compute_environment_arn;
        let platform = Platform::of(client.environment(name).await?.as_ref(), name)?;
        let moves = Moves::of(request);
        document::check_platform(properties, platform, moves)?;
        let sizes = Sizes::of(properties, platform, usize::from(moves.inputs) + usize::from(moves.outputs))?;
        for note in &sizes.notes {
            context.message(Level::Warn, note.clone());
        }
        let body = document::definition(request, platform, moves, &sizes, client.storage_endpoint());
        document::check_size(&body)?;
        go_on!(self);
        if let Some(folder) = self.folder()? {
            context.phase(Phase::StagingIn);
            // Also without inputs: what the command leaves comes there.
            made.files = true;
            if moves.inputs {
                let uploaded = tokio::select! {
                    uploaded = folder.upload(&request.files, context) => uploaded,
                    _ = context.cancelled() => Ok(()),
                };
                go_on!(self);
                uploaded?;
            }
        }
        context.phase(Phase::Starting);
        made.definition = Definition::Perhaps;
        let definition = client.register(&body).await?;
        made.definition = Definition::There(definition.clone());
        go_on!(self);
        let queue = match &properties.job_queue_arn {
            Some(queue) => queue.clone(),
            None => {
                made.queue = true;
                let queue = client.create_queue(&document::queue(request)).await?;
                self.open(&queue).await?;
                queue
            }
        };
        if let Err(error) = client.ensure_log_group().await {
            context.message(Level::Warn, format!("The log group cannot be looked for; without it the job will not start: {error}"));
        }
        go_on!(self);
        let id = self.submit(&definition, &queue).await?;
        context.checkpoint(&Checkpoint { job_id: id.clone(), job_definition: definition }).await?;
        self.follow(&id, false).await
    }

    fn folder(&self) -> Result<Option<Folder>, Error> {
        let Some(bucket) = self.request.properties.bucket() else { return Ok(None) };
        Ok(Some(Folder::new(self.client.store(bucket)?, bucket, &self.request.files)))
    }

    /// Waits until a new queue takes jobs, or somebody asks for the end.
    async fn open(&self, queue: &str) -> Result<(), Error> {
        let until = Instant::now() + QUEUE;
        loop {
            let document = self.client.queue(queue).await?.unwrap_or_default();
            let status = document["status"].as_str().unwrap_or_default();
            let failed = || {
                let why = document["statusReason"].as_str().unwrap_or("no reason given");
                Error::environment("aws_batch::queue", format!("the job queue {queue} is {status} after {} s: {why}", QUEUE.as_secs()))
                    .with_help("check the compute environment, or name a queue that exists in `jobQueueArn`")
            };
            match status {
                "VALID" => return Ok(()),
                "INVALID" => return Err(failed()),
                _ if Instant::now() > until => return Err(failed()),
                _ => tokio::select! {
                    _ = self.context.cancelled() => return Ok(()),
                    () = sleep(QUEUE_PAUSE) => {}
                },
            }
        }
    }

    /// Submits the job once: when an answer is lost, Batch is asked whether it took the job.
    async fn submit(&self, definition: &str, queue: &str) -> Result<String, Error> {
        let body = document::submission(&self.request, definition, queue);
        let mut round = 1;
        loop {
            let error = match self.client.submit(&body).await {
                Ok(id) => return Ok(id),
                Err(error) if is_passing(&error) && round < SUBMISSIONS => error,
                Err(error) => return Err(error),
            };
            for pause in SETTLE {
                sleep(pause).await;
                if let Some(job) = self.look(queue).await? {
                    return Ok(job.id);
                }
            }
            self.context.message(Level::Warn, format!("The job is submitted again: {error}"));
            round += 1;
        }
    }

    /// This task's job, unless it failed: its name and its tags are nobody else's.
    async fn look(&self, queue: &str) -> Result<Option<Job>, Error> {
        let tags = name::tags(&self.request.task);
        let jobs = self.client.jobs_named(queue, &name::job(&self.request.task)).await?;
        let ours = |job: &Job| tags.iter().all(|(name, value)| job.tags.get(name) == Some(value));
        Ok(jobs.into_iter().find(|job| job.status != Status::Failed && !job.terminated && ours(job)))
    }

    async fn follow(&self, id: &str, again: bool) -> Result<Followed, Error> {
        self.context.detail("jobId", id);
        self.context.detail("jobName", name::job(&self.request.task));
        let follower = Follower {
            client: &self.client,
            context: &self.context,
            properties: &self.request.properties,
            limit: self.request.properties.limit(self.request.timeout()),
            id,
            log: Log::new(again, &self.context).await,
        };
        follower.finish().await
    }

    async fn fetch(&self, outcome: &Outcome) -> Result<(), Error> {
        if outcome.exit_code != 0 || !Moves::of(&self.request).outputs {
            return Ok(());
        }
        let Some(folder) = self.folder()? else { return Ok(()) };
        self.context.phase(Phase::StagingOut);
        let everything = self.request.properties.sync_working_directory;
        tokio::select! {
            fetched = folder.download(&self.request.files, everything, &self.context) => fetched,
            _ = self.context.cancelled() => Err(Error::cancelled()),
        }
    }

    /// Removes what was made, on every way out. What cannot be removed is said, and is no failure of the task.
    async fn clean(&self, made: &Made) {
        if !self.request.properties.delete {
            return;
        }
        let (definition, queue, files) =
            tokio::join!(self.clean_definition(&made.definition), self.clean_queue(made.queue), self.clean_files(made.files));
        for error in [definition, queue, files].into_iter().filter_map(Result::err) {
            self.context.message(Level::Warn, format!("Something is left on AWS: {error}"));
        }
    }

    async fn clean_definition(&self, definition: &Definition) -> Result<(), Error> {
        match definition {
            Definition::None => Ok(()),
            Definition::There(definition) => self.client.deregister(definition).await,
            Definition::Perhaps => {
                for definition in self.client.definitions(&name::definition(&self.request.task)).await? {
                    self.client.deregister(&definition).await?;
                }
                Ok(())
            }
        }
    }

    /// A queue has to be closed before it can go.
    async fn clean_queue(&self, made: bool) -> Result<(), Error> {
        if !made {
            return Ok(());
        }
        let name = name::definition(&self.request.task);
        let Some(_) = self.client.queue(&name).await? else { return Ok(()) };
        self.client.disable_queue(&name).await?;
        let until = Instant::now() + QUEUE;
        loop {
            match self.client.queue(&name).await? {
                None => return Ok(()),
                Some(queue) if queue["state"] == "DISABLED" && queue["status"] != "UPDATING" => {
                    return self.client.delete_queue(&name).await;
                }
                Some(_) if Instant::now() > until => {
                    return Err(Error::environment("aws_batch::queue", format!("the job queue {name} does not close")));
                }
                Some(_) => sleep(QUEUE_PAUSE).await,
            }
        }
    }

    async fn clean_files(&self, made: bool) -> Result<(), Error> {
        match self.folder()? {
            Some(folder) if made => match folder.remove().await {
                Err(error) if !is_missing(&error) => Err(error),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Finds the work again: by its checkpoint, else by the name and the tags that its job has.
    pub async fn attach(self, checkpoint: Option<Value>) -> Result<Attached, Error> {
        let properties = &self.request.properties;
        if !properties.resume {
            return Ok(Attached::Gone);
        }
        let mut made =
            Made { files: properties.bucket().is_some(), definition: Definition::Perhaps, queue: properties.job_queue_arn.is_none() };
        let known = checkpoint.and_then(|checkpoint| serde_json::from_value::<Checkpoint>(checkpoint).ok());
        let id = match known {
            Some(known) => {
                made.definition = Definition::There(known.job_definition);
                self.client.describe(&[known.job_id]).await?.pop().map(|job| job.id)
            }
            None => {
                let own = name::definition(&self.request.task);
                self.look(properties.job_queue_arn.as_deref().unwrap_or(&own)).await?.map(|job| job.id)
            }
        };
        let Some(id) = id else {
            // A host that died half-way may have left the rest.
            self.clean(&made).await;
            return Ok(Attached::Gone);
        };
        let followed = self.follow(&id, true).await;
        self.conclude(followed, &made).await.map(|outcome| Attached::Ended { outcome })
    }
}

/// Facts about the job, for `outputs.<task>.taskRunner`.
fn detailed(outcome: Outcome, job: Option<&Job>) -> Outcome {
    let Some(job) = job else { return outcome };
    let mut outcome = outcome.detail("jobId", job.id.as_str()).detail("jobName", job.name.as_str()).detail("status", job.status.name());
    if let Some(code) = job.main().and_then(|main| main.exit_code) {
        outcome = outcome.detail("exitCode", code);
    }
    if let Some(stream) = job.streams.last() {
        outcome = outcome.detail("logStream", stream.as_str());
    }
    outcome
}
