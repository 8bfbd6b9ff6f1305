//! The engine: takes flows, runs executions.

mod claim;
mod control;
mod elsewhere;
mod handle;
mod submission;

use std::{
    collections::{HashMap, hash_map::Entry},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value as Json};
use switchyard_expr::Engine as Expressions;
use switchyard_model::Execution;
use switchyard_plugin_api::{Error, PluginSet};
use switchyard_registry::Registry;
use switchyard_store::{
    journal::{self, Journal},
    logs::Logs,
    secrets::Secrets,
    storage::Storage,
    workdir::WorkDirs,
};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::{
    actor::{Actor, Message},
    config::SharedConfig,
    context,
    flows::Flows,
    gate::{Gates, Places},
    instance,
    keeper::Keeper,
    listen::Listeners,
    load::Prepared,
    log_parts,
    memory::Memory,
    notice::Observer,
    recovery::Recovery,
    vault::Vault,
};

pub use claim::stored_document;
pub(crate) use control::RESTARTED;
pub use handle::Handle;
pub use submission::{Original, Refused, Submission};

/// The id of the first execution of a chain; spec 1.6.
pub(crate) const CORRELATION: &str = "system.correlationId";

/// How an engine runs.
pub struct Options {
    /// Logs, internal storage and the journal are below it.
    pub data_dir: PathBuf,
    /// Working directories of tasks are below it. Several hosts may share it.
    pub work_dir: PathBuf,
    /// `false` measures what the journal costs; nothing is recovered then.
    pub journal: bool,
    /// Another host will go on with what this one leaves: nothing begins before the journal knows of it, and nothing is removed before
    /// the journal knows of its end.
    pub durable: bool,
    /// Holds the processes of a durable host.
    pub keeper: Option<Keeper>,
    /// How long a full or locked disk is waited for before the journal gives up.
    pub patience: Duration,
    /// Local processes and containers at a time, over all executions.
    pub slots: usize,
    /// How long a killed task may take to end by itself.
    pub grace: Duration,
    pub config: SharedConfig,
    pub secrets: Arc<Secrets>,
}

/// Runs executions. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

pub(crate) struct Shared {
    pub registry: Registry,
    pub config: SharedConfig,
    pub expr: Expressions,
    pub observer: Arc<dyn Observer>,
    pub journal: Journal,
    /// Names the journal on other systems.
    pub instance: String,
    pub logs: Logs,
    /// This host's name for the [parts of logs](crate::log_parts) that it leaves for others; absent when nobody could find them.
    pub leaves_logs: Option<String>,
    pub storage: Storage,
    pub work_dirs: WorkDirs,
    pub durable: bool,
    pub keeper: Option<Keeper>,
    pub recovery: Recovery,
    pub slots: Arc<Semaphore>,
    pub grace: Duration,
    pub secrets: Arc<Secrets>,
    pub context: Arc<Map<String, Json>>,
    /// Absent when no key is configured and the journal is kept.
    pub vault: Option<Vault>,
    pub flows: Flows,
    pub gates: Gates,
    /// Where executions of all hosts count, when several share the journal.
    pub places: Option<Places>,
    pub listeners: Listeners,
    pub memory: Memory,
    /// Executions are changed in the journal only; another host goes on with them.
    pub holding: AtomicBool,
    /// Another host has taken over what this one ran.
    fenced: watch::Sender<bool>,
    running: Mutex<HashMap<Arc<str>, Handle>>,
    /// How many executions there are.
    count: watch::Sender<usize>,
}

/// Components that are compiled into the host.
/// With a keeper, processes outlive the host.
pub fn built_in(keeper: Option<Keeper>) -> PluginSet {
    PluginSet::new("core", env!("CARGO_PKG_VERSION")).runner(crate::process::ProcessRunner { keeper })
}

impl Engine {
    /// Opens the stores.
    pub fn start(options: Options, registry: Registry, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let data = &options.data_dir;
        std::fs::create_dir_all(data).map_err(|error| {
            Error::environment("store::data_dir", format!("the data directory {} cannot be made: {error}", data.display()))
                .with_help("choose another one with --data-dir or SWITCHYARD_DATA_DIR")
        })?;
        let vault = match &options.config.encryption_key {
            Some(key) => Some(Vault::new(key)?),
            // Nothing outlives the process, so its key need not either.
            None if !options.journal => Some(Vault::ephemeral()?),
            None => None,
        };
        let data = data.canonicalize().unwrap_or_else(|_| data.clone());
        let keeping = journal::Options { patience: options.patience, ..journal::Options::default() };
        let journal = match &options.config.journal {
            Some(shared) => shared.connect(keeping)?,
            // One that is there may be damaged; a new one is made beside other work.
            None if options.journal && data.join("journal.db").exists() => {
                Journal::open(&data, keeping).map_err(|error| Error::environment(error.code(), error.to_string()))?
            }
            None if options.journal => Journal::start(&data, keeping),
            None => Journal::off(),
        };
        let memory = Memory::new(journal.clone());
        let instance = match &options.config.journal {
            Some(shared) => shared.instance(),
            None if options.journal => instance::of_directory(&data).unwrap_or_else(|error| {
                tracing::warn!(%error, "this host cannot keep its id: what it leaves on other systems is not found by it");
                instance::passing()
            }),
            None => instance::passing(),
        };
        Ok(Self(Arc::new(Shared {
            places: journal.is_shared().then(|| Places::new(memory.clone(), journal.clone())),
            memory,
            holding: AtomicBool::new(false),
            fenced: watch::Sender::new(false),
            registry,
            expr: Expressions::default(),
            observer,
            journal,
            instance,
            logs: Logs::new(data.join("logs")),
            leaves_logs: (options.config.journal.is_some() && options.config.storage.is_some())
                .then(|| instance::of_directory(&data).ok())
                .flatten(),
            storage: match &options.config.storage {
                Some(place) => place.open().map_err(|error| Error::user(error.code(), error.to_string()))?,
                None => Storage::local(data.join("storage")),
            },
            vault,
            work_dirs: WorkDirs::new(std::path::absolute(&options.work_dir).unwrap_or(options.work_dir)),
            durable: options.durable,
            keeper: options.keeper,
            recovery: Recovery::default(),
            slots: Arc::new(Semaphore::new(options.slots.clamp(1, Semaphore::MAX_PERMITS))),
            grace: options.grace,
            secrets: options.secrets,
            context: context::shared(options.config.globals.clone()),
            config: options.config,
            flows: Flows::default(),
            gates: Gates::default(),
            listeners: Listeners::default(),
            running: Mutex::default(),
            count: watch::Sender::new(0),
        })))
    }

    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn of(shared: &Arc<Shared>) -> Self {
        Self(Arc::clone(shared))
    }

