use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::{Error, Result};

/// What a group of writes did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Rows written or removed.
    pub rows: u64,
    /// The revision of the last [`Write::Flow`](super::Write::Flow).
    pub revision: Option<u32>,
}

/// Resolves when the writes it stands for are durable. Dropping it does not take the writes back.
#[must_use = "a write is durable only once its ticket resolves; use a detached write when nobody waits"]
#[derive(Debug)]
pub struct Ticket(State);

#[derive(Debug)]
enum State {
    Waiting(oneshot::Receiver<Result<Committed>>),
    Settled(Option<Result<Committed>>),
}

impl Ticket {
    pub(super) fn waiting(receiver: oneshot::Receiver<Result<Committed>>) -> Self {
        Self(State::Waiting(receiver))
    }

    /// A ticket that resolves at once.
    pub fn settled(result: Result<Committed>) -> Self {
        Self(State::Settled(Some(result)))
    }

    /// Waits on this thread; for places without a runtime.
    pub fn wait(self) -> Result<Committed> {
        match self.0 {
            State::Waiting(receiver) => receiver.blocking_recv().unwrap_or(Err(Error::Closed)),
            State::Settled(result) => result.unwrap_or(Err(Error::Closed)),
        }
    }
}

impl Future for Ticket {
    type Output = Result<Committed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Waiting(receiver) => Pin::new(receiver).poll(context).map(|answer| answer.unwrap_or(Err(Error::Closed))),
            State::Settled(result) => Poll::Ready(result.take().unwrap_or(Err(Error::Closed))),
        }
    }
}
