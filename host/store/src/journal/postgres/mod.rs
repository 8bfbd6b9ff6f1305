//! The journal in PostgreSQL, which several hosts share.
//!
//! One thread commits groups of writes, as for SQLite. A runtime of its own drives the connections: one for the groups, one for the
//! lease, one for reads.

mod apply;
mod lease;
mod read;
mod schema;
mod writer;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::{Mutex as Turn, oneshot, watch},
};
use tokio_postgres::{Client, Config, NoTls, config::Host};

use super::{
    Backend, Entry, Error, ExecutionFilter, FlowSource, Options, Reading, Record, Result, Summary, Ticket, Write,
    queue::{Queue, Submission},
};
use lease::Lease;
use writer::Writer;

/// How hosts share a journal.
#[derive(Debug, Clone)]
pub struct Sharing {
    /// What other hosts' logs call this one.
    pub host: String,
    /// How long a host may be silent before others take over what it runs. It is renewed three times as often.
    pub lease: Duration,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { host: format!("process {}", std::process::id()), lease: Duration::from_secs(15) }
    }
}

pub(super) struct Postgres {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    /// For messages: the address without its password.
    place: String,
    config: Config,
    sharing: Sharing,
    queue: Queue,
    lease: OnceLock<Result<Lease>>,
    /// Reads; made again when it breaks.
    reader: Turn<Option<Arc<Client>>>,
    /// Taken out when the journal is closed.
    runtime: Mutex<Option<Arc<Runtime>>>,
}

type Query<T> =
    Box<dyn for<'c> FnOnce(&'c Client) -> Pin<Box<dyn Future<Output = std::result::Result<T, tokio_postgres::Error>> + Send + 'c>> + Send>;

impl Postgres {
    /// Returns at once; the writer's thread connects.
    pub(super) fn start(url: &str, sharing: Sharing, options: Options) -> Result<Self> {
        let config: Config = url.parse().map_err(|error| Error::Address { reason: format!("{error}") })?;
        let place = place(&config);
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("journal-net").enable_all().build();
        let runtime = runtime.map_err(|error| Error::Server { place: place.clone(), message: error.to_string(), temporary: false })?;
        let shared = Arc::new(Shared {
            place,
            config,
            sharing,
            queue: Queue::new(options.queue),
            lease: OnceLock::new(),
            reader: Turn::default(),
            runtime: Mutex::new(Some(Arc::new(runtime))),
        });
        let thread = std::thread::Builder::new().name("journal".into()).spawn({
            let shared = Arc::clone(&shared);
            move || Writer::run(&shared, &options)
        });
        let writer = thread.map_err(|error| Error::Server { place: shared.place.clone(), message: error.to_string(), temporary: false })?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Waits until the database is usable.
    pub(super) fn opened(&self) -> Result<()> {
        self.shared.lease.wait().clone().map(drop)
    }

    fn read<T: Send + 'static>(&self, query: Query<T>) -> Reading<'_, T> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            shared.queue.caught_up().await;
            let place = shared.place.clone();
            shared
                .on_runtime(async move |shared| {
                    let client = shared.reader().await?;
                    query(&client).await.map_err(|error| Error::postgres(&place, &error))
                })
                .await
        })
    }
}

impl Shared {
    fn runtime(&self) -> Result<Arc<Runtime>> {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Error::Closed)
    }

    /// Runs where the connections are driven, whoever asks.
    async fn on_runtime<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let runtime = self.runtime()?;
        let work = work(self);
        runtime.spawn(async move {
            // The caller may have lost interest.
            let _ = answer.send(work.await);
        });
        drop(runtime);
        answered.await.unwrap_or(Err(Error::Closed))
    }

    /// The lease, once the database is open.
    async fn lease(self: &Arc<Self>) -> Result<Lease> {
        if let Some(lease) = self.lease.get() {
            return lease.clone();
        }
        let shared = Arc::clone(self);
        tokio::task::spawn_blocking(move || shared.lease.wait().clone()).await.unwrap_or(Err(Error::Closed))
    }

    async fn connect(&self) -> Result<Client> {
        let failed = |error| Error::postgres(&self.place, &error);
        let (client, connection) = self.config.connect(NoTls).await.map_err(failed)?;
        tokio::spawn(async move {
            // Whoever uses the client hears of it as well.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection of the journal broke");
            }
        });
        client.batch_execute(&format!("SET search_path = {}", schema::SCHEMA)).await.map_err(failed)?;
        Ok(client)
    }

    async fn reader(self: &Arc<Self>) -> Result<Arc<Client>> {
        self.lease().await?;
        let mut reader = self.reader.lock().await;
        if let Some(client) = reader.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.connect().await?);
        *reader = Some(Arc::clone(&client));
        Ok(client)
    }

    fn submit(&self, writes: Vec<Write>) -> Ticket {
        let (done, waiting) = oneshot::channel();
        self.queue.push(Submission { writes, done: Some(done) });
        Ticket::waiting(waiting)
    }

    fn flush(&self) -> Ticket {
        self.submit(Vec::new())
    }
}

