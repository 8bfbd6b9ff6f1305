//! Follows work to its end: its state, its log, and whoever asks it to end.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use switchyard_plugin_api::{CancelReason, Cancellation, Context, Error, FailureReason, Level, Outcome, Phase};
use tokio::time::{sleep, timeout};

/// Pause between two looks at work that was asked to end.
const IMPATIENT: Duration = Duration::from_millis(500);

/// How long files that are on their way are waited for.
const LATE: Duration = Duration::from_secs(5);
/// How long a system may be silent before its work counts as lost: work goes on when the network does not.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Work on another system.
pub trait Work: Send {
    /// Its state now. Work that is gone has ended.
    fn look(&mut self) -> impl Future<Output = Result<Look, Error>> + Send;
    /// Hands over what is new in its log; answers whether there is more already. Never fails because the log is slow.
    fn read_log(&mut self) -> impl Future<Output = Result<bool, Error>> + Send;
    /// Hands over the rest of the log, which may come late.
    fn read_rest(&mut self) -> impl Future<Output = Result<(), Error>> + Send;
    /// How it ended, after a look that says so.
    fn outcome(&mut self) -> impl Future<Output = Result<Outcome, Error>> + Send;
    /// Asks it to end. Work that has ended, or is gone, is no error.
    fn stop(&mut self) -> impl Future<Output = Result<(), Error>> + Send;
    /// The exit code of work that was stopped, when it can be known.
    fn exit_code(&mut self) -> impl Future<Output = Result<Option<i32>, Error>> + Send;
}

/// What a look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Where it is.
    pub phase: Phase,
    pub ended: bool,
}

/// How following ended.
pub enum Followed {
    Ended(Outcome),
    /// The host goes, the work goes on.
    Left,
}

/// Times of following.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Longest pause between two looks.
    pub interval: Duration,
    /// After which the work is stopped.
    pub limit: Duration,
    /// How long the last words of stopped work are waited for.
    pub last_words: Duration,
}

pub struct Follower<'a, W> {
    work: W,
    context: &'a Context,
    times: Times,
    /// Since when nobody answers.
    silent: Option<Instant>,
}

/// Whether the same question may be answered later.
fn is_passing(error: &Error) -> bool {
    error.retryable() && matches!(error.code.rsplit("::").next(), Some("unreachable" | "overloaded" | "no_token"))
}

impl<'a, W: Work> Follower<'a, W> {
    pub fn new(work: W, context: &'a Context, times: Times) -> Self {
        Self { work, context, times, silent: None }
    }

