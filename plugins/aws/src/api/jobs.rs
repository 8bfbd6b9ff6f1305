//! Jobs that are being followed. One loop for all of them asks, and one question names up to a hundred.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use switchyard_plugin_api::Error;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::{Client, Job, Status, batch::MOST, is_passing};

/// First pause between two looks; each one that shows nothing new is followed by a longer one.
const FIRST: Duration = Duration::from_millis(500);
/// How long Batch may stumble before its jobs are given up.
const PATIENCE: Duration = Duration::from_secs(900);

/// What was seen last; a job that Batch does not know yet, or no longer, is none.
type Seen = Option<Result<Option<Job>, Error>>;

#[derive(Default)]
pub struct Jobs {
    state: Mutex<State>,
    /// A job came that is due earlier, or the last one went.
    changed: Notify,
}

#[derive(Default)]
struct State {
    watched: BTreeMap<String, Watched>,
    /// Asks as long as there are jobs.
    asking: Option<JoinHandle<()>>,
}

struct Watched {
    due: Instant,
    pause: Duration,
    longest: Duration,
    status: Option<Status>,
    /// Since when Batch has not answered.
    stumbling: Option<Instant>,
    seen: watch::Sender<Seen>,
}

impl Watched {
    fn see(&mut self, seen: Option<Job>) {
        let status = seen.as_ref().map(|job| job.status);
        self.pause = if status == self.status { (self.pause * 3 / 2).min(self.longest) } else { FIRST.min(self.longest) };
        self.status = status;
        self.stumbling = None;
        self.due = Instant::now() + self.pause;
        self.seen.send_replace(Some(Ok(seen)));
    }

    fn fail(&mut self, error: &Error) {
        let now = Instant::now();
        let since = *self.stumbling.get_or_insert(now);
        self.pause = (self.pause * 2).min(self.longest.max(FIRST));
        self.due = now + self.pause;
        if !is_passing(error) || now.duration_since(since) > PATIENCE {
            self.seen.send_replace(Some(Err(error.clone())));
        }
    }
}

impl Jobs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Jobs that are due, and those that are next while the question has room; or when the first one is due.
    fn due(&self) -> Result<Vec<String>, Instant> {
        let now = Instant::now();
        let mut order: Vec<(Instant, &String)> = self.watched.iter().map(|(id, job)| (job.due, id)).collect();
        order.sort();
        let due = order.iter().filter(|(due, _)| *due <= now).count();
        if due == 0 {
            return Err(order.first().map_or(now, |(due, _)| *due));
        }
        Ok(order.into_iter().take(due.div_ceil(MOST) * MOST).map(|(_, id)| id.clone()).collect())
    }
}

/// A job that is followed until this is dropped.
pub struct Watch {
    client: Client,
    id: String,
    seen: watch::Receiver<Seen>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.client.0.jobs.state().watched.remove(&self.id);
        self.client.0.jobs.changed.notify_one();
    }
}

impl Client {
    /// Follows a job, looking at it at least once in `longest`.
    pub fn watch(&self, id: &str, longest: Duration) -> Watch {
        let (sender, seen) = watch::channel(None);
        let pause = FIRST.min(longest);
        let watched = Watched { due: Instant::now(), pause, longest, status: None, stumbling: None, seen: sender };
        let mut state = self.0.jobs.state();
        state.watched.insert(id.to_owned(), watched);
        // One whose runtime has ended is finished as well.
        if state.asking.as_ref().is_none_or(JoinHandle::is_finished) {
            let client = self.clone();
            state.asking = Some(tokio::spawn(async move { client.ask_about_jobs().await }));
        }
        drop(state);
        self.0.jobs.changed.notify_one();
        Watch { client: self.clone(), id: id.to_owned(), seen }
    }

    async fn ask_about_jobs(&self) {
        let jobs = &self.0.jobs;
        loop {
            let due = {
                let mut state = jobs.state();
                if state.watched.is_empty() {
                    state.asking = None;
                    return;
                }
                state.due()
            };
            match due {
                Ok(ids) => {
                    for some in ids.chunks(MOST) {
                        self.ask_about(some).await;
                    }
                }
                Err(next) => tokio::select! {
                    () = sleep_until(next) => {}
                    () = jobs.changed.notified() => {}
                },
            }
        }
    }

    async fn ask_about(&self, some: &[String]) {
        let answer = self.describe(some).await;
        let mut state = self.0.jobs.state();
        let mut found: BTreeMap<String, Job> = match &answer {
            Ok(found) => found.iter().map(|job| (job.id.clone(), job.clone())).collect(),
            Err(_) => BTreeMap::new(),
        };
        for id in some {
            let Some(known) = state.watched.get_mut(id) else { continue };
            match &answer {
                Ok(_) => known.see(found.remove(id)),
                Err(error) => known.fail(error),
            }
        }
    }
}

impl Watch {
    /// What is seen next; none while Batch does not know the job. May be dropped half-way.
    pub async fn next(&mut self) -> Result<Option<Job>, Error> {
        loop {
            // It is removed only when this is dropped.
            if self.seen.changed().await.is_err() {
                return Ok(None);
            }
            if let Some(seen) = self.seen.borrow_and_update().clone() {
                return seen;
            }
        }
    }

    /// Looks again at once, and soon after.
    pub fn hurry(&self) {
        if let Some(known) = self.client.0.jobs.state().watched.get_mut(&self.id) {
            known.due = Instant::now();
            known.pause = FIRST.min(known.longest);
        }
        self.client.0.jobs.changed.notify_one();
    }
}
