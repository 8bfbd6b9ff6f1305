//! The line of writes between the callers and the one writer.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::{oneshot, watch};

use super::{Committed, Error, Result, Write};

/// Writes that are committed together, and who waits for them.
pub(super) struct Submission {
    pub(super) writes: Vec<Write>,
    pub(super) done: Option<oneshot::Sender<Result<Committed>>>,
}

#[derive(Default)]
struct State {
    line: Vec<Submission>,
    writes: usize,
    closing: bool,
    /// The writer has taken submissions that it has not settled yet, or is still opening.
    busy: bool,
    /// Set once: why no write is taken any more.
    stopped: Option<Error>,
}

pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    drained: Condvar,
    capacity: usize,
    /// Why nothing becomes durable, for now or any more.
    stalled: watch::Sender<Option<Error>>,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State { busy: true, ..State::default() }),
            filled: Condvar::new(),
            drained: Condvar::new(),
            capacity: capacity.max(1),
            stalled: watch::Sender::new(None),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room; the writer drains the line without help from any caller, so this always ends. While the disk is full nobody
    /// waits: the callers are needed to tell people about it.
    pub(super) fn push(&self, submission: Submission) {
        let mut state = self.state();
        while state.writes >= self.capacity && state.stopped.is_none() && !state.closing && self.stalled.borrow().is_none() {
            state = self.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let refusal = match &state.stopped {
            Some(cause) => Some(Error::Stopped { cause: Box::new(cause.clone()) }),
            None => state.closing.then_some(Error::Closed),
        };
        if let Some(error) = refusal {
            drop(state);
            if let Some(done) = submission.done {
                let _ = done.send(Err(error));
            }
            return;
        }
        state.writes += submission.writes.len();
        state.line.push(submission);
        if state.line.len() == 1 {
            self.filled.notify_one();
        }
    }

    /// Everything in line, or `None` when the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Submission>> {
        let mut state = self.state();
        state.busy = false;
        while state.line.is_empty() {
            if state.closing {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let line = std::mem::take(&mut state.line);
        state.writes = 0;
        state.busy = true;
        self.drained.notify_all();
        Some(line)
    }

    /// Lets the writer pause between retries; a closing journal does not pause.
    pub(super) fn pause(&self, length: Duration) {
        let state = self.state();
        let _ = self.filled.wait_timeout_while(state, length, |state| !state.closing);
    }

    /// The writer waits for the surroundings, or does not any more.
    pub(super) fn stall(&self, cause: Option<&Error>) {
        if self.state().stopped.is_some() {
            return;
        }
        self.stalled.send_if_modified(|stalled| {
            let changed = stalled.is_some() != cause.is_some();
            if changed {
                *stalled = cause.cloned();
            }
            changed
        });
        self.drained.notify_all();
    }

    /// Why nothing becomes durable, for now or any more.
    pub(super) fn stalled(&self) -> watch::Receiver<Option<Error>> {
        self.stalled.subscribe()
    }

    /// Resolves when what was in line is durable, or cannot be for now: what is stored can be read all the same.
    pub(super) async fn caught_up(&self) {
        let mut stalled = self.stalled();
        if self.idle() || stalled.borrow().is_some() {
            return;
        }
        let (done, settled) = oneshot::channel();
        self.push(Submission { writes: Vec::new(), done: Some(done) });
        let waits = std::pin::pin!(stalled.wait_for(Option::is_some));
        if let Either::Left((result, _)) = select(settled, waits).await {
            // A failed write is its writer's business.
            let _ = result;
        }
    }

    /// Nothing is in line or under way.
    pub(super) fn idle(&self) -> bool {
        let state = self.state();
        !state.busy && state.line.is_empty()
    }

    pub(super) fn closing(&self) -> bool {
        self.state().closing
    }

    pub(super) fn close(&self) {
        self.state().closing = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// Refuses everything in line and everything to come.
    pub(super) fn stop(&self, cause: &Error) {
        let line = {
            let mut state = self.state();
            state.stopped.get_or_insert_with(|| cause.clone());
            state.writes = 0;
            std::mem::take(&mut state.line)
        };
        self.stalled.send_replace(Some(Error::Stopped { cause: Box::new(cause.clone()) }));
        self.drained.notify_all();
        for submission in line {
            submission.settle(Err(Error::Stopped { cause: Box::new(cause.clone()) }));
        }
    }
}

impl Submission {
    pub(super) fn settle(self, result: Result<Committed>) {
        if let Some(done) = self.done {
            // The caller may have lost interest.
            let _ = done.send(result);
        }
    }
}
