//! One run, from its request to its outcome.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use switchyard_cloud_api::{
    follow::{Followed, Follower, Times, is_left, late, not_begun},
    local, name,
};
use switchyard_plugin_api::{Attached, Context, Error, Level, Outcome, Phase, RunRequest, transfer::Wanted};
use tokio::time::sleep;

use super::{
    api::Client,
    properties::Properties,
    task::{self, Freight, MARK},
    work::Watched,
};

/// Jobs of this task under other names that may be in the way: each stands for a host that died before it could tell.
const ROUNDS: u32 = 5;
/// Signatures for a node outlive the time limit by this: a task may wait for its place.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Files of a node that are fetched at the same time.
const PARALLEL: usize = 4;
/// How long the last words of a task that was stopped are waited for.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What finds a job again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    job: String,
}

pub struct Run {
    client: Client,
    request: RunRequest<Properties>,
    context: Context,
    freight: Freight,
}

/// What can be wrong before anything is asked of Azure.
pub fn check(request: &RunRequest<Properties>, context: &Context) -> Result<(), Error> {
    let freight = Freight::of(request)?;
    task::task(request, &task::job_id(&request.task, 0), &freight, str::to_owned, String::new)?;
    let files = &request.files;
    if request.properties.storage().is_some() {
        return Ok(());
    }
    if !files.outputs.is_empty() || files.output_dir.is_some() {
        return Err(Error::user("azure_batch::storage_required", "the task has output files, which travel through Azure Storage")
            .at("/blobStorage")
            .with_help("set `blobStorage`, here or in the defaults of this runner, or remove `outputFiles`"));
    }
    if local::has_files(&files.working_dir) {
        context.message(Level::Warn, "The task's files stay on the host: without `blobStorage` they cannot reach Azure Batch.");
    }
    Ok(())
}

impl Run {
    pub fn new(client: Client, request: RunRequest<Properties>, context: Context) -> Result<Self, Error> {
        let freight = Freight::of(&request)?;
        Ok(Self { client, request, context, freight })
    }

    fn limit(&self) -> Duration {
        self.request.properties.limit(self.request.timeout())
    }

    fn folder(&self) -> String {
        name::folder(&self.request.files)
    }

