//! Follows a job to its end: its log, its state, and whoever asks it to end.

use std::time::Duration;

use switchyard_plugin_api::{CancelReason, Cancellation, Context, Error, FailureReason, Level, Outcome, Phase};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{log::Log, outcome, properties::Properties};
use crate::api::{Client, Job, MAIN, Status, Watch, is_passing};

/// First pause between two reads of the log; each one that brings nothing is followed by a longer one.
const FIRST: Duration = Duration::from_millis(500);
/// How long Batch may not know a job that it took.
const HIDDEN: Duration = Duration::from_secs(120);
/// Lines of a failed container for files that are shown.
const LAST: u32 = 20;

/// How following ended.
pub enum Followed {
    /// The job as it was seen last, and what that means.
    Ended(Box<(Option<Job>, Outcome)>),
    /// The host goes, the work goes on.
    Left,
    /// The host goes before there was any work.
    NotBegun,
}

pub struct Follower<'a> {
    pub client: &'a Client,
    pub context: &'a Context,
    pub properties: &'a Properties,
    pub limit: Duration,
    pub id: &'a str,
    pub log: Log,
}

/// What was told of a job already.
#[derive(Default)]
struct Told {
    phase: Option<Phase>,
    reason: String,
}

impl Follower<'_> {
    pub async fn finish(mut self) -> Result<Followed, Error> {
        let followed = self.follow().await;
        if let Err(error) = &followed {
            if !outcome::never_ran(error) {
                // Nobody would look after it any more.
                if let Err(more) = self.client.terminate(self.id, "the runner could not follow it").await {
                    self.context.message(Level::Warn, format!("The job {} could not be ended and may go on: {more}", self.id));
                }
            }
        }
        followed
    }

    async fn follow(&mut self) -> Result<Followed, Error> {
        let begun = Instant::now();
        let longest = self.properties.completion_check_interval.0;
        let mut watch = self.client.watch(self.id, longest);
        let mut told = Told::default();
        let (mut pause, mut read_at) = (FIRST.min(longest), begun);
        let mut job: Option<Job> = None;
        let mut hidden_since = begun;
        loop {
            let reads = self.properties.stream_logs && !self.log.is_empty();
            tokio::select! {
                asked = self.context.cancelled() => return self.end(asked, &mut watch, job).await,
                seen = watch.next() => match seen? {
                    Some(seen) => {
                        hidden_since = Instant::now();
                        self.log.meet(&seen.streams);
                        told.tell(&seen, self.context);
                        if seen.status.ended() {
                            return self.collect(seen, &mut watch).await;
                        }
                        job = Some(seen);
                    }
                    // What was taken a moment ago may not be known everywhere.
                    None if hidden_since.elapsed() > HIDDEN => return Err(self.vanished()),
                    None => {}
                },
                () = sleep_until(read_at), if reads => {
                    let (any, more, asked) = self.read_log_or_asked().await;
                    if let Some(asked) = asked {
                        return self.end(asked, &mut watch, job).await;
                    }
                    pause = if any { FIRST.min(longest) } else { (pause * 3 / 2).min(longest) };
                    read_at = if more { Instant::now() } else { Instant::now() + pause };
                }
                () = sleep_until(begun + self.limit) => return self.too_late(&mut watch, job).await,
            }
        }
    }

    fn vanished(&self) -> Error {
        Error::environment("aws_batch::job_vanished", format!("Batch does not know the job {} any more", self.id))
            .with_help("look for it in the AWS console; Batch forgets jobs some days after their end")
    }

    /// A host without room for the log must still be able to end the work. Answers whether there was something, whether there is more,
    /// and who asked. A log that cannot be read fails nothing: the work goes on without it.
    async fn read_log_or_asked(&mut self) -> (bool, bool, Option<Cancellation>) {
        let read = tokio::select! {
            read = self.log.read(self.client, self.context) => read,
            asked = self.context.cancelled() => return (false, false, Some(asked)),
        };
        match read {
            Ok((any, more)) => (any, more, None),
            Err(error) => {
                if self.log.stumble(is_passing(&error)) {
                    self.context.message(Level::Warn, format!("The rest of the log is not shown: {error}"));
                }
                (false, false, None)
            }
        }
    }

    async fn collect(&mut self, job: Job, watch: &mut Watch) -> Result<Followed, Error> {
        if let Some(asked) = self.last_lines().await {
            return self.end(asked, watch, Some(job)).await;
        }
        if job.status == Status::Failed {
            self.explain(&job).await;
        }
        let outcome = outcome::of(&job)?;
        Ok(Followed::Ended(Box::new((Some(job), outcome))))
    }

    /// Log events come late: they are waited for until a whole interval brings none.
    async fn last_lines(&mut self) -> Option<Cancellation> {
        let interval = self.properties.wait_for_log_interval.0;
        let mut until = Instant::now() + interval;
        while !self.log.is_empty() {
            let before = Instant::now();
            let (any, more, asked) = self.read_log_or_asked().await;
            if asked.is_some() {
                return asked;
            }
            // Who was sent away does not know whether there is more.
            if any || self.log.stumbles() {
                until = Instant::now() + interval;
            } else if before >= until {
                break;
            }
            if more {
                continue;
            }
            tokio::select! {
                asked = self.context.cancelled() => return Some(asked),
                () = sleep((until - Instant::now().min(until)).min(FIRST)) => {}
            }
        }
        None
    }

    /// The last words of the containers for files, whose log nobody sees otherwise.
    async fn explain(&self, job: &Job) {
        for container in
            job.containers.iter().filter(|container| container.name != MAIN && container.exit_code.is_some_and(|code| code != 0))
        {
            let Some(stream) = &container.stream else { continue };
            let level = if outcome::only_skipped(job) { Level::Warn } else { Level::Error };
            for event in self.client.last_events(stream, LAST).await.unwrap_or_default() {
                self.context.message(level, format!("{}: {}", container.name, event.message.trim_end()));
            }
        }
    }

    /// Ends the work because the host asked for it, or leaves it alone.
    async fn end(&mut self, asked: Cancellation, watch: &mut Watch, known: Option<Job>) -> Result<Followed, Error> {
        if asked.reason == CancelReason::Detach {
            return Ok(Followed::Left);
        }
        let words =
            if asked.reason == CancelReason::Timeout { "the task's time limit has passed" } else { "killed because the host asked for it" };
        let grace = asked.grace().max(Duration::from_secs(5));
        let job = self.terminate(words, grace, watch, known).await;
        let code = job.as_ref().and_then(outcome::command_code).unwrap_or(143);
        Ok(Followed::Ended(Box::new((job, Outcome::exited(code).because(FailureReason::Killed, words)))))
    }

    /// The job took longer than `waitUntilCompletion` allows.
    async fn too_late(&mut self, watch: &mut Watch, known: Option<Job>) -> Result<Followed, Error> {
        let before = known.as_ref().map_or(Status::Unknown, |job| job.status);
        let message = format!("the job had not ended after {} s; it was {} and was ended", self.limit.as_secs(), before.name());
        let job = self.terminate(&message, Duration::from_secs(5), watch, known).await;
        let code = job.as_ref().and_then(outcome::command_code).unwrap_or(outcome::code_of(before));
        Ok(Followed::Ended(Box::new((job, Outcome::exited(code).because(FailureReason::DeadlineExceeded, message)))))
    }

    /// Ends the job, and waits for that as long as the host does. Batch takes its own time: SIGTERM first, SIGKILL half a minute later.
    async fn terminate(&mut self, words: &str, grace: Duration, watch: &mut Watch, known: Option<Job>) -> Option<Job> {
        let until = Instant::now() + grace;
        let now = match self.client.describe(&[self.id.to_owned()]).await {
            Ok(jobs) => jobs.into_iter().next().or(known),
            Err(_) => known,
        };
        let mut job = now;
        if !job.as_ref().is_some_and(|job| job.status.ended() || job.terminated) {
            if let Err(error) = self.client.terminate(self.id, words).await {
                self.context.message(Level::Warn, format!("The job {} could not be ended and may go on: {error}", self.id));
                return job;
            }
        }
        watch.hurry();
        while !job.as_ref().is_some_and(|job| job.status.ended()) {
            match timeout(until - Instant::now().min(until), watch.next()).await {
                Ok(Ok(Some(seen))) => job = Some(seen),
                Ok(Ok(None)) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
        if let Some(job) = &job {
            self.log.meet(&job.streams);
        }
        // Its last words, as long as the host takes them.
        let left = (until - Instant::now().min(until)).min(self.properties.wait_for_log_interval.0).max(Duration::from_millis(200));
        let _ = timeout(left, async {
            while !self.log.is_empty() && self.log.read(self.client, self.context).await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        job
    }
}

impl Told {
    fn tell(&mut self, job: &Job, context: &Context) {
        let phase = match job.status {
            Status::Submitted | Status::Pending | Status::Runnable | Status::Unknown => Phase::Queued,
            Status::Starting => Phase::Starting,
            Status::Running | Status::Succeeded | Status::Failed => Phase::Running,
        };
        if self.phase != Some(phase) {
            self.phase = Some(phase);
            context.phase(phase);
        }
        if !job.status.ended() && !job.reason.is_empty() && self.reason != job.reason {
            self.reason.clone_from(&job.reason);
            context.message(Level::Warn, format!("The job is {}: {}", job.status.name(), job.reason));
        }
    }
}
