//! The journal in one SQLite file: one thread writes, readers have connections of their own (WAL).

mod apply;
mod read;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::queue::{Queue, Submission};
use super::{Backend, Entry, Error, ExecutionFilter, FlowSource, Options, Reading, Record, Result, Summary, Ticket, Write};
use writer::Writer;

pub(super) struct Sqlite {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    path: PathBuf,
    queue: Queue,
    opened: OnceLock<Result<()>>,
    readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Returns at once; the database is opened by the writer's thread.
    pub(super) fn start(directory: &Path, options: Options) -> Self {
        let shared = Arc::new(Shared {
            path: directory.join("journal.db"),
            queue: Queue::new(options.queue),
            opened: OnceLock::new(),
            readers: Mutex::default(),
        });
        let thread = std::thread::Builder::new().name("journal".into()).spawn({
            let shared = Arc::clone(&shared);
            move || Writer::run(&shared, &options)
        });
        let writer = thread
            .map_err(|source| {
                let error = Error::Directory { path: shared.path.clone(), source: Arc::new(source) };
                shared.queue.stop(&error);
                let _ = shared.opened.set(Err(error));
            })
            .ok();
        Self { shared, writer: Mutex::new(writer) }
    }

    /// Waits until the database is open.
    pub(super) fn opened(&self) -> Result<()> {
        self.shared.opened.wait().clone()
    }

    fn read<T: Send + 'static>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static) -> Reading<'_, T> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            shared.queue.caught_up().await;
            if tokio::runtime::Handle::try_current().is_err() {
                return shared.query(query);
            }
            tokio::task::spawn_blocking(move || shared.query(query)).await.unwrap_or(Err(Error::Closed))
        })
    }
}

impl Shared {
    fn submit(&self, writes: Vec<Write>) -> Ticket {
        let (done, waiting) = oneshot::channel();
        self.queue.push(Submission { writes, done: Some(done) });
        Ticket::waiting(waiting)
    }

    fn flush(&self) -> Ticket {
        self.submit(Vec::new())
    }

    fn query<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.opened.wait().clone()?;
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let failed = |source| Error::sqlite(&self.path, source);
        let connection = match idle {
            Some(connection) => connection,
            None => schema::reader(&self.path).map_err(failed)?,
        };
        let answer = query(&connection).map_err(failed)?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(answer)
    }
}

impl Backend for Sqlite {
    fn submit(&self, writes: Vec<Write>) -> Ticket {
        self.shared.submit(writes)
    }

    fn submit_detached(&self, writes: Vec<Write>) {
        self.shared.queue.push(Submission { writes, done: None });
    }

    fn flush(&self) -> Ticket {
        self.shared.flush()
    }

    fn stalled(&self) -> watch::Receiver<Option<Error>> {
        self.shared.queue.stalled()
    }

    fn close(&self) -> Result<()> {
        self.shared.queue.close();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.join().map_err(|_| Error::Closed)?;
        }
        self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    fn records(&self, execution_id: &str) -> Reading<'_, Vec<Record>> {
        let id = execution_id.to_owned();
        self.read(move |connection| read::records(connection, &id))
    }

    fn execution(&self, id: &str) -> Reading<'_, Option<Summary>> {
        let id = id.to_owned();
        self.read(move |connection| read::execution(connection, &id))
    }

    fn unfinished(&self) -> Reading<'_, Vec<Summary>> {
        self.read(read::unfinished)
    }

    fn executions(&self, filter: ExecutionFilter) -> Reading<'_, Vec<Summary>> {
        self.read(move |connection| read::executions(connection, &filter))
    }

    fn count(&self, filter: ExecutionFilter) -> Reading<'_, u64> {
        self.read(move |connection| read::count(connection, &filter))
    }

    fn flow(&self, namespace: &str, id: &str, revision: Option<u32>) -> Reading<'_, Option<FlowSource>> {
        let (namespace, id) = (namespace.to_owned(), id.to_owned());
        self.read(move |connection| read::flow(connection, &namespace, &id, revision))
    }

    fn flows(&self) -> Reading<'_, Vec<FlowSource>> {
        self.read(read::flows)
    }

    fn revisions(&self, namespace: &str, id: &str) -> Reading<'_, Vec<FlowSource>> {
        let (namespace, id) = (namespace.to_owned(), id.to_owned());
        self.read(move |connection| read::revisions(connection, &namespace, &id))
    }

    fn entry(&self, namespace: &str, key: &str) -> Reading<'_, Option<Entry>> {
        let (namespace, key) = (namespace.to_owned(), key.to_owned());
        self.read(move |connection| read::entry(connection, &namespace, &key))
    }

    fn entries(&self, namespace: &str) -> Reading<'_, Vec<Entry>> {
        let namespace = namespace.to_owned();
        self.read(move |connection| read::entries(connection, &namespace))
    }

    fn checkpoint(&self, key: &str) -> Reading<'_, Option<Vec<u8>>> {
        let key = key.to_owned();
        self.read(move |connection| read::checkpoint(connection, &key))
    }

    fn checkpoints(&self, prefix: &str) -> Reading<'_, Vec<(String, Vec<u8>)>> {
        let prefix = prefix.to_owned();
        self.read(move |connection| read::checkpoints(connection, &prefix))
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(code = error.code(), %error, "the journal did not close");
        }
    }
}
