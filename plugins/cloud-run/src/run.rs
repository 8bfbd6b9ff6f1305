//! One run, from its request to its outcome.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use switchyard_cloud_api::{
    follow::{Followed, Follower, Times, is_left, late, not_begun},
    google::{files, is_missing},
    name,
};
use switchyard_plugin_api::{Attached, Context, Error, Level, Outcome, Phase, RunRequest};

use crate::{api::Client, job, properties::Properties, work::Execution};

/// Jobs of this task under other names that may be in the way: each stands for a host that died before it could tell.
const ROUNDS: u32 = 5;

/// What finds an execution again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    job: String,
    /// Full name.
    execution: String,
}

pub struct Run {
    pub client: Client,
    pub request: RunRequest<Properties>,
    pub context: Context,
}

impl Run {
    pub fn new(client: Client, request: RunRequest<Properties>, context: Context) -> Self {
        Self { client, request, context }
    }

    /// What can be wrong before anything is asked of Google.
    pub fn check(request: &RunRequest<Properties>, context: &Context) -> Result<(), Error> {
        job::document(request, None)?;
        let files = &request.files;
        if request.properties.bucket.is_some() {
            return Ok(());
        }
        if !files.outputs.is_empty() || files.output_dir.is_some() {
            return Err(Error::user("cloud_run::bucket_required", "the task has output files, which travel through a bucket")
                .at("/bucket")
                .with_help("set `bucket`, or remove `outputFiles`"));
        }
        if std::fs::read_dir(&files.working_dir).is_ok_and(|mut entries| entries.next().is_some()) {
            context.message(Level::Warn, "The task's files stay on the host: without `bucket` they cannot reach Cloud Run.");
        }
        Ok(())
    }

    pub async fn finish(self) -> Result<Outcome, Error> {
        let bucket = self.request.properties.bucket.clone();
        if let Some(bucket) = &bucket {
            self.context.phase(Phase::StagingIn);
            let uploaded = tokio::select! {
                uploaded = files::upload(&self.client.google, bucket, &self.request.files, &self.context) => uploaded,
                () = late(&self.context) => Ok(()),
            };
            if let Some(end) = not_begun(&self.context) {
                self.clean(None).await;
                return end;
            }
            uploaded?;
        }
        self.context.phase(Phase::Starting);
        let job = self.create().await?;
        if let Some(end) = not_begun(&self.context) {
            self.clean(Some(&job)).await;
            return end;
        }
        let execution = match self.client.run_job(&job, &job::overrides(&self.request)).await {
            Ok(execution) => execution,
            Err(error) => {
                self.clean(Some(&job)).await;
                return Err(error);
            }
        };
        self.context.checkpoint(&Checkpoint { job: job.clone(), execution: execution.clone() }).await?;
        self.follow(&job, &execution, false).await
    }

    /// Creates the job. One that another attempt of this very task left makes way.
    async fn create(&self) -> Result<String, Error> {
        let account = self.request.properties.runtime_service_account.clone().or_else(|| self.client.google.account());
        let document = job::document(&self.request, account.as_deref())?;
        let mut round = 0;
        loop {
            let name = name::job(&self.request.task, round);
            match self.client.create_job(&name, &document).await {
                Ok(()) => return Ok(name),
                Err(error) if error.code == "google::exists" && round < ROUNDS => round += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn follow(&self, job: &str, execution: &str, again: bool) -> Result<Outcome, Error> {
        let id = execution.rsplit('/').next().unwrap_or_default().to_owned();
        self.context.detail("job", job);
        self.context.detail("execution", id.as_str());
        let properties = &self.request.properties;
        let times = Times {
            interval: properties.completion_check_interval.0,
            limit: properties.limit(self.request.timeout()),
            last_words: properties.wait_for_log_interval.0,
        };
        let work = Execution::new(&self.client, &self.context, properties, job, execution, again).await;
        let follower = Follower::new(work, &self.context, times);
        let outcome = match follower.finish().await {
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
        Ok(outcome.detail("job", job).detail("execution", id))
    }

    async fn fetch(&self, outcome: &Outcome) -> Result<(), Error> {
        let Some(bucket) = self.request.properties.bucket.as_ref().filter(|_| outcome.exit_code == 0) else { return Ok(()) };
        self.context.phase(Phase::StagingOut);
        let everything = self.request.properties.sync_working_directory;
        tokio::select! {
            fetched = files::download(&self.client.google, bucket, &self.request.files, everything, &self.context) => fetched,
            _ = self.context.cancelled() => Err(Error::cancelled()),
        }
    }

    /// Removes what was made, on every way out. What cannot be removed is said, and is no failure of the task.
    async fn clean(&self, job: Option<&str>) {
        if !self.request.properties.delete {
            return;
        }
        let mut removed = Vec::new();
        if let Some(job) = job {
            removed.push(self.client.delete_job(job).await);
        }
        if let Some(bucket) = &self.request.properties.bucket {
            removed.push(files::remove(&self.client.google, bucket, &self.request.files).await);
        }
        for error in removed.into_iter().filter_map(Result::err) {
            self.context.message(Level::Warn, format!("Something is left on Google Cloud: {error}"));
        }
    }

    /// Finds the work again: by its checkpoint, else by the names that its job can have.
    pub async fn attach(self, checkpoint: Option<Value>) -> Result<Attached, Error> {
        let known = checkpoint.and_then(|checkpoint| serde_json::from_value::<Checkpoint>(checkpoint).ok());
        let found = match known {
            Some(known) => Some(known).filter(|_| self.request.properties.resume),
            None => self.look().await?,
        };
        let Some(Checkpoint { job, execution }) = found else { return Ok(Attached::Gone) };
        match self.client.execution(&execution).await {
            Err(error) if is_missing(&error) => return Ok(Attached::Gone),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        self.follow(&job, &execution, true).await.map(|outcome| Attached::Ended { outcome })
    }

    /// A job that has not ended. One that has may belong to another time.
    async fn look(&self) -> Result<Option<Checkpoint>, Error> {
        if !self.request.properties.resume {
            return Ok(None);
        }
        for round in 0..=ROUNDS {
            let job = name::job(&self.request.task, round);
            match self.client.newest_execution(&job).await? {
                Some(execution) if execution.ended.is_none() => return Ok(Some(Checkpoint { job, execution: execution.name })),
                Some(_) => {}
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}
