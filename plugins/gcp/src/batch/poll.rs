//! One question for all jobs that are followed: a hundred tasks must not ask a hundred times.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use switchyard_plugin_api::Error;
use tokio::sync;

use super::{api::Client, status::Job};

/// So many jobs are asked for one by one.
const FEW: usize = 3;

static SHARED: LazyLock<Mutex<HashMap<String, Weak<Poll>>>> = LazyLock::new(Mutex::default);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Jobs of one project and region that are followed in one name.
#[derive(Default)]
pub struct Poll {
    followed: Mutex<HashSet<String>>,
    /// Held while somebody asks; the others wait for the answer and use it.
    listed: sync::Mutex<Option<Listed>>,
}

struct Listed {
    at: Instant,
    jobs: HashMap<String, Job>,
}

/// A job is followed as long as this lives.
pub struct Followed {
    poll: Arc<Poll>,
    name: String,
}

impl Drop for Followed {
    fn drop(&mut self) {
        locked(&self.poll.followed).remove(&self.name);
    }
}

impl Poll {
    /// That of everyone who would get the same answers.
    pub fn shared(identity: &str) -> Arc<Self> {
        let mut all = locked(&SHARED);
        all.retain(|_, poll| poll.strong_count() > 0);
        if let Some(poll) = all.get(identity).and_then(Weak::upgrade) {
            return poll;
        }
        let poll = Arc::new(Self::default());
        all.insert(identity.to_owned(), Arc::downgrade(&poll));
        poll
    }

    pub fn follow(self: &Arc<Self>, name: &str) -> Followed {
        locked(&self.followed).insert(name.to_owned());
        Followed { poll: self.clone(), name: name.to_owned() }
    }
}

impl Followed {
    /// The job now, or as it was not longer ago than that; none when there is no such job.
    pub async fn look(&self, client: &Client, not_older: Duration) -> Result<Option<Job>, Error> {
        if locked(&self.poll.followed).len() <= FEW {
            return client.job(&self.name).await;
        }
        let mut listed = self.poll.listed.lock().await;
        if listed.as_ref().is_none_or(|listed| listed.at.elapsed() >= not_older) {
            *listed = Some(self.list(client).await?);
        }
        match listed.as_ref().and_then(|listed| listed.jobs.get(&self.name)) {
            Some(job) => Ok(Some(job.clone())),
            // A list may lag behind.
            None => {
                drop(listed);
                client.job(&self.name).await
            }
        }
    }

    /// Page by page until every job that is followed has been seen.
    async fn list(&self, client: &Client) -> Result<Listed, Error> {
        let at = Instant::now();
        let mut missing = locked(&self.poll.followed).clone();
        let (mut jobs, mut page) = (HashMap::new(), None);
        loop {
            let (found, next) = client.list(page.as_deref()).await?;
            for job in found {
                if missing.remove(&job.name) {
                    jobs.insert(job.name.clone(), job);
                }
            }
            page = next;
            if page.is_none() || missing.is_empty() {
                return Ok(Listed { at, jobs });
            }
        }
    }
}
