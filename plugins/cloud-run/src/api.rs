//! Jobs and their executions.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use switchyard_cloud_api::google::{self, Access, Endpoints, is_missing};
use switchyard_plugin_api::{Context, Error};
use tokio::time::sleep;

use crate::properties::Properties;

const RUN: &str = "https://run.googleapis.com";
const ROLES: &str =
    "Cloud Run Developer, Logs Viewer, Storage Admin with a bucket, and Service Account User on the account that the job runs as";

/// A client for one run. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub google: google::Client,
    region: String,
}

/// An execution, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Full resource name.
    pub name: String,
    pub running: bool,
    pub ended: Option<Ended>,
    /// Why, in Google's words.
    pub message: Option<String>,
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Succeeded,
    Failed,
    Cancelled,
}

impl Execution {
    fn of(answer: &Value) -> Self {
        let count = |name: &str| answer[name].as_u64().or_else(|| answer[name].as_str()?.parse().ok()).unwrap_or(0);
        let done = answer.get("completionTime").is_some_and(|time| !time.is_null());
        let ended = if count("cancelledCount") > 0 {
            Some(Ended::Cancelled)
        } else if count("failedCount") > 0 {
            Some(Ended::Failed)
        } else if count("succeededCount") > 0 {
            Some(Ended::Succeeded)
        } else if done {
            // Ended before its task began.
            Some(Ended::Failed)
        } else {
            None
        };
        let conditions = answer["conditions"].as_array();
        let completed = conditions.into_iter().flatten().find(|condition| condition["type"] == "Completed");
        Self {
            name: answer["name"].as_str().unwrap_or_default().to_owned(),
            running: count("runningCount") > 0,
            ended: ended.filter(|_| count("runningCount") == 0),
            message: completed.and_then(|condition| condition["message"].as_str()).map(str::to_owned),
        }
    }
}

/// Where the services are that an administrator, or the host's environment, has moved.
pub fn endpoints(config: &Value) -> Endpoints {
    Endpoints::of(config, "SWITCHYARD_CLOUD_RUN", "RUN")
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
        Ok(Self { google: google::Client::new(&access, endpoints, RUN).await?, region: properties.region.clone() })
    }

    /// The same client in a run, in whose recording its questions are.
    #[must_use]
    pub fn during(self, context: &Context) -> Self {
        Self { google: self.google.during(context), ..self }
    }

    fn jobs(&self) -> String {
        format!("{}/v2/projects/{}/locations/{}/jobs", self.google.endpoint(), self.google.project(), self.region)
    }

    /// Creates a job and waits until it is there.
    pub async fn create_job(&self, name: &str, document: &Value) -> Result<(), Error> {
        let url = format!("{}?jobId={name}", self.jobs());
        let mut operation = self.google.json("creating the job", Method::POST, &url, Some(document)).await?;
        let mut pause = Duration::from_millis(100);
        while operation["done"] != true {
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
            let Some(name) = operation["name"].as_str() else { return Ok(()) };
            let url = format!("{}/v2/{name}", self.google.endpoint());
            operation = self.google.json("waiting for the job", Method::GET, &url, None).await?;
        }
        match operation.pointer("/error/message").and_then(Value::as_str) {
            Some(message) => Err(Error::environment("cloud_run::not_created", format!("the job was not created: {message}"))),
            None => Ok(()),
        }
    }

    /// Starts a job; answers the name of its execution.
    pub async fn run_job(&self, name: &str, overrides: &Value) -> Result<String, Error> {
        let url = format!("{}/{name}:run", self.jobs());
        let operation = self.google.json("starting the job", Method::POST, &url, Some(overrides)).await?;
        operation
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| Error::environment("google::unexpected_answer", "Google started the job but did not name its execution"))
    }

    pub async fn execution(&self, name: &str) -> Result<Execution, Error> {
        let url = format!("{}/v2/{name}", self.google.endpoint());
        self.google.json("looking at the execution", Method::GET, &url, None).await.map(|answer| Execution::of(&answer))
    }

    /// The newest execution of a job; none when there is no such job.
    pub async fn newest_execution(&self, job: &str) -> Result<Option<Execution>, Error> {
        let url = format!("{}/{job}/executions", self.jobs());
        match self.google.json("looking for the job", Method::GET, &url, None).await {
            Ok(answer) => Ok(answer["executions"].as_array().and_then(|list| list.first()).map(Execution::of)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Exit code of an execution's only task.
    pub async fn exit_code(&self, execution: &str) -> Result<Option<i32>, Error> {
        let url = format!("{}/v2/{execution}/tasks", self.google.endpoint());
        let answer = self.google.json("asking for the exit code", Method::GET, &url, None).await?;
        let code = answer.pointer("/tasks/0/lastAttemptResult/exitCode").and_then(Value::as_i64);
        Ok(code.and_then(|code| i32::try_from(code).ok()))
    }

    /// Asks an execution to end. One that has ended is no error.
    pub async fn cancel(&self, execution: &str) -> Result<(), Error> {
        let url = format!("{}/v2/{execution}:cancel", self.google.endpoint());
        match self.google.json("cancelling the execution", Method::POST, &url, Some(&Value::Object(Default::default()))).await {
            Err(error) if !is_missing(&error) && error.code != "google::refused" => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes a job with its executions. One that is gone is no error.
    pub async fn delete_job(&self, name: &str) -> Result<(), Error> {
        match self.google.json("deleting the job", Method::DELETE, &format!("{}/{name}", self.jobs()), None).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the service answers this account.
    pub async fn ask(&self) -> Result<(), Error> {
        self.google.json("asking for the jobs", Method::GET, &format!("{}?pageSize=1", self.jobs()), None).await.map(drop)
    }
}
