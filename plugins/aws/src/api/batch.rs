//! AWS Batch: the calls that a run makes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchyard_plugin_api::Error;

use super::{Again, Client, is_missing};

/// Most jobs that one question may name.
pub const MOST: usize = 100;

/// Where jobs run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its document.
    pub document: Value,
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Submitted,
    Pending,
    Runnable,
    Starting,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

/// A job as Batch tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: String,
    pub name: String,
    pub status: Status,
    /// Why it is in this state.
    pub reason: String,
    pub definition: String,
    pub tags: BTreeMap<String, String>,
    /// Somebody asked for its end.
    pub terminated: bool,
    pub containers: Vec<Container>,
    /// Log streams of the main container, one for each attempt that began.
    pub streams: Vec<String>,
}

/// One container of the job's last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub name: String,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
    pub stream: Option<String>,
}

impl Status {
    fn of(text: &str) -> Self {
        match text {
            "SUBMITTED" => Self::Submitted,
            "PENDING" => Self::Pending,
            "RUNNABLE" => Self::Runnable,
            "STARTING" => Self::Starting,
            "RUNNING" => Self::Running,
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" => Self::Failed,
            _ => Self::Unknown,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Pending => "PENDING",
            Self::Runnable => "RUNNABLE",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Unknown => "unknown",
        }
    }

    pub fn ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Container {
    fn of(value: &Value) -> Self {
        Self {
            name: text(value, "name").unwrap_or_default(),
            exit_code: value["exitCode"].as_i64().map(|code| code as i32),
            reason: text(value, "reason"),
            stream: text(value, "logStreamName"),
        }
    }
}

/// Name of the container that runs the task's command.
pub const MAIN: &str = "main";

impl Job {
    fn of(value: &Value) -> Self {
        let containers = |place: &Value| -> Vec<Container> {
            place["taskProperties"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|task| task["containers"].as_array().into_iter().flatten())
                .map(Container::of)
                .collect()
        };
        let last = containers(&value["ecsProperties"]);
        let mut streams: Vec<String> = Vec::new();
        let attempts = value["attempts"].as_array().into_iter().flatten().flat_map(containers);
        for stream in
            attempts.chain(last.iter().cloned()).filter(|container| container.name == MAIN).filter_map(|container| container.stream)
        {
            if !streams.contains(&stream) {
                streams.push(stream);
            }
        }
        let tags = value["tags"].as_object().into_iter().flatten();
        Self {
            id: text(value, "jobId").unwrap_or_default(),
            name: text(value, "jobName").unwrap_or_default(),
            status: Status::of(value["status"].as_str().unwrap_or_default()),
            reason: text(value, "statusReason").unwrap_or_default(),
            definition: text(value, "jobDefinition").unwrap_or_default(),
            tags: tags.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
            terminated: value["isTerminated"] == true || value["isCancelled"] == true,
            containers: last,
            streams,
        }
    }

    pub fn main(&self) -> Option<&Container> {
        self.containers.iter().find(|container| container.name == MAIN)
    }
}

impl Client {
    async fn batch(&self, what: &str, operation: &str, body: &Value) -> Result<Value, Error> {
        self.batch_with(what, operation, body, Again::Always).await
    }

    async fn batch_with(&self, what: &str, operation: &str, body: &Value, again: Again) -> Result<Value, Error> {
        let url = format!("{}/v1/{operation}", self.0.batch);
        self.ask("batch", what, url, &[("content-type", "application/json")], body, again).await
    }

    /// The compute environment, by name or ARN.
    pub async fn environment(&self, name: &str) -> Result<Option<Environment>, Error> {
        let answer = self
            .batch("looking at the compute environment", "describecomputeenvironments", &json!({ "computeEnvironments": [name] }))
            .await?;
        Ok(answer["computeEnvironments"].as_array().and_then(|all| all.first()).map(|document| Environment { document: document.clone() }))
    }

    /// The job queue's document, by name or ARN.
    pub async fn queue(&self, name: &str) -> Result<Option<Value>, Error> {
        let answer = self.batch("looking at the job queue", "describejobqueues", &json!({ "jobQueues": [name] })).await?;
        Ok(answer["jobQueues"].as_array().and_then(|all| all.first()).cloned())
    }

