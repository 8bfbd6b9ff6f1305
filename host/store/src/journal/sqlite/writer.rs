//! The thread that commits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::apply::Apply;
use super::{Shared, schema};
use crate::journal::queue::Submission;
use crate::journal::{Committed, Error, Options, Result};

pub(super) struct Writer<'a> {
    connection: Connection,
    shared: &'a Shared,
    options: &'a Options,
    /// Numbers of executions, looked up once.
    numbers: HashMap<String, i64>,
}

/// How many executions' numbers are remembered.
const NUMBERS: usize = 100_000;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Writer<'_> {
    pub(super) fn run(shared: &Shared, options: &Options) {
        let connection = match schema::writer(&shared.path, options) {
            Ok(connection) => connection,
            Err(error) => {
                shared.queue.stop(&error);
                let _ = shared.opened.set(Err(error));
                return;
            }
        };
        let _ = shared.opened.set(Ok(()));
        let mut writer = Writer { connection, shared, options, numbers: HashMap::new() };
        while let Some(line) = shared.queue.take() {
            let mut groups = Groups::new(line, options.group.max(1));
            while let Some(group) = groups.next() {
                if let Err(error) = writer.group(group) {
                    tracing::error!(code = error.code(), %error, "the journal stops");
                    shared.queue.stop(&error);
                    for submission in groups.by_ref().flatten() {
                        submission.settle(Err(Error::Stopped { cause: Box::new(error.clone()) }));
                    }
                }
            }
        }
    }

    /// Commits a group, or fails it for good.
    fn group(&mut self, group: Vec<Submission>) -> Result<()> {
        if group.iter().all(|submission| submission.writes.is_empty()) {
            settle(group, |_| Ok(Committed::default()));
            return Ok(());
        }
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.commit(&group) {
                Ok(results) => {
                    self.shared.queue.stall(None);
                    let mut results = results.into_iter();
                    settle(group, |_| results.next().unwrap_or(Err(Error::Closed)));
                    return Ok(());
                }
                Err(error) => error,
            };
            let patient = started.elapsed() < self.options.patience;
            if !error.retryable() || !patient || self.shared.queue.closing() {
                settle(group, |_| Err(error.clone()));
                return Err(error);
            }
            if self.shared.queue.stalled().borrow().is_none() {
                tracing::warn!(code = error.code(), %error, "the journal waits");
            }
            self.shared.queue.stall(Some(&error));
            self.shared.queue.pause(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One transaction. The outer error is the database's, the inner ones belong to single submissions.
    fn commit(&mut self, group: &[Submission]) -> Result<Vec<Result<Committed>>> {
        match self.together(group) {
            Ok(results) => Ok(results),
            Err(error) => {
                self.undo();
                if own_fault(&error) { self.one_by_one(group) } else { Err(Error::sqlite(&self.shared.path, error)) }
            }
        }
    }

    fn together(&mut self, group: &[Submission]) -> rusqlite::Result<Vec<Result<Committed>>> {
        self.execute("BEGIN IMMEDIATE")?;
        let mut apply = Apply::new(&self.connection, &mut self.numbers);
        apply.fold_summaries(group.iter().flat_map(|submission| &submission.writes));
        let mut results = Vec::with_capacity(group.len());
        for submission in group {
            results.push(Ok(apply.all(&submission.writes)?));
        }
        self.execute("COMMIT")?;
        if self.numbers.len() > NUMBERS {
            self.numbers.clear();
        }
        Ok(results)
    }

    /// The slow way after a failure: finds the submission that is wrong in itself and spares the others.
    fn one_by_one(&mut self, group: &[Submission]) -> Result<Vec<Result<Committed>>> {
        self.savepoints(group).map_err(|error| {
            self.undo();
            Error::sqlite(&self.shared.path, error)
        })
    }

    fn savepoints(&mut self, group: &[Submission]) -> rusqlite::Result<Vec<Result<Committed>>> {
        self.execute("BEGIN IMMEDIATE")?;
        let mut results = Vec::with_capacity(group.len());
        for submission in group {
            self.execute("SAVEPOINT submission")?;
            let mut apply = Apply::new(&self.connection, &mut self.numbers);
            match apply.all(&submission.writes) {
                Ok(committed) => results.push(Ok(committed)),
                Err(error) if own_fault(&error) => {
                    let duplicate = apply.duplicate();
                    self.execute("ROLLBACK TO submission")?;
                    self.numbers.clear();
                    let error = duplicate.unwrap_or_else(|| Error::sqlite(&self.shared.path, error));
                    if submission.done.is_none() {
                        tracing::error!(code = error.code(), %error, "a detached write was refused");
                    }
                    results.push(Err(error));
                }
                Err(error) => return Err(error),
            }
            self.execute("RELEASE submission")?;
        }
        self.execute("COMMIT")?;
        Ok(results)
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    fn undo(&mut self) {
        self.numbers.clear();
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::warn!(%error, "rolling back failed");
        }
    }
}

/// The submission is wrong, not the database.
fn own_fault(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(code, ErrorCode::ConstraintViolation | ErrorCode::TooBig),
        // Values that cannot be bound at all never reach the database.
        None => true,
    }
}

fn settle(group: Vec<Submission>, mut result: impl FnMut(usize) -> Result<Committed>) {
    for (index, submission) in group.into_iter().enumerate() {
        submission.settle(result(index));
    }
}

/// Cuts what was in line into transactions.
struct Groups {
    line: std::iter::Peekable<std::vec::IntoIter<Submission>>,
    size: usize,
}

impl Groups {
    fn new(line: Vec<Submission>, size: usize) -> Self {
        Self { line: line.into_iter().peekable(), size }
    }
}

impl Iterator for Groups {
    type Item = Vec<Submission>;

    fn next(&mut self) -> Option<Vec<Submission>> {
        let first = self.line.next()?;
        let mut writes = first.writes.len();
        let mut group = vec![first];
        while writes < self.size
            && let Some(submission) = self.line.next()
        {
            writes += submission.writes.len();
            group.push(submission);
        }
        Some(group)
    }
}
