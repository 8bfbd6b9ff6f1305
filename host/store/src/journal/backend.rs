use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;

use super::{Entry, Error, ExecutionFilter, FlowSource, Record, Result, Summary, Ticket, Write};

/// A read in progress.
pub type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A database that can be the journal. SQLite is one; several hosts share another.
///
/// Writes are committed in the order of their submission, each submission wholly or not at all. When the
/// database fails, all later submissions fail too, so that what is stored is always a prefix of what was submitted; a
/// submission that is wrong in itself (a record written twice) fails alone.
///
/// # Several hosts
///
/// A server calls `unfinished` once, at its start, and takes every execution of the answer up (`Engine::recover`); it has the data
/// directory for itself by a lock (`host.lock`). A backend that hosts share adds claims here: `unfinished` answers only what this host
/// could claim (an `owner` and a `lease` beside each execution, set in the same transaction), a host extends its leases while it
/// lives, and asks again now and then for those that ran out. A record of an execution whose lease was lost must be refused
/// (`Error::Duplicate` does so for the same position); the host then drops the execution without a word to its runners.
pub trait Backend: Send + Sync + 'static {
    /// Queues the writes and returns; waits only when the queue is full.
    fn submit(&self, writes: Vec<Write>) -> Ticket;
    /// Like [`submit`](Self::submit) when nobody waits for the result. A failure shows at the next awaited write.
    fn submit_detached(&self, writes: Vec<Write>);
    /// Resolves when everything submitted before is durable.
    fn flush(&self) -> Ticket;
    /// Everything submitted is written, then the database is closed.
    fn close(&self) -> Result<()>;

    /// Several hosts use it at the same time.
    fn is_shared(&self) -> bool {
        false
    }
    /// How long a silent host keeps what it runs, where several share the journal.
    fn lease(&self) -> Option<Duration> {
        None
    }
    /// Why nothing becomes durable: for now, because of a full disk, or any more.
    fn stalled(&self) -> watch::Receiver<Option<Error>> {
        watch::channel(None).1
    }
    /// Makes an execution this host's, unless a living one has it: then the answer is that one's name.
    fn adopt(&self, _id: &str) -> Reading<'_, Option<String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// Unfinished executions that no living host runs, some of them at a time, without documents; they belong to this host from now
    /// on. A journal of one host answers all of them.
    fn claim(&self) -> Reading<'_, Vec<Summary>> {
        self.unfinished()
    }

    fn records(&self, execution_id: &str) -> Reading<'_, Vec<Record>>;
    fn execution(&self, id: &str) -> Reading<'_, Option<Summary>>;
    fn unfinished(&self) -> Reading<'_, Vec<Summary>>;
    fn executions(&self, filter: ExecutionFilter) -> Reading<'_, Vec<Summary>>;
    /// How many executions the filter selects, paging aside.
    fn count(&self, filter: ExecutionFilter) -> Reading<'_, u64>;
    /// The newest revision when `revision` is `None`, unless the flow was removed.
    fn flow(&self, namespace: &str, id: &str, revision: Option<u32>) -> Reading<'_, Option<FlowSource>>;
    /// The newest revision of each flow that was not removed.
    fn flows(&self) -> Reading<'_, Vec<FlowSource>>;
    fn revisions(&self, namespace: &str, id: &str) -> Reading<'_, Vec<FlowSource>>;
    fn entry(&self, namespace: &str, key: &str) -> Reading<'_, Option<Entry>>;
    fn entries(&self, namespace: &str) -> Reading<'_, Vec<Entry>>;
    fn checkpoint(&self, key: &str) -> Reading<'_, Option<Vec<u8>>>;
    /// Checkpoints whose key starts with `prefix`.
    fn checkpoints(&self, prefix: &str) -> Reading<'_, Vec<(String, Vec<u8>)>>;
}