    /// The flows that others call.
    pub fn flows(&self) -> &Flows {
        &self.0.flows
    }

    /// Every execution that is going on.
    pub fn all(&self) -> Vec<Handle> {
        self.running().values().cloned().collect()
    }

    /// Resolves when no execution is going on.
    pub async fn idle(&self) {
        let mut count = self.0.count.subscribe();
        // The sender lives in the engine.
        let _ = count.wait_for(|count| *count == 0).await;
    }

    /// Lets an execution run.
    fn begin(&self, id: Arc<str>, flow: Arc<Prepared>, mut actor: Actor, messages: mpsc::UnboundedSender<Message>) -> Handle {
        let (announce, done) = watch::channel(None);
        let handle = Handle::with(Arc::clone(&id), messages, done);
        match self.running().entry(Arc::clone(&id)) {
            // Two that look for it at the same time take it up once.
            Entry::Occupied(there) => return there.get().clone(),
            Entry::Vacant(place) => place.insert(handle.clone()),
        };
        if actor.is_left() {
            self.0.recovery.change(|report| report.opening += 1);
        }
        self.0.count.send_modify(|count| *count += 1);
        let (engine, own) = (self.clone(), handle.clone());
        tokio::spawn(async move {
            let mut document = None;
            if actor.run().await {
                // Before its end is in the journal: a host that is gone by then makes the next one do it.
                engine.follow(&flow, &own, actor.execution(), actor.successor()).await;
                document = actor.finish().await.map(Arc::new);
            }
            engine.running().remove(&id);
            // Nobody may be waiting.
            let _ = announce.send(document);
            log_parts::leave(&engine.0, &id).await;
            engine.0.count.send_modify(|count| *count -= 1);
        });
        handle
    }

    /// What follows from an execution's end: another try, flows that listen.
    async fn follow(&self, flow: &Arc<Prepared>, handle: &Handle, ended: &Execution, successor: Option<Submission>) {
        if let Some(submission) = successor {
            match self.submit(Arc::clone(flow), submission).await {
                Ok(next) => {
                    // Nobody else sets it.
                    let _ = handle.0.successor.set(next);
                    if handle.0.killed.load(Ordering::SeqCst) {
                        handle.kill();
                    }
                }
                Err(refused) => tracing::error!(execution = %ended.id, ?refused, "the execution that tries again was refused"),
            }
        }
        crate::listen::stop_after(self, &flow.program.flow, ended).await;
        crate::listen::heard(self, ended).await;
    }

    /// What became of the work that an earlier host left.
    pub fn recovery(&self) -> &Recovery {
        &self.0.recovery
    }

    /// Executions that run now.
    fn running(&self) -> MutexGuard<'_, HashMap<Arc<str>, Handle>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many executions run now.
    pub fn count(&self) -> usize {
        self.running().len()
    }

    /// How many processes outlive this host.
    pub fn processes(&self) -> usize {
        self.0.keeper.as_ref().map_or(0, Keeper::count)
    }

    pub fn config(&self) -> &crate::Config {
        &self.0.config
    }

    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The log of an execution.
    pub fn logs(&self, id: &str) -> Result<switchyard_store::logs::ExecutionLog, Error> {
        self.0.logs.execution(id).map_err(|error| Error::user(error.code(), error.to_string()))
    }

    /// An execution that runs now.
    pub fn find(&self, id: &str) -> Option<Handle> {
        self.running().get(id).cloned()
    }

    /// Leaves everything that runs to the next host. Runners that can find their work again let it go on.
    pub async fn detach(&self) {
        self.leave(|| Message::Detach).await;
    }

    /// Changes executions in the journal only: nothing of them runs here, another host goes on.
    pub fn hold(&self) {
        self.0.holding.store(true, Ordering::Relaxed);
    }

    /// Resolves when another host has taken over what this one ran, and all of it has been stopped here.
    pub async fn fenced(&self) {
        let mut fenced = self.0.fenced.subscribe();
        // The sender lives in the engine.
        let _ = fenced.wait_for(|fenced| *fenced).await;
    }

    async fn leave(&self, word: impl Fn() -> Message) {
        let all: Vec<Handle> = self.running().values().cloned().collect();
        for handle in &all {
            handle.tell(word());
        }
        for handle in all {
            handle.left().await;
        }
    }

    /// Writes everything and closes the journal.
    pub async fn close(&self) {
        if self.0.journal.stalled().borrow().is_none() {
            self.stop().await;
        }
        let journal = self.0.journal.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || journal.close()).await {
            tracing::error!(%error, "the journal was not closed");
        }
    }

    /// Makes everything durable that was announced.
    pub async fn stop(&self) {
        if let Err(error) = self.0.journal.flush().await {
            tracing::error!(code = error.code(), %error, "the journal lost its last writes");
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}