    pub async fn finish(mut self) -> Result<Followed, Error> {
        let begun = Instant::now();
        let mut phase = None;
        // Short work is noticed soon, long work is not asked for all the time.
        let mut pause = (self.times.interval / 8).max(Duration::from_millis(10)).min(self.times.interval);
        loop {
            let Some(look) = self.look().await? else {
                tokio::select! {
                    asked = self.context.cancelled() => return self.end(asked, false).await,
                    () = sleep(self.times.interval.max(IMPATIENT)) => continue,
                }
            };
            let now = if look.ended { Phase::Running } else { look.phase };
            if phase < Some(now) {
                phase = Some(now);
                self.context.phase(now);
            }
            let (more, asked) = self.read_log_or_asked().await?;
            if let Some(asked) = asked.or_else(|| self.context.cancellation()) {
                return self.end(asked, look.ended).await;
            }
            if look.ended {
                let asked = tokio::select! {
                    read = self.work.read_rest() => read.map(|()| None)?,
                    asked = self.context.cancelled() => Some(asked),
                };
                return match asked {
                    Some(asked) => self.end(asked, true).await,
                    None => self.work.outcome().await.map(Followed::Ended),
                };
            }
            if begun.elapsed() > self.times.limit {
                return self.too_late().await;
            }
            if more {
                continue;
            }
            tokio::select! {
                asked = self.context.cancelled() => return self.end(asked, false).await,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(self.times.interval);
        }
    }

    /// The state, unless nobody answers for a while.
    async fn look(&mut self) -> Result<Option<Look>, Error> {
        match self.work.look().await {
            Ok(look) => {
                if self.silent.take().is_some() {
                    self.context.message(Level::Info, "The other system answers again.");
                }
                Ok(Some(look))
            }
            Err(error) if is_passing(&error) => {
                let since = *self.silent.get_or_insert_with(|| {
                    self.context.message(Level::Warn, format!("The work goes on unseen: {error}"));
                    Instant::now()
                });
                if since.elapsed() > PATIENCE { Err(error) } else { Ok(None) }
            }
            Err(error) => Err(error),
        }
    }

    /// A host without room for the log must still be able to end the work. Answers also whether there is more to read already.
    async fn read_log_or_asked(&mut self) -> Result<(bool, Option<Cancellation>), Error> {
        tokio::select! {
            read = self.work.read_log() => read.map(|more| (more, None)),
            asked = self.context.cancelled() => Ok((false, Some(asked))),
        }
    }

    /// Ends the work because the host asked for it, or leaves it alone.
    async fn end(&mut self, asked: Cancellation, ended: bool) -> Result<Followed, Error> {
        if asked.reason == CancelReason::Detach {
            return Ok(Followed::Left);
        }
        let until = Instant::now() + asked.grace().max(Duration::from_secs(5));
        if !ended {
            self.work.stop().await?;
        }
        let mut code = None;
        // The other system ends it in its own time; waiting longer than that would hold up the host.
        while Instant::now() < until {
            if self.work.look().await?.ended {
                code = self.work.exit_code().await?;
                break;
            }
            sleep(self.times.interval.min(IMPATIENT)).await;
        }
        // Its last words, as long as the host takes them.
        let left = until.saturating_duration_since(Instant::now()).min(self.times.last_words.max(Duration::from_millis(200)));
        let _ = timeout(left, self.work.read_rest()).await;
        let outcome = Outcome::exited(code.filter(|code| *code != 0).unwrap_or(143));
        let words =
            if asked.reason == CancelReason::Timeout { "the task's time limit has passed" } else { "killed because the host asked for it" };
        Ok(Followed::Ended(outcome.because(FailureReason::Killed, words)))
    }

    /// The work took longer than `waitUntilCompletion` allows.
    async fn too_late(&mut self) -> Result<Followed, Error> {
        self.work.stop().await?;
        let message = format!("the job had not ended after {} s and was cancelled", self.times.limit.as_secs());
        let _ = timeout(self.times.last_words.max(IMPATIENT), self.work.read_rest()).await;
        Ok(Followed::Ended(Outcome::exited(143).because(FailureReason::DeadlineExceeded, message)))
    }
}

/// Whether the host goes and another one comes: what is there stays for it.
pub fn is_left(context: &Context) -> bool {
    context.cancellation().is_some_and(|asked| asked.reason == CancelReason::Detach)
}

/// Some time after the host asked for the end: what is on its way to another system should arrive before it is removed there, or it would
/// stay behind.
pub async fn late(context: &Context) {
    context.cancelled().await;
    sleep(LATE).await;
}

/// The end of a run that the host asked for before anything of it existed.
pub fn not_begun(context: &Context) -> Option<Result<Outcome, Error>> {
    context.cancellation().map(|asked| if asked.reason == CancelReason::Detach { Ok(Outcome::detached()) } else { Err(Error::cancelled()) })
}

#[cfg(test)]
mod tests {
    use switchyard_plugin_api::testkit::Host;

    use super::*;

    /// Work that is not seen for some looks and then has ended.
    struct Hidden {
        looks: Vec<Error>,
        stopped: bool,
    }

    impl Work for Hidden {
        async fn look(&mut self) -> Result<Look, Error> {
            match self.looks.pop() {
                Some(error) => Err(error),
                None => Ok(Look { phase: Phase::Running, ended: true }),
            }
        }

        async fn read_log(&mut self) -> Result<bool, Error> {
            Ok(false)
        }

        async fn read_rest(&mut self) -> Result<(), Error> {
            Ok(())
        }

        async fn outcome(&mut self) -> Result<Outcome, Error> {
            Ok(Outcome::exited(7))
        }

        async fn stop(&mut self) -> Result<(), Error> {
            self.stopped = true;
            Ok(())
        }

        async fn exit_code(&mut self) -> Result<Option<i32>, Error> {
            Ok(None)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_system_is_waited_for_and_a_refusal_is_not() {
        let times = Times { interval: Duration::from_secs(5), limit: Duration::from_secs(3600), last_words: Duration::ZERO };
        let silent = || Error::environment("x::unreachable", "no route");
        for (looks, code) in [
            (vec![silent(), silent(), silent()], None),
            (vec![silent(), Error::user("x::forbidden", "no")], Some("x::forbidden")),
            (vec![Error::environment("x::not_found", "no")], Some("x::not_found")),
        ] {
            let (host, told) = (Host::new(), looks.len() > 2);
            let context = host.context();
            let followed = Follower::new(Hidden { looks, stopped: false }, &context, times).finish().await;
            match (followed, code) {
                (Ok(Followed::Ended(outcome)), None) => assert_eq!(outcome.exit_code, 7),
                (Err(error), Some(code)) => assert_eq!(error.code, code),
                _ => panic!("another end than {code:?}"),
            }
            assert_eq!(host.warnings().len(), usize::from(told), "told once: {:?}", host.warnings());
        }
    }
}
