//! Follows an execution to its end: its log, its state, and whoever asks it to end.

use std::time::{Duration, Instant};

use switchyard_plugin_api::{CancelReason, Cancellation, Context, Error, FailureReason, Outcome, Phase};
use tokio::time::{sleep, timeout};

use crate::{
    api::{Client, Ended, Execution},
    log::Log,
    properties::Properties,
};

/// Pause between two looks at an execution that was cancelled.
const IMPATIENT: Duration = Duration::from_millis(500);

/// How following ended.
pub enum Followed {
    Ended(Outcome),
    /// The host goes, the work goes on.
    Left,
}

pub struct Follower<'a> {
    pub client: &'a Client,
    pub context: &'a Context,
    pub properties: &'a Properties,
    pub limit: Duration,
    /// Full name.
    pub execution: String,
    pub log: Log,
}

impl Follower<'_> {
    pub async fn finish(mut self) -> Result<Followed, Error> {
        let begun = Instant::now();
        let interval = self.properties.completion_check_interval.0;
        let mut running = false;
        loop {
            let execution = self.client.execution(&self.execution).await?;
            if (execution.running || execution.ended.is_some()) && !running {
                running = true;
                self.context.phase(Phase::Running);
            }
            let (more, asked) = self.read_log_or_asked().await?;
            if let Some(asked) = asked.or_else(|| self.context.cancellation()) {
                return self.end(asked, Some(execution)).await;
            }
            if let Some(ended) = execution.ended {
                return self.collect(ended, &execution).await;
            }
            if begun.elapsed() > self.limit {
                return self.too_late().await;
            }
            if more {
                continue;
            }
            tokio::select! {
                asked = self.context.cancelled() => return self.end(asked, None).await,
                () = sleep(interval) => {}
            }
        }
    }

    /// A host without room for the log must still be able to end the work. Answers also whether there is more to read already.
    async fn read_log_or_asked(&mut self) -> Result<(bool, Option<Cancellation>), Error> {
        tokio::select! {
            read = self.log.read(self.client, self.context) => read.map(|more| (more, None)),
            asked = self.context.cancelled() => Ok((false, Some(asked))),
        }
    }

    async fn collect(&mut self, ended: Ended, execution: &Execution) -> Result<Followed, Error> {
        if let Some(asked) = self.last_lines().await? {
            return self.end(asked, Some(execution.clone())).await;
        }
        Ok(Followed::Ended(self.outcome(ended, execution).await?))
    }

    /// Log entries come late: they are waited for until a whole interval brings none.
    async fn last_lines(&mut self) -> Result<Option<Cancellation>, Error> {
        let until = Instant::now() + self.properties.wait_for_log_interval.0;
        let mut all = false;
        loop {
            let before = Instant::now();
            let (more, asked) = self.read_log_or_asked().await?;
            if asked.is_some() {
                return Ok(asked);
            }
            if more {
                continue;
            }
            if all {
                return Ok(None);
            }
            if before >= until {
                all = true;
                self.log.rewind();
                continue;
            }
            tokio::select! {
                asked = self.context.cancelled() => return Ok(Some(asked)),
                () = sleep((until - before).min(Duration::from_secs(1))) => {}
            }
        }
    }

    async fn outcome(&self, ended: Ended, execution: &Execution) -> Result<Outcome, Error> {
        let code = match ended {
            Ended::Succeeded => Some(0),
            Ended::Failed | Ended::Cancelled => self.client.exit_code(&execution.name).await?,
        };
        let message = execution.message.clone().unwrap_or_default();
        let outcome = match (ended, code) {
            (Ended::Succeeded, _) => Outcome::exited(0),
            (Ended::Failed, Some(code)) if code != 0 => {
                Outcome { message: Some(message).filter(|text| !text.is_empty()), ..Outcome::exited(code) }
            }
            (Ended::Failed, _) => Outcome { message: Some(format!("Cloud Run could not run the job: {message}")), ..Outcome::exited(1) },
            (Ended::Cancelled, code) => Outcome::exited(code.filter(|code| *code != 0).unwrap_or(143))
                .because(FailureReason::KilledOutside, format!("the execution was cancelled: {message}")),
        };
        Ok(outcome)
    }

    /// Ends the work because the host asked for it, or leaves it alone.
    async fn end(&mut self, asked: Cancellation, known: Option<Execution>) -> Result<Followed, Error> {
        if asked.reason == CancelReason::Detach {
            return Ok(Followed::Left);
        }
        let until = Instant::now() + asked.grace().max(Duration::from_secs(5));
        let already = known.is_some_and(|execution| execution.ended.is_some());
        if !already {
            self.client.cancel(&self.execution).await?;
        }
        let mut code = None;
        // Cloud Run ends it in its own time; waiting longer than that would hold up the host.
        while Instant::now() < until {
            if self.client.execution(&self.execution).await?.ended.is_some() {
                code = self.client.exit_code(&self.execution).await?;
                break;
            }
            sleep(self.properties.completion_check_interval.0.min(IMPATIENT)).await;
        }
        // Its last words, as long as the host takes them.
        let left =
            until.saturating_duration_since(Instant::now()).min(self.properties.wait_for_log_interval.0.max(Duration::from_millis(200)));
        let _ = timeout(left, async {
            while self.log.read(self.client, self.context).await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        let outcome = Outcome::exited(code.filter(|code| *code != 0).unwrap_or(143));
        let words =
            if asked.reason == CancelReason::Timeout { "the task's time limit has passed" } else { "killed because the host asked for it" };
        Ok(Followed::Ended(outcome.because(FailureReason::Killed, words)))
    }

    /// The job took longer than `waitUntilCompletion` allows.
    async fn too_late(&mut self) -> Result<Followed, Error> {
        self.client.cancel(&self.execution).await?;
        let message = format!("the job had not ended after {} s and was cancelled", self.limit.as_secs());
        let _ = self.log.read(self.client, self.context).await;
        Ok(Followed::Ended(Outcome::exited(143).because(FailureReason::DeadlineExceeded, message)))
    }
}
