//! Jobs and their executions.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use switchyard_plugin_api::Error;
use tokio::time::sleep;

use super::{Client, is_missing};

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

impl Client {
    fn jobs(&self) -> String {
        format!("{}/v2/projects/{}/locations/{}/jobs", self.0.run, self.0.project, self.0.region)
    }

    /// Creates a job and waits until it is there.
    pub async fn create_job(&self, name: &str, document: &Value) -> Result<(), Error> {
        let url = format!("{}?jobId={name}", self.jobs());
        let mut operation = self.json("creating the job", Method::POST, &url, Some(document)).await?;
        let mut pause = Duration::from_millis(100);
        while operation["done"] != true {
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
            let Some(name) = operation["name"].as_str() else { return Ok(()) };
            let url = format!("{}/v2/{name}", self.0.run);
            operation = self.json("waiting for the job", Method::GET, &url, None).await?;
        }
        match operation.pointer("/error/message").and_then(Value::as_str) {
            Some(message) => Err(Error::environment("cloud_run::not_created", format!("the job was not created: {message}"))),
            None => Ok(()),
        }
    }

    /// Starts a job; answers the name of its execution.
    pub async fn run_job(&self, name: &str, overrides: &Value) -> Result<String, Error> {
        let url = format!("{}/{name}:run", self.jobs());
        let operation = self.json("starting the job", Method::POST, &url, Some(overrides)).await?;
        operation
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| Error::environment("cloud_run::unexpected_answer", "Google started the job but did not name its execution"))
    }

    pub async fn execution(&self, name: &str) -> Result<Execution, Error> {
        let url = format!("{}/v2/{name}", self.0.run);
        self.json("looking at the execution", Method::GET, &url, None).await.map(|answer| Execution::of(&answer))
    }

    /// The newest execution of a job; none when there is no such job.
    pub async fn newest_execution(&self, job: &str) -> Result<Option<Execution>, Error> {
        let url = format!("{}/{job}/executions", self.jobs());
        match self.json("looking for the job", Method::GET, &url, None).await {
            Ok(answer) => Ok(answer["executions"].as_array().and_then(|list| list.first()).map(Execution::of)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Exit code of an execution's only task.
    pub async fn exit_code(&self, execution: &str) -> Result<Option<i32>, Error> {
        let url = format!("{}/v2/{execution}/tasks", self.0.run);
        let answer = self.json("asking for the exit code", Method::GET, &url, None).await?;
        let code = answer.pointer("/tasks/0/lastAttemptResult/exitCode").and_then(Value::as_i64);
        Ok(code.and_then(|code| i32::try_from(code).ok()))
    }

    /// Asks an execution to end. One that has ended is no error.
    pub async fn cancel(&self, execution: &str) -> Result<(), Error> {
        let url = format!("{}/v2/{execution}:cancel", self.0.run);
        match self.json("cancelling the execution", Method::POST, &url, Some(&Value::Object(Default::default()))).await {
            Err(error) if !is_missing(&error) && error.code != "cloud_run::refused" => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes a job with its executions. One that is gone is no error.
    pub async fn delete_job(&self, name: &str) -> Result<(), Error> {
        match self.json("deleting the job", Method::DELETE, &format!("{}/{name}", self.jobs()), None).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the service answers this account.
    pub async fn ask(&self) -> Result<(), Error> {
        self.json("asking for the jobs", Method::GET, &format!("{}?pageSize=1", self.jobs()), None).await.map(drop)
    }
}