/// `postgres://host:5432/database`, for people.
fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("postgres://{host}:{port}/{}", config.get_dbname().or(config.get_user()).unwrap_or_default())
}

/// A query as a boxed function of the client.
macro_rules! query {
    ($($captured:ident),*; $client:ident => $work:expr) => {
        Box::new(move |$client: &Client| {
            $(let $captured = $captured;)*
            Box::pin(async move { $work.await })
        })
    };
}

impl Backend for Postgres {
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
        let runtime = self.shared.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime.and_then(Arc::into_inner) {
            // Also from within another runtime, where nothing may wait.
            runtime.shutdown_background();
        }
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.shared.sharing.lease)
    }

    fn claim(&self) -> Reading<'_, Vec<Summary>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            shared.queue.caught_up().await;
            let work = async move |shared: Arc<Shared>| {
                let lease = shared.lease().await?;
                let mut client = shared.connect().await?;
                lease.claim(&mut client, &shared.place).await
            };
            shared.on_runtime(work).await
        })
    }

    fn adopt(&self, id: &str) -> Reading<'_, Option<String>> {
        let (shared, id) = (Arc::clone(&self.shared), id.to_owned());
        Box::pin(async move {
            shared.queue.caught_up().await;
            let work = async move |shared: Arc<Shared>| {
                let lease = shared.lease().await?;
                let mut client = shared.connect().await?;
                lease.adopt(&mut client, &id, &shared.place).await
            };
            shared.on_runtime(work).await
        })
    }

    fn records(&self, execution_id: &str) -> Reading<'_, Vec<Record>> {
        let id = execution_id.to_owned();
        self.read(query!(id; client => read::records(client, &id)))
    }

    fn execution(&self, id: &str) -> Reading<'_, Option<Summary>> {
        let id = id.to_owned();
        self.read(query!(id; client => read::execution(client, &id)))
    }

    fn unfinished(&self) -> Reading<'_, Vec<Summary>> {
        self.read(query!(; client => read::unfinished(client)))
    }

    fn executions(&self, filter: ExecutionFilter) -> Reading<'_, Vec<Summary>> {
        self.read(query!(filter; client => read::executions(client, &filter)))
    }

    fn count(&self, filter: ExecutionFilter) -> Reading<'_, u64> {
        self.read(query!(filter; client => read::count(client, &filter)))
    }

    fn flow(&self, namespace: &str, id: &str, revision: Option<u32>) -> Reading<'_, Option<FlowSource>> {
        let (namespace, id) = (namespace.to_owned(), id.to_owned());
        self.read(query!(namespace, id, revision; client => read::flow(client, &namespace, &id, revision)))
    }

    fn flows(&self) -> Reading<'_, Vec<FlowSource>> {
        self.read(query!(; client => read::flows(client)))
    }

    fn revisions(&self, namespace: &str, id: &str) -> Reading<'_, Vec<FlowSource>> {
        let (namespace, id) = (namespace.to_owned(), id.to_owned());
        self.read(query!(namespace, id; client => read::revisions(client, &namespace, &id)))
    }

    fn entry(&self, namespace: &str, key: &str) -> Reading<'_, Option<Entry>> {
        let (namespace, key) = (namespace.to_owned(), key.to_owned());
        self.read(query!(namespace, key; client => read::entry(client, &namespace, &key)))
    }

    fn entries(&self, namespace: &str) -> Reading<'_, Vec<Entry>> {
        let namespace = namespace.to_owned();
        self.read(query!(namespace; client => read::entries(client, &namespace)))
    }

    fn checkpoint(&self, key: &str) -> Reading<'_, Option<Vec<u8>>> {
        let key = key.to_owned();
        self.read(query!(key; client => read::checkpoint(client, &key)))
    }

    fn checkpoints(&self, prefix: &str) -> Reading<'_, Vec<(String, Vec<u8>)>> {
        let prefix = prefix.to_owned();
        self.read(query!(prefix; client => read::checkpoints(client, &prefix)))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(code = error.code(), %error, "the journal did not close");
        }
    }
}