    /// Creates a queue; answers its ARN.
    pub async fn create_queue(&self, body: &Value) -> Result<String, Error> {
        let answer = self.batch("creating the job queue", "createjobqueue", body).await?;
        Ok(text(&answer, "jobQueueArn").or_else(|| text(body, "jobQueueName")).unwrap_or_default())
    }

    pub async fn disable_queue(&self, queue: &str) -> Result<(), Error> {
        self.batch("closing the job queue", "updatejobqueue", &json!({ "jobQueue": queue, "state": "DISABLED" })).await.map(drop)
    }

    pub async fn delete_queue(&self, queue: &str) -> Result<(), Error> {
        self.batch("removing the job queue", "deletejobqueue", &json!({ "jobQueue": queue })).await.map(drop)
    }

    /// Registers a job definition; answers its ARN.
    pub async fn register(&self, body: &Value) -> Result<String, Error> {
        let answer = self.batch("registering the job definition", "registerjobdefinition", body).await?;
        text(&answer, "jobDefinitionArn").ok_or_else(|| {
            Error::environment("aws_batch::unexpected_answer", "while registering the job definition the answer held no ARN")
        })
    }

    pub async fn deregister(&self, definition: &str) -> Result<(), Error> {
        self.batch("removing the job definition", "deregisterjobdefinition", &json!({ "jobDefinition": definition })).await.map(drop)
    }

    /// ARNs of what is registered under a name.
    pub async fn definitions(&self, name: &str) -> Result<Vec<String>, Error> {
        let body = json!({ "jobDefinitionName": name, "status": "ACTIVE" });
        let answer = self.batch("looking for job definitions", "describejobdefinitions", &body).await?;
        Ok(answer["jobDefinitions"].as_array().into_iter().flatten().filter_map(|known| text(known, "jobDefinitionArn")).collect())
    }

    /// Submits a job; answers its id. Not asked again when nobody knows whether it was taken.
    pub async fn submit(&self, body: &Value) -> Result<String, Error> {
        let answer = self.batch_with("submitting the job", "submitjob", body, Again::Refused).await?;
        text(&answer, "jobId")
            .ok_or_else(|| Error::environment("aws_batch::unexpected_answer", "while submitting the job the answer held no id"))
    }

    /// Jobs by their ids, at most [`MOST`]; those that Batch does not know are left out.
    pub async fn describe(&self, ids: &[String]) -> Result<Vec<Job>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.batch("looking at the jobs", "describejobs", &json!({ "jobs": ids })).await?;
        Ok(answer["jobs"].as_array().into_iter().flatten().map(Job::of).collect())
    }

    /// Jobs of this name in a queue, newest first. A queue that does not exist has none.
    pub async fn jobs_named(&self, queue: &str, name: &str) -> Result<Vec<Job>, Error> {
        let mut ids = Vec::new();
        let mut page = Value::Null;
        loop {
            let mut body = json!({ "jobQueue": queue, "filters": [{ "name": "JOB_NAME", "values": [name] }] });
            if !page.is_null() {
                body["nextToken"] = page;
            }
            let answer = match self.batch("looking for the job", "listjobs", &body).await {
                Err(error) if is_missing(&error) || error.code == "aws_batch::refused" => return Ok(Vec::new()),
                other => other?,
            };
            // The filter knows no difference between upper and lower case.
            let named = answer["jobSummaryList"].as_array().into_iter().flatten().filter(|summary| summary["jobName"] == name);
            ids.extend(named.filter_map(|summary| text(summary, "jobId")));
            page = answer["nextToken"].clone();
            if page.as_str().is_none_or(str::is_empty) {
                break;
            }
        }
        let mut jobs = Vec::new();
        for some in ids.chunks(MOST) {
            jobs.extend(self.describe(some).await?);
        }
        jobs.sort_by_key(|job| ids.iter().position(|id| *id == job.id));
        Ok(jobs)
    }

    pub async fn terminate(&self, id: &str, reason: &str) -> Result<(), Error> {
        self.batch("ending the job", "terminatejob", &json!({ "jobId": id, "reason": reason })).await.map(drop)
    }
}
