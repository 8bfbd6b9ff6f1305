//! The REST form of Google Batch.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use switchyard_cloud_api::google::{self, Access, Endpoints, is_missing};
use switchyard_plugin_api::Error;

use super::{
    job::OURS,
    poll::Poll,
    properties::Properties,
    status::{Event, Job, State},
};

pub const BATCH: &str = "https://batch.googleapis.com";
const ROLES: &str = "the roles Batch Job Editor, Logs Viewer, Storage Object Admin with a bucket, and Service Account User on the account that \
                     the machine runs as";
/// What is asked of a job; the rest of a long answer stays away.
const FIELDS: &str = "name,uid,labels,status";

/// A client for one run. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub google: google::Client,
    region: String,
    poll: Arc<Poll>,
}

/// Where the services are that an administrator, or the host's environment, has moved.
pub fn endpoints(config: &Value) -> Endpoints {
    Endpoints::of(config, "SWITCHYARD_GCP_BATCH", "BATCH")
}

impl Client {
    pub async fn new(properties: &Properties, endpoints: &Endpoints) -> Result<Self, Error> {
        let access = Access {
            project: properties.project_id.clone(),
            service_account: properties.service_account.clone(),
            impersonate: properties.impersonated_service_account.clone(),
            scopes: properties.scopes.clone(),
            roles: ROLES,
        };
        let google = google::Client::new(&access, endpoints, BATCH).await?;
        let poll = Poll::shared(&format!("{} {}", google.identity(), properties.region));
        Ok(Self { google, region: properties.region.clone(), poll })
    }

    pub fn poll(&self) -> &Arc<Poll> {
        &self.poll
    }

    fn jobs(&self) -> String {
        format!("{}/v1/projects/{}/locations/{}/jobs", self.google.endpoint(), self.google.project(), self.region)
    }

    /// Creates a job. The same `request` is not fulfilled twice, also when its answer was lost on the way.
    pub async fn create(&self, name: &str, request: &str, document: &Value) -> Result<Job, Error> {
        let url = format!("{}?jobId={name}&requestId={request}", self.jobs());
        self.google.json("creating the job", Method::POST, &url, Some(document)).await.map(|answer| Job::of(&answer))
    }

    /// A job; none when there is no such job.
    pub async fn job(&self, name: &str) -> Result<Option<Job>, Error> {
        let url = format!("{}/{name}?fields={FIELDS}", self.jobs());
        match self.google.json("looking at the job", Method::GET, &url, None).await {
            Ok(answer) => Ok(Some(Job::of(&answer))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A page of all our jobs, newest first, and the token of the next page.
    pub async fn list(&self, page: Option<&str>) -> Result<(Vec<Job>, Option<String>), Error> {
        let filter = format!("labels.{}%3D%22{}%22", OURS.0, OURS.1);
        let page = page.map(|token| format!("&pageToken={token}")).unwrap_or_default();
        let url =
            format!("{}?filter={filter}&orderBy=create_time%20desc&pageSize=500&fields=jobs({FIELDS}),nextPageToken{page}", self.jobs());
        let answer = self.google.json("looking at the jobs", Method::GET, &url, None).await?;
        let next = answer["nextPageToken"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
        Ok((answer["jobs"].as_array().into_iter().flatten().map(Job::of).collect(), next))
    }

    /// What happened to a job's only task.
    pub async fn task_events(&self, job: &str) -> Result<Vec<Event>, Error> {
        let url = format!("{}/{job}/taskGroups/group0/tasks/0", self.jobs());
        match self.google.json("asking for the exit code", Method::GET, &url, None).await {
            Ok(answer) => Ok(Event::all(&answer["status"])),
            // A job that never ran has no task.
            Err(error) if is_missing(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Ends a job and leaves it there. One that has ended is no error.
    pub async fn cancel(&self, name: &str) -> Result<(), Error> {
        let url = format!("{}/{name}:cancel", self.jobs());
        let asked = self.google.json("cancelling the job", Method::POST, &url, Some(&Value::Object(Default::default()))).await;
        match asked {
            Ok(_) => Ok(()),
            Err(error) => self.unless(error, name, |state| state.has_ended() || state == State::Ending).await,
        }
    }

    /// Removes a job, running or not. One that is gone, or going, is no error.
    pub async fn delete(&self, name: &str, reason: &str) -> Result<(), Error> {
        let url = format!("{}/{name}?reason={reason}", self.jobs());
        match self.google.json("deleting the job", Method::DELETE, &url, None).await {
            Ok(_) => Ok(()),
            Err(error) => self.unless(error, name, |state| state == State::Ending).await,
        }
    }

    /// An error, unless the job shows that there was nothing to do.
    async fn unless(&self, error: Error, name: &str, settled: impl Fn(State) -> bool) -> Result<(), Error> {
        if is_missing(&error) {
            return Ok(());
        }
        if !matches!(error.code.as_str(), "google::exists" | "google::refused") {
            return Err(error);
        }
        match self.job(name).await? {
            Some(job) if !settled(job.state) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the service answers this account.
    pub async fn ask(&self) -> Result<(), Error> {
        self.google.json("asking for the jobs", Method::GET, &format!("{}?pageSize=1", self.jobs()), None).await.map(drop)
    }

    /// The request that creates a job, for people.
    pub fn shown(endpoint: &str, project: &str, region: &str, name: &str) -> String {
        format!("POST {endpoint}/v1/projects/{project}/locations/{region}/jobs?jobId={name}")
    }
}
