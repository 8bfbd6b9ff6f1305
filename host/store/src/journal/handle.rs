use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::sqlite::Sqlite;
use super::{Backend, Committed, Entry, Error, ExecutionFilter, FlowSource, Options, Record, Result, Summary, Ticket, Write};

/// A handle to the journal; clones share it. The database is closed when the last handle goes.
#[derive(Clone)]
pub struct Journal {
    backend: Option<Arc<dyn Backend>>,
}

impl Journal {
    /// Opens or creates `journal.db` in `directory` and waits until it is usable.
    pub fn open(directory: &Path, options: Options) -> Result<Self> {
        let sqlite = Sqlite::start(directory, options);
        sqlite.opened()?;
        Ok(Self::with(sqlite))
    }

    /// Like [`open`](Self::open), but opens behind the caller's back: a failure shows at the first awaited write or
    /// read. Saves the milliseconds of creating a database where other work can be done meanwhile.
    pub fn start(directory: &Path, options: Options) -> Self {
        Self::with(Sqlite::start(directory, options))
    }

    /// Connects to the PostgreSQL server of a URL (`postgres://user:password@host/database`), makes the tables when needed, and waits
    /// until it is usable.
    #[cfg(feature = "postgres")]
    pub fn connect(url: &str, sharing: super::Sharing, options: Options) -> Result<Self> {
        let postgres = super::postgres::Postgres::start(url, sharing, options)?;
        postgres.opened()?;
        Ok(Self::with(postgres))
    }

    /// A journal in another database.
    pub fn with(backend: impl Backend) -> Self {
        Self { backend: Some(Arc::new(backend)) }
    }

    /// Keeps nothing: writes succeed at once, reads find nothing. For measuring what the journal costs.
    pub fn off() -> Self {
        Self { backend: None }
    }

    /// Queues a record; the ticket resolves when it is durable.
    pub fn append(&self, record: Record) -> Ticket {
        self.commit(vec![Write::Record(record)])
    }

    /// Queues a record in order with all others, with nobody waiting for it.
    pub fn append_detached(&self, record: Record) {
        self.commit_detached(vec![Write::Record(record)]);
    }

    /// Queues changes that become durable together or not at all.
    pub fn commit(&self, writes: Vec<Write>) -> Ticket {
        match &self.backend {
            Some(backend) => backend.submit(writes),
            None => Ticket::settled(Ok(Committed { rows: writes.len() as u64, revision: Some(1) })),
        }
    }

    /// [`commit`](Self::commit) with nobody waiting.
    pub fn commit_detached(&self, writes: Vec<Write>) {
        if let Some(backend) = &self.backend {
            backend.submit_detached(writes);
        }
    }

    /// Resolves when everything queued so far is durable.
    pub fn flush(&self) -> Ticket {
        match &self.backend {
            Some(backend) => backend.flush(),
            None => Ticket::settled(Ok(Committed::default())),
        }
    }

    /// Writes what is queued and closes the database. Later writes fail with `journal::closed`.
    pub fn close(&self) -> Result<()> {
        self.backend.as_ref().map_or(Ok(()), |backend| backend.close())
    }

    /// Several hosts use it at the same time.
    pub fn is_shared(&self) -> bool {
        self.backend.as_ref().is_some_and(|backend| backend.is_shared())
    }

    /// How long a silent host keeps what it runs, where several share the journal.
    pub fn lease(&self) -> Option<Duration> {
        self.backend.as_ref()?.lease()
    }

    /// It keeps nothing.
    pub fn is_off(&self) -> bool {
        self.backend.is_none()
    }

    /// Why nothing becomes durable: for now, because of a full disk, or any more. Reads answer meanwhile what is.
    pub fn stalled(&self) -> watch::Receiver<Option<Error>> {
        match &self.backend {
            Some(backend) => backend.stalled(),
            None => watch::channel(None).1,
        }
    }

    /// Makes an execution this host's, unless a living one has it: then the answer is that one's name.
    pub async fn adopt(&self, id: &str) -> Result<Option<String>> {
        match &self.backend {
            Some(backend) => backend.adopt(id).await,
            None => Ok(None),
        }
    }