    pub async fn finish(self) -> Result<Outcome, Error> {
        // A task that is too large is refused before its files are uploaded in vain.
        self.document(&task::job_id(&self.request.task, ROUNDS))?;
        if !self.freight.is_empty() {
            self.context.phase(Phase::StagingIn);
            let uploaded = tokio::select! {
                uploaded = self.upload() => uploaded,
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
        self.context.checkpoint(&Checkpoint { job: job.clone() }).await?;
        self.follow(&job, again).await
    }

    async fn upload(&self) -> Result<(), Error> {
        let Some(blobs) = self.client.blobs() else { return Ok(()) };
        let folder = self.folder();
        if let Some(mark) = &self.freight.mark {
            blobs.mark(&format!("{folder}/{mark}")).await?;
        }
        blobs.upload_all(&folder, &self.request.files.working_dir, &self.freight.inputs, &self.context).await
    }

    /// Creates job and task, or finds that they are under way already. Jobs that another attempt of this very task left make way.
    async fn create(&self) -> Result<(String, bool), Error> {
        let mut round = 0;
        loop {
            let job = task::job_id(&self.request.task, round);
            match self.create_job(&job).await {
                Ok(()) => {
                    let added = self.add_task(&job).await;
                    if added.is_err() {
                        self.clean(Some(&job)).await;
                    }
                    return added.map(|()| (job, false));
                }
                // One of this very attempt may be there without its task, or with one that runs: an answer was lost.
                Err(error) if error.code == "azure::exists" && round < ROUNDS => {
                    if self.request.properties.resume && self.is_ours(&job).await? {
                        match self.client.task(&job, &task::task_id(&job), false).await? {
                            None => return self.add_task(&job).await.map(|()| (job, false)),
                            Some(task) if !task.has_ended() => return Ok((job, true)),
                            Some(_) => {}
                        }
                    }
                }
                // It is being deleted.
                Err(error) if error.code == "azure::conflict" && round < ROUNDS => {}
                Err(error) => return Err(error),
            }
            round += 1;
        }
    }

    /// An account may have so many active jobs; the others wait.
    async fn create_job(&self, job: &str) -> Result<(), Error> {
        let (begun, document) = (Instant::now(), task::job(&self.request, job));
        let mut told = false;
        loop {
            match self.client.create_job(&document).await {
                Err(error) if error.code == "azure::quota" && begun.elapsed() < self.limit() => {
                    if !told {
                        self.context.phase(Phase::Queued);
                        self.context.message(Level::Warn, format!("The task waits for other jobs to end: {}", error.message));
                    }
                    told = true;
                }
                other => return other,
            }
            tokio::select! {
                asked = self.context.cancelled() => {
                    let _ = asked;
                    return Err(Error::cancelled());
                }
                () = sleep(self.request.properties.completion_check_interval.0 * 4) => {}
            }
        }
    }

    /// The task with addresses that its node may use.
    fn document(&self, job: &str) -> Result<Value, Error> {
        let lives = self.limit().saturating_add(DAY);
        let blobs = self.client.blobs();
        let readable = |blob: &str| blobs.map(|blobs| blobs.readable(blob, lives)).unwrap_or_default();
        let writable = || blobs.map(|blobs| blobs.writable(lives)).unwrap_or_default();
        task::task(&self.request, job, &self.freight, readable, writable)
    }

    async fn add_task(&self, job: &str) -> Result<(), Error> {
        let document = self.document(job)?;
        match self.client.add_task(job, &document).await {
            // The answer to an earlier try was lost.
            Err(error) if error.code == "azure::exists" => Ok(()),
            other => other,
        }
    }

    async fn is_ours(&self, job: &str) -> Result<bool, Error> {
        Ok(self.client.job_key(job).await?.as_deref() == Some(name::hash(&self.request.task.key).as_str()))
    }

    async fn follow(&self, job: &str, again: bool) -> Result<Outcome, Error> {
        self.context.detail("job", job);
        let properties = &self.request.properties;
        let times = Times { interval: properties.completion_check_interval.0, limit: self.limit(), last_words: LAST_WORDS };
        let work = Watched::new(&self.client, &self.context, properties, self.limit(), job, again).await;
        let outcome = match Follower::new(work, &self.context, times).finish().await {
            Ok(Followed::Left) => return Ok(Outcome::detached()),
            Ok(Followed::Ended(outcome)) => outcome,
            Err(error) => {
                self.clean(Some(job)).await;
                return Err(error);
            }
        };
        let fetched = self.fetch(job, &outcome).await;
        if fetched.is_err() && is_left(&self.context) {
            return Ok(Outcome::detached());
        }
        self.clean(Some(job)).await;
        fetched?;
        Ok(outcome.detail("job", job).detail("pool", properties.pool_id.as_str()))
    }

    async fn fetch(&self, job: &str, outcome: &Outcome) -> Result<(), Error> {
        if !self.freight.back || outcome.exit_code != 0 {
            return Ok(());
        }
        self.context.phase(Phase::StagingOut);
        tokio::select! {
            fetched = self.download(job) => fetched,
            _ = self.context.cancelled() => Err(Error::cancelled()),
        }
    }

    /// From where the node has put them, else from the node itself.
    async fn download(&self, job: &str) -> Result<(), Error> {
        let Some(blobs) = self.client.blobs() else { return Ok(()) };
        let (root, wanted) = (&self.request.files.working_dir, task::wanted(&self.request));
        let found = blobs.download_all(&task::outputs(&self.folder()), root, &wanted, &self.context).await?;
        if !found {
            self.download_from_node(job, &wanted).await?;
        }
        if let Some(folder) = &self.request.files.output_dir {
            // What made the directory is no output.
            let _ = std::fs::create_dir_all(root.join(folder));
            let _ = std::fs::remove_file(root.join(folder).join(MARK));
        }
        Ok(())
    }

    async fn download_from_node(&self, job: &str, wanted: &Wanted) -> Result<(), Error> {
        let task = task::task_id(job);
        let files = self.client.node_files(job, &task).await?;
        let places = files.into_iter().filter(|file| !file.is_directory).filter_map(|file| {
            let name = file.name.strip_prefix("wd/").filter(|name| wanted.takes(name))?;
            let place = local::place(&self.request.files.working_dir, name, &self.context)?;
            Some((file.name, place))
        });
        let (client, task) = (&self.client, task.as_str());
        let fetched = stream::iter(places).map(|(name, place)| async move { client.download(job, task, &name, &place).await });
        fetched.buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await.map(drop)
    }

    /// Removes what was made, on every way out. What cannot be removed is said, and is no failure of the task.
    async fn clean(&self, job: Option<&str>) {
        let mut removed = Vec::new();
        match job {
            Some(job) if self.request.properties.delete => removed.push(self.client.delete_job(job).await),
            // Jobs that are kept must not eat up the account's quota of active ones.
            Some(job) => removed.push(self.client.terminate_job(job).await),
            None => {}
        }
        if let Some(blobs) = self.client.blobs().filter(|_| self.request.properties.delete && !self.freight.is_empty()) {
            removed.push(blobs.remove(&self.folder()).await);
        }
        for error in removed.into_iter().filter_map(Result::err) {
            self.context.message(Level::Warn, format!("Something is left on Azure: {error}"));
        }
    }

    /// Finds the work again: by its checkpoint, else by the names that its job can have.
    pub async fn attach(self, checkpoint: Option<Value>) -> Result<Attached, Error> {
        if !self.request.properties.resume {
            return Ok(Attached::Gone);
        }
        let known = checkpoint.and_then(|checkpoint| serde_json::from_value::<Checkpoint>(checkpoint).ok());
        let found = match known {
            Some(Checkpoint { job }) => self.client.task(&job, &task::task_id(&job), false).await?.map(|_| job),
            None => self.look().await?,
        };
        match found {
            Some(job) => self.follow(&job, true).await.map(|outcome| Attached::Ended { outcome }),
            None => Ok(Attached::Gone),
        }
    }

    /// A task of this very attempt that nobody could tell of. One that failed may have met its end with that host.
    async fn look(&self) -> Result<Option<String>, Error> {
        for round in 0..=ROUNDS {
            let job = task::job_id(&self.request.task, round);
            let Some(key) = self.client.job_key(&job).await? else { return Ok(None) };
            if key != name::hash(&self.request.task.key) {
                continue;
            }
            match self.client.task(&job, &task::task_id(&job), false).await? {
                Some(task) if !task.has_ended() || task.failure.is_none() => return Ok(Some(job)),
                _ => {}
            }
        }
        Ok(None)
    }
}
