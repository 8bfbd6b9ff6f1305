//! The thread that commits.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_postgres::{Client, error::SqlState};

use super::{Shared, apply::Apply, lease::Lease, schema};
use crate::journal::{Committed, Error, Options, Result, Write, queue::Submission};

/// How many executions are remembered as known.
const KNOWN: usize = 100_000;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Writer<'a> {
    client: Client,
    shared: &'a Arc<Shared>,
    options: &'a Options,
    lease: Lease,
    known: HashSet<String>,
    /// Number of the last group.
    group: i64,
}

/// What one attempt to commit came to.
enum Attempt {
    Done(Vec<Result<Committed>>),
    /// A submission is wrong in itself.
    OwnFault,
}

impl Writer<'_> {
    pub(super) fn run(shared: &Arc<Shared>, options: &Options) {
        let Ok(runtime) = shared.runtime() else { return };
        let opened = runtime.block_on(Self::open(shared, options));
        let mut writer = match opened {
            Ok(writer) => writer,
            Err(error) => {
                shared.queue.stop(&error);
                let _ = shared.lease.set(Err(error));
                return;
            }
        };
        let heart = runtime.spawn(beat(Arc::clone(shared), writer.lease));
        let _ = shared.lease.set(Ok(writer.lease));
        while let Some(line) = shared.queue.take() {
            let mut line = line.into_iter().peekable();
            while line.peek().is_some() {
                let mut size = 0;
                let group: Vec<Submission> = std::iter::from_fn(|| {
                    let next = line.next_if(|_| size == 0 || size < options.group)?;
                    size += next.writes.len().max(1);
                    Some(next)
                })
                .collect();
                if let Err(error) = runtime.block_on(writer.group(group)) {
                    tracing::error!(code = error.code(), %error, "the journal stops");
                    shared.queue.stop(&error);
                    for submission in line.by_ref() {
                        submission.settle(Err(Error::Stopped { cause: Box::new(error.clone()) }));
                    }
                }
            }
        }
        heart.abort();
        if let Err(error) = runtime.block_on(writer.lease.give_up(&writer.client)) {
            tracing::debug!(%error, "the lease could not be given up; it runs out");
        }
    }

    async fn open<'a>(shared: &'a Arc<Shared>, options: &'a Options) -> Result<Writer<'a>> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut client = loop {
            match shared.connect().await {
                Err(error) if error.retryable() && started.elapsed() < options.patience => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                connected => break connected?,
            }
        };
        schema::migrate(&mut client, &shared.place).await?;
        let lease = Lease::take(&client, &shared.sharing.host, shared.sharing.lease).await;
        let lease = lease.map_err(|error| Error::postgres(&shared.place, &error))?;
        Ok(Writer { client, shared, options, lease, known: HashSet::new(), group: 0 })
    }

    /// Commits a group, or fails it for good.
    async fn group(&mut self, group: Vec<Submission>) -> Result<()> {
        if group.iter().all(|submission| submission.writes.is_empty()) {
            settle(group, std::iter::repeat_with(|| Ok(Committed::default())));
            return Ok(());
        }
        self.group += 1;
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.attempt(&group).await {
                Ok(results) => {
                    self.shared.queue.stall(None);
                    settle(group, results.into_iter());
                    return Ok(());
                }
                Err(error) => error,
            };
            self.known.clear();
            if !error.retryable() || started.elapsed() >= self.options.patience || self.shared.queue.closing() {
                settle(group, std::iter::repeat_with(|| Err(error.clone())));
                return Err(error);
            }
            if self.shared.queue.stalled().borrow().is_none() {
                tracing::warn!(code = error.code(), %error, "the journal waits");
            }
            self.shared.queue.stall(Some(&error));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match self.reconnect().await {
                // The answer was lost, not the group.
                Ok(true) => {
                    self.shared.queue.stall(None);
                    let rows = |submission: &Submission| Committed { rows: submission.writes.len() as u64, revision: None };
                    let results: Vec<_> = group.iter().map(|submission| Ok(rows(submission))).collect();
                    settle(group, results.into_iter());
                    return Ok(());
                }
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "the journal cannot connect"),
            }
        }
    }

    /// Whether the group that was under way is committed.
    async fn reconnect(&mut self) -> Result<bool> {
        if self.client.is_closed() {
            self.client = self.shared.connect().await?;
        }
        let committed = self.lease.committed(&self.client).await;
        Ok(committed.map_err(|error| Error::postgres(&self.shared.place, &error))? >= self.group)
    }

    async fn attempt(&mut self, group: &[Submission]) -> Result<Vec<Result<Committed>>> {
        match self.together(group).await? {
            Attempt::Done(results) => Ok(results),
            Attempt::OwnFault => self.one_by_one(group).await,
        }
    }

    async fn together(&mut self, group: &[Submission]) -> Result<Attempt> {
        let place = &self.shared.place;
        let failed = |error| Error::postgres(place, &error);
        let transaction = self.client.transaction().await.map_err(failed)?;
        if !self.lease.hold(&transaction, self.group).await.map_err(failed)? {
            return Err(Error::Fenced { place: place.clone() });
        }
        let mut apply = Apply::new(&transaction, self.lease.host, &mut self.known);
        let mut results = Vec::with_capacity(group.len());
        let mut outcome = Ok(());
        for submission in group {
            match apply.take(&submission.writes).await {
                Ok(committed) => results.push(Ok(committed)),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        if outcome.is_ok() {
            outcome = apply.send().await;
        }
        if let Err(error) = outcome {
            apply.forget();
            let own = own_fault(&error);
            transaction.rollback().await.map_err(failed)?;
            return if own { Ok(Attempt::OwnFault) } else { Err(failed(error)) };
        }
        transaction.commit().await.map_err(failed)?;
        if self.known.len() > KNOWN {
            self.known.clear();
        }
        Ok(Attempt::Done(results))
    }

    /// The slow way after a failure: finds the submission that is wrong in itself and spares the others.
    async fn one_by_one(&mut self, group: &[Submission]) -> Result<Vec<Result<Committed>>> {
        self.known.clear();
        let place = &self.shared.place;
        let failed = |error| Error::postgres(place, &error);
        let mut transaction = self.client.transaction().await.map_err(failed)?;
        if !self.lease.hold(&transaction, self.group).await.map_err(failed)? {
            return Err(Error::Fenced { place: place.clone() });
        }
        let mut results = Vec::with_capacity(group.len());
        for submission in group {
            let savepoint = transaction.savepoint("submission").await.map_err(failed)?;
            let mut known = HashSet::new();
            let mut apply = Apply::new(&savepoint, self.lease.host, &mut known);
            let outcome = match apply.take(&submission.writes).await {
                Ok(committed) => apply.send().await.map(|()| committed),
                Err(error) => Err(error),
            };
            drop(apply);
            match outcome {
                Ok(committed) => {
                    savepoint.commit().await.map_err(failed)?;
                    results.push(Ok(committed));
                }
                Err(error) if own_fault(&error) => {
                    savepoint.rollback().await.map_err(failed)?;
                    let error = duplicate(&submission.writes, &error).unwrap_or_else(|| failed(error));
                    if submission.done.is_none() {
                        tracing::error!(code = error.code(), %error, "a detached write was refused");
                    }
                    results.push(Err(error));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        transaction.commit().await.map_err(failed)?;
        Ok(results)
    }
}

/// The submission is wrong, not the database.
fn own_fault(error: &tokio_postgres::Error) -> bool {
    // Class 22 is about data, 23 about constraints. Without a code the value never reached the server.
    match error.code() {
        Some(code) => code.code().starts_with("22") || code.code().starts_with("23"),
        None => {
            !error.is_closed() && std::error::Error::source(error).is_some_and(|source| source.downcast_ref::<std::io::Error>().is_none())
        }
    }
}

fn duplicate(writes: &[Write], error: &tokio_postgres::Error) -> Option<Error> {
    let database = error.as_db_error().filter(|e| *e.code() == SqlState::UNIQUE_VIOLATION && e.table() == Some("records"))?;
    let detail = database.detail().unwrap_or_default();
    let records = writes.iter().filter_map(|write| if let Write::Record(record) = write { Some(record) } else { None });
    let mut named = records.filter(|record| detail.contains(&format!("({}, {})", record.execution_id, record.seq)));
    named.next().map(|record| Error::Duplicate { execution: record.execution_id.clone(), seq: record.seq })
}

fn settle(group: Vec<Submission>, mut results: impl Iterator<Item = Result<Committed>>) {
    for submission in group {
        submission.settle(results.next().unwrap_or(Err(Error::Closed)));
    }
}

/// Renews the lease, on a connection of its own that no group holds up.
async fn beat(shared: Arc<Shared>, lease: Lease) {
    let mut client: Option<Client> = None;
    let mut pulse = tokio::time::interval(lease.length / 3);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pulse.tick().await;
        if client.as_ref().is_none_or(Client::is_closed) {
            client = match shared.connect().await {
                Ok(client) => Some(client),
                Err(error) => {
                    tracing::warn!(code = error.code(), %error, "the lease cannot be renewed");
                    None
                }
            };
        }
        let Some(connected) = &client else { continue };
        match lease.renew(connected).await {
            Ok(true) => {}
            Ok(false) => {
                let error = Error::Fenced { place: shared.place.clone() };
                tracing::error!(code = error.code(), %error, "the journal stops");
                return shared.queue.stop(&error);
            }
            Err(error) => {
                tracing::warn!(%error, "the lease cannot be renewed");
                client = None;
            }
        }
    }
}