    /// Unfinished executions that no living host runs, some of them at a time, without documents; they belong to this host from now
    /// on.
    pub async fn claim(&self) -> Result<Vec<Summary>> {
        match &self.backend {
            Some(backend) => backend.claim().await,
            None => Ok(Vec::new()),
        }
    }

    /// Sets or replaces an execution's row.
    pub fn summarize(&self, summary: Summary) -> Ticket {
        self.commit(vec![Write::Summary(summary)])
    }

    /// Makes `value` durable under `key`.
    pub fn save_checkpoint(&self, key: impl Into<String>, value: Vec<u8>) -> Ticket {
        let key = key.into();
        self.commit(vec![Write::Checkpoint { key, value }])
    }

    /// All records of an execution by `seq`.
    pub async fn load(&self, execution_id: &str) -> Result<Vec<Record>> {
        match &self.backend {
            Some(backend) => backend.records(execution_id).await,
            None => Ok(Vec::new()),
        }
    }

    /// An execution's row with its document.
    pub async fn execution(&self, id: &str) -> Result<Option<Summary>> {
        match &self.backend {
            Some(backend) => backend.execution(id).await,
            None => Ok(None),
        }
    }

    /// Executions to continue after a restart, oldest first, with documents.
    pub async fn unfinished(&self) -> Result<Vec<Summary>> {
        match &self.backend {
            Some(backend) => backend.unfinished().await,
            None => Ok(Vec::new()),
        }
    }

    /// Executions, newest first.
    pub async fn list(&self, filter: ExecutionFilter) -> Result<Vec<Summary>> {
        match &self.backend {
            Some(backend) => backend.executions(filter).await,
            None => Ok(Vec::new()),
        }
    }

    /// How many executions a filter selects, paging aside.
    pub async fn count(&self, filter: ExecutionFilter) -> Result<u64> {
        match &self.backend {
            Some(backend) => backend.count(filter).await,
            None => Ok(0),
        }
    }

    /// Stores a flow and gives its revision: the present one when the source did not change.
    pub async fn save_flow(&self, namespace: &str, id: &str, source: &str, now: i64) -> Result<u32> {
        let committed = self
            .commit(vec![Write::Flow { namespace: namespace.to_owned(), id: id.to_owned(), source: source.to_owned(), updated: now }])
            .await?;
        Ok(committed.revision.unwrap_or_default())
    }

    /// One revision of a flow, or the newest one unless the flow was removed.
    pub async fn flow(&self, namespace: &str, id: &str, revision: Option<u32>) -> Result<Option<FlowSource>> {
        match &self.backend {
            Some(backend) => backend.flow(namespace, id, revision).await,
            None => Ok(None),
        }
    }

    /// The newest revision of each flow, without the removed ones.
    pub async fn flows(&self) -> Result<Vec<FlowSource>> {
        match &self.backend {
            Some(backend) => backend.flows().await,
            None => Ok(Vec::new()),
        }
    }

    /// Every revision of a flow, oldest first.
    pub async fn revisions(&self, namespace: &str, id: &str) -> Result<Vec<FlowSource>> {
        match &self.backend {
            Some(backend) => backend.revisions(namespace, id).await,
            None => Ok(Vec::new()),
        }
    }

    /// A key-value entry, expired or not.
    pub async fn entry(&self, namespace: &str, key: &str) -> Result<Option<Entry>> {
        match &self.backend {
            Some(backend) => backend.entry(namespace, key).await,
            None => Ok(None),
        }
    }

    /// The entries of one namespace by key, expired or not.
    pub async fn entries(&self, namespace: &str) -> Result<Vec<Entry>> {
        match &self.backend {
            Some(backend) => backend.entries(namespace).await,
            None => Ok(Vec::new()),
        }
    }

    /// What was saved under a key.
    pub async fn checkpoint(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match &self.backend {
            Some(backend) => backend.checkpoint(key).await,
            None => Ok(None),
        }
    }

    /// Everything saved under keys that start with `prefix`.
    pub async fn checkpoints(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        match &self.backend {
            Some(backend) => backend.checkpoints(prefix).await,
            None => Ok(Vec::new()),
        }
    }
}
