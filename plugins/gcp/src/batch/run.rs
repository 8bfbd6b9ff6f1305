//! One run, from its request to its outcome.

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use switchyard_cloud_api::{
    follow::{Followed, Follower, Times, is_left, late, not_begun},
    google::files,
    local, name,
};
use switchyard_plugin_api::{Attached, Context, Error, Level, Outcome, Phase, RunRequest};

use super::{
    api::Client,
    job,
    properties::Properties,
    status::{Job, State},
    work::Watched,
};

/// Jobs of this task under other names that may be in the way: each stands for a host that died before it could tell.
const ROUNDS: u32 = 5;

/// What finds a job again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    job: String,
}

pub struct Run {
    pub client: Client,
    pub request: RunRequest<Properties>,
    pub context: Context,
    /// Whether files travel; after a restart the directory says so no more than before.
    moves: bool,
}

/// What can be wrong before anything is asked of Google.
pub fn check(request: &RunRequest<Properties>, context: &Context) -> Result<(), Error> {
    job::document(request)?;
    let files = &request.files;
    if request.properties.bucket.is_some() {
        return Ok(());
    }
    if !files.outputs.is_empty() || files.output_dir.is_some() {
        return Err(Error::user("gcp_batch::bucket_required", "the task has output files, which travel through a bucket")
            .at("/bucket")
            .with_help("set `bucket`, here or in the defaults of this runner, or remove `outputFiles`"));
    }
    if local::has_files(&files.working_dir) {
        context.message(Level::Warn, "The task's files stay on the host: without `bucket` they cannot reach Google Batch.");
    }
    Ok(())
}

impl Run {
    pub fn new(client: Client, request: RunRequest<Properties>, context: Context) -> Self {
        let moves = job::moves_files(&request);
        Self { client, request, context, moves }
    }

    fn bucket(&self) -> Option<&str> {
        self.request.properties.bucket.as_deref().filter(|_| self.moves)
    }

    pub async fn finish(self) -> Result<Outcome, Error> {
        if let Some(bucket) = self.bucket() {
            self.context.phase(Phase::StagingIn);
            let uploaded = tokio::select! {
                uploaded = files::upload(&self.client.google, bucket, &self.request.files, &self.context) => uploaded,
                () = late(&self.context) => Ok(()),
            };
            let end = not_begun(&self.context).or(uploaded.err().map(Err));
            if let Some(end) = end {
                self.clean(None).await;
                return end;
            }
        }
        self.context.phase(Phase::Starting);
        let (job, again) = match self.create().await {
            Ok(job) => job,
            Err(error) => {
                self.clean(None).await;
                return Err(error);
            }
        };
        self.context.checkpoint(&Checkpoint { job: job.name.clone() }).await?;
        self.follow(&job, again).await
    }

    /// Creates the job, or finds that it is under way already. Jobs that another attempt of this very task left make way.
    async fn create(&self) -> Result<(Job, bool), Error> {
        let document = job::document(&self.request)?;
        let mut round = 0;
        loop {
            let name = name::job(&self.request.task, round);
            let error = match self.client.create(&name, &uuid()?, &document).await {
                // Its log is found by the id that the service gave it, also when the answer leaves that out.
                Ok(job) if job.uid.is_empty() => return Ok((self.client.job(&name).await?.unwrap_or(job), false)),
                Ok(job) => return Ok((job, false)),
                Err(error) => error,
            };
            if error.code != "google::exists" || round >= ROUNDS {
                return Err(error);
            }
            if let Some(job) = self.client.job(&name).await? {
                if self.is_ours(&job) && !job.state.has_ended() && job.state != State::Ending && self.request.properties.resume {
                    return Ok((job, true));
                }
            }
            round += 1;
        }
    }

    fn is_ours(&self, job: &Job) -> bool {
        job.key.as_deref() == Some(name::hash(&self.request.task.key).as_str())
    }

    async fn follow(&self, job: &Job, again: bool) -> Result<Outcome, Error> {
        self.context.detail("job", job.name.as_str());
        self.context.detail("jobUid", job.uid.as_str());
        let properties = &self.request.properties;
        let limit = properties.limit(self.request.timeout());
        let times = Times { interval: properties.completion_check_interval.0, limit, last_words: properties.wait_for_log_interval.0 };
        let work = Watched::new(&self.client, &self.context, properties, limit, job, again).await;
        let outcome = match Follower::new(work, &self.context, times).finish().await {
            Ok(Followed::Left) => return Ok(Outcome::detached()),
            Ok(Followed::Ended(outcome)) => outcome,
            Err(error) => {
                self.clean(Some(job)).await;
                return Err(error);
            }
        };
        let fetched = self.fetch(&outcome).await;
        if fetched.is_err() && is_left(&self.context) {
            return Ok(Outcome::detached());
        }
        self.clean(Some(job)).await;
        fetched?;
        Ok(outcome.detail("job", job.name.as_str()).detail("jobUid", job.uid.as_str()))
    }

    async fn fetch(&self, outcome: &Outcome) -> Result<(), Error> {
        let Some(bucket) = self.bucket().filter(|_| outcome.exit_code == 0) else { return Ok(()) };
        self.context.phase(Phase::StagingOut);
        let everything = self.request.properties.sync_working_directory;
        tokio::select! {
            fetched = files::download(&self.client.google, bucket, &self.request.files, everything, &self.context) => fetched,
            _ = self.context.cancelled() => Err(Error::cancelled()),
        }
    }

    /// Removes what was made, on every way out. What cannot be removed is said, and is no failure of the task.
    async fn clean(&self, job: Option<&Job>) {
        if !self.request.properties.delete {
            return;
        }
        let mut removed = Vec::new();
        if let Some(job) = job {
            removed.push(self.client.delete(&job.name, "done").await);
        }
        if let Some(bucket) = self.bucket() {
            removed.push(files::remove(&self.client.google, bucket, &self.request.files).await);
        }
        for error in removed.into_iter().filter_map(Result::err) {
            self.context.message(Level::Warn, format!("Something is left on Google Cloud: {error}"));
        }
    }

    /// Finds the work again: by its checkpoint, else by the names that its job can have.
    pub async fn attach(self, checkpoint: Option<Value>) -> Result<Attached, Error> {
        if !self.request.properties.resume {
            return Ok(Attached::Gone);
        }
        let known = checkpoint.and_then(|checkpoint| serde_json::from_value::<Checkpoint>(checkpoint).ok());
        let found = match known {
            Some(known) => self.client.job(&known.job).await?,
            None => self.look().await?,
        };
        match found {
            Some(job) => self.follow(&job, true).await.map(|outcome| Attached::Ended { outcome }),
            None => Ok(Attached::Gone),
        }
    }

    /// A job of this very attempt that nobody could tell of. One that failed, or is being deleted, may have met its end with that host.
    async fn look(&self) -> Result<Option<Job>, Error> {
        for round in 0..=ROUNDS {
            match self.client.job(&name::job(&self.request.task, round)).await? {
                Some(job)
                    if self.is_ours(&job) && matches!(job.state, State::Queued | State::Scheduled | State::Running | State::Succeeded) =>
                {
                    return Ok(Some(job));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// A random id in the form that Google asks for.
fn uuid() -> Result<String, Error> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::environment("gcp_batch::no_random", "the system gives no random numbers").with_help("retry later"))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-"))
}
