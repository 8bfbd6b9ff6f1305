//! A job, as work that is followed.

use std::time::{Duration, Instant};

use switchyard_cloud_api::{
    follow::{Look, Work},
    google::{
        Entry,
        log::{Log, Source},
    },
};
use switchyard_plugin_api::{Context, Error, FailureReason, Level, LogStream, Outcome, Phase};

use super::{
    api::Client,
    poll::Followed,
    properties::Properties,
    status::{Job, State, failure},
};

/// How long a job that was just made may be unknown to the service.
const UNKNOWN: Duration = Duration::from_secs(30);

pub struct Watched<'a> {
    client: &'a Client,
    context: &'a Context,
    properties: &'a Properties,
    limit: Duration,
    followed: Followed,
    log: Log,
    seen: Option<Job>,
    /// Events that were told.
    told: usize,
    name: String,
    begun: Instant,
    /// Made by this very run.
    fresh: bool,
    stopped: bool,
}

/// What of a command's output is what: Batch writes standard error with a severity.
fn stream(entry: &Entry) -> LogStream {
    match entry.severity.as_str() {
        "ERROR" | "CRITICAL" | "ALERT" | "EMERGENCY" => LogStream::Stderr,
        _ => LogStream::Stdout,
    }
}

impl<'a> Watched<'a> {
    /// `again` after a restart of the host, which has a part of the log then.
    pub async fn new(
        client: &'a Client,
        context: &'a Context,
        properties: &'a Properties,
        limit: Duration,
        job: &Job,
        again: bool,
    ) -> Self {
        let filter = format!("logName=\"projects/{}/logs/batch_task_logs\" AND labels.job_uid=\"{}\"", client.google.project(), job.uid);
        Self {
            client,
            context,
            properties,
            limit,
            followed: client.poll().follow(&job.name),
            log: Log::new(Source { filter, stream }, again, context).await,
            seen: None,
            // The former host has told what happened before.
            told: if again { job.events.len() } else { 0 },
            name: job.name.clone(),
            begun: Instant::now(),
            fresh: !again,
            stopped: false,
        }
    }

    /// Says what is new about the job. Words about its state are many; others, such as a region without machines, tell why it waits.
    fn tell(&mut self, job: &Job) {
        for event in job.events.iter().skip(self.told).filter(|event| !event.description.is_empty()) {
            let level = if event.kind.starts_with("STATUS_CHANGED") || event.kind == "STATUS_EVENT_TYPE_UNSPECIFIED" {
                Level::Debug
            } else {
                Level::Info
            };
            self.context.message(level, format!("Google Batch: {}", event.description));
        }
        self.told = self.told.max(job.events.len());
    }
}

impl Work for Watched<'_> {
    async fn look(&mut self) -> Result<Look, Error> {
        // What was stopped is looked at itself, not at what a list said a while ago.
        let not_older = if self.stopped { Duration::ZERO } else { self.properties.completion_check_interval.0 * 4 / 5 };
        let Some(job) = self.followed.look(self.client, not_older).await? else {
            if self.fresh && self.seen.is_none() && self.begun.elapsed() < UNKNOWN {
                return Ok(Look { phase: Phase::Queued, ended: false });
            }
            self.seen = None;
            return Ok(Look { phase: Phase::Running, ended: true });
        };
        self.tell(&job);
        let look = Look { phase: job.state.phase(), ended: job.state.has_ended() };
        self.seen = Some(job);
        Ok(look)
    }

    async fn read_log(&mut self) -> Result<bool, Error> {
        // Nothing has been written yet.
        if self.seen.as_ref().is_some_and(|job| matches!(job.state, State::Queued | State::Scheduled)) {
            return Ok(false);
        }
        self.log.read(&self.client.google, self.context).await
    }

    async fn read_rest(&mut self) -> Result<(), Error> {
        self.log.rest(self.properties.wait_for_log_interval.0, &self.client.google, self.context).await
    }

    async fn outcome(&mut self) -> Result<Outcome, Error> {
        let Some(job) = self.seen.clone() else {
            return Ok(Outcome::exited(143).because(FailureReason::KilledOutside, "somebody deleted the job while it ran"));
        };
        Ok(match job.state {
            State::Succeeded => Outcome::exited(0),
            State::Cancelled | State::Ending => {
                let code = self.exit_code().await?.filter(|code| *code != 0).unwrap_or(143);
                Outcome::exited(code).because(FailureReason::KilledOutside, "somebody cancelled the job while it ran")
            }
            _ => failure(self.exit_code().await?, &job, self.limit),
        })
    }

    async fn stop(&mut self) -> Result<(), Error> {
        // It may have ended since the last look; one that has is left alone.
        if self.client.job(&self.name).await?.is_none_or(|job| job.state.has_ended()) {
            return Ok(());
        }
        self.stopped = true;
        if self.properties.delete {
            // Awaited by looking whether it is still there.
            self.client.delete(&self.name, "killed%20by%20switchyard").await
        } else {
            self.client.cancel(&self.name).await
        }
    }

    async fn exit_code(&mut self) -> Result<Option<i32>, Error> {
        let events = self.client.task_events(&self.name).await?;
        Ok(events.iter().rev().find_map(|event| event.exit_code))
    }
}
