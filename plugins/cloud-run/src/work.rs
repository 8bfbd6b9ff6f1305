//! An execution of a job, as work that is followed.

use std::time::Duration;

use switchyard_cloud_api::{
    follow::{Look, Work},
    google::{
        Entry,
        log::{Log, Source},
    },
};
use switchyard_plugin_api::{Context, Error, FailureReason, LogStream, Outcome, Phase};

use crate::{
    api::{self, Client, Ended},
    properties::Properties,
};

pub struct Execution<'a> {
    client: &'a Client,
    context: &'a Context,
    /// Full name.
    name: String,
    log: Log,
    log_wait: Duration,
    seen: Option<api::Execution>,
}

fn stream(entry: &Entry) -> LogStream {
    if entry.log.ends_with("stderr") { LogStream::Stderr } else { LogStream::Stdout }
}

impl<'a> Execution<'a> {
    /// `again` after a restart of the host, which has a part of the log then.
    pub async fn new(client: &'a Client, context: &'a Context, properties: &Properties, job: &str, name: &str, again: bool) -> Self {
        let (project, id) = (client.google.project(), name.rsplit('/').next().unwrap_or_default());
        let filter = format!(
            "(logName=\"projects/{project}/logs/run.googleapis.com%2Fstdout\" OR logName=\"projects/{project}/logs/run.googleapis.com%2Fstderr\") \
             AND resource.labels.job_name=\"{job}\" AND labels.\"run.googleapis.com/execution_name\"=\"{id}\""
        );
        let log = Log::new(Source { filter, stream }, again, context).await;
        Self { client, context, name: name.to_owned(), log, log_wait: properties.wait_for_log_interval.0, seen: None }
    }
}

impl Work for Execution<'_> {
    async fn look(&mut self) -> Result<Look, Error> {
        let execution = self.client.execution(&self.name).await?;
        let phase = if execution.running { Phase::Running } else { Phase::Starting };
        let ended = execution.ended.is_some();
        self.seen = Some(execution);
        Ok(Look { phase, ended })
    }

    async fn read_log(&mut self) -> Result<bool, Error> {
        self.log.read(&self.client.google, self.context).await
    }

    async fn read_rest(&mut self) -> Result<(), Error> {
        self.log.rest(self.log_wait, &self.client.google, self.context).await
    }

    async fn outcome(&mut self) -> Result<Outcome, Error> {
        let seen = self.seen.as_ref();
        let ended = seen.and_then(|execution| execution.ended).unwrap_or(Ended::Failed);
        let message = seen.and_then(|execution| execution.message.clone()).unwrap_or_default();
        let code = match ended {
            Ended::Succeeded => Some(0),
            Ended::Failed | Ended::Cancelled => self.exit_code().await?,
        };
        Ok(match (ended, code) {
            (Ended::Succeeded, _) => Outcome::exited(0),
            (Ended::Failed, Some(code)) if code != 0 => {
                Outcome { message: Some(message).filter(|text| !text.is_empty()), ..Outcome::exited(code) }
            }
            (Ended::Failed, _) => Outcome { message: Some(format!("Cloud Run could not run the job: {message}")), ..Outcome::exited(1) },
            (Ended::Cancelled, code) => Outcome::exited(code.filter(|code| *code != 0).unwrap_or(143))
                .because(FailureReason::KilledOutside, format!("the execution was cancelled: {message}")),
        })
    }

    async fn stop(&mut self) -> Result<(), Error> {
        self.client.cancel(&self.name).await
    }

    async fn exit_code(&mut self) -> Result<Option<i32>, Error> {
        self.client.exit_code(&self.name).await
    }
}
