//! The engine: takes flows, runs executions.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use switchyard_expr::{Engine as Expressions, Overlay};
use switchyard_model::{Execution, ExecutionTrigger, InputType, JsonMap, Label, State, Violations, check::CheckBehavior, id};
use switchyard_plugin_api::{Error, PluginSet};
use switchyard_registry::Registry;
use switchyard_store::{
    journal::{self, Journal, Record, Write},
    logs::Logs,
    secrets::Secrets,
    storage::{self, Source, Storage, StorageUri},
    workdir::WorkDirs,
};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::{
    actor::{Actor, Message},
    config::SharedConfig,
    context,
    core::{Replayed, again, replay},
    flows::Flows,
    gate::Gates,
    keeper::Keeper,
    left::Left,
    listen::Listeners,
    load::Prepared,
    notice::Observer,
    recovery::Recovery,
    services::Services,
    vault::{self, Vault},
};

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
    pub logs: Logs,
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
    pub listeners: Listeners,
    running: Mutex<HashMap<Arc<str>, Handle>>,
    /// How many executions there are.
    count: watch::Sender<usize>,
}

/// A request to run a flow.
#[derive(Default)]
pub struct Submission {
    /// As given by the caller: texts, or JSON of the input's type.
    pub inputs: JsonMap,
    /// Files for FILE inputs, by input id; they are stored first.
    pub files: BTreeMap<String, PathBuf>,
    pub labels: Vec<Label>,
    /// Another one than a fresh one; an execution that has it already is not begun again.
    pub id: Option<Arc<str>>,
    pub revision: Option<u32>,
    pub trigger: Option<ExecutionTrigger>,
    /// The execution begins then.
    pub schedule_date: Option<Timestamp>,
    /// How many executions started each other before this one.
    pub depth: u32,
    /// The execution that this one tries again.
    pub original: Option<Original>,
}

/// The first execution of a chain of retries.
pub struct Original {
    pub id: Arc<str>,
    pub created: Timestamp,
    /// From 1; which try the new one is.
    pub attempt: u32,
}

/// Why a submission was not taken.
#[derive(Debug)]
pub enum Refused {
    Inputs(Violations),
    Error(Error),
}

/// A running execution.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    id: Arc<str>,
    messages: mpsc::UnboundedSender<Message>,
    done: watch::Receiver<Option<Arc<Execution>>>,
    /// The execution that took over (`CREATE_NEW_EXECUTION`).
    successor: OnceLock<Handle>,
    killed: AtomicBool,
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
            None if options.journal => Journal::start(&data, keeping),
            None => Journal::off(),
        };
        Ok(Self(Arc::new(Shared {
            registry,
            expr: Expressions::default(),
            observer,
            journal,
            logs: Logs::new(data.join("logs")),
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

    /// Begins an execution. It goes on without the handle. Boxed, because executions begin executions.
    pub fn submit(
        &self,
        flow: Arc<Prepared>,
        submission: Submission,
    ) -> Pin<Box<dyn Future<Output = Result<Handle, Refused>> + Send + '_>> {
        Box::pin(async move {
            if let Some(id) = &submission.id
                && let Some(handle) = self.known(id).await
            {
                return Ok(handle);
            }
            let now = Timestamp::now();
            let execution = self.execution(&flow, submission, now).await?;
            let failing = self.check(&flow, &execution)?;
            let id = Arc::clone(&execution.id);
            let logs = self.0.logs.execution(&id).map_err(|error| Refused::Error(Error::environment(error.code(), error.to_string())))?;
            let (messages, inbox) = mpsc::unbounded_channel();
            let mut actor = Actor::new(Arc::clone(&self.0), Arc::clone(&flow), execution, logs, messages.clone(), inbox);
            actor.failing = failing;
            let announced = actor.announce();
            if self.0.durable {
                // Whoever gets the id may rely on it.
                announced.await.map_err(|error| Refused::Error(Error::environment(error.code(), error.to_string())))?;
            }
            Ok(self.begin(id, flow, actor, messages))
        })
    }

    /// An execution that was begun before: one that runs, has ended, or was left by an earlier host and goes on now.
    pub async fn known(&self, id: &str) -> Option<Handle> {
        if let Some(handle) = self.find(id) {
            return Some(handle);
        }
        let summary = self.0.journal.execution(id).await.ok().flatten()?;
        if !summary.finished {
            return self.take_up(id).await.ok();
        }
        let document = serde_json::from_slice(&summary.document?).ok()?;
        Some(Handle::finished(document))
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
        let handle =
            Handle(Arc::new(Inner { id: Arc::clone(&id), messages, done, successor: OnceLock::new(), killed: AtomicBool::new(false) }));
        self.running().insert(Arc::clone(&id), handle.clone());
        self.0.count.send_modify(|count| *count += 1);
        let (engine, own) = (self.clone(), handle.clone());
        tokio::spawn(async move {
            let mut document = None;
            if actor.run().await {
                // Before its end is in the journal: a host that is gone by then makes the next one do it.
                engine.follow(&flow, &own, actor.execution(), actor.successor()).await;
                document = Some(Arc::new(actor.finish().await));
            }
            engine.running().remove(&id);
            // Nobody may be waiting.
            let _ = announce.send(document);
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
        crate::listen::heard(self, ended).await;
    }

    /// The flow's checks; the message of one that lets the execution fail. Spec 1.5.
    fn check(&self, flow: &Prepared, execution: &Execution) -> Result<Option<String>, Refused> {
        let definition = &flow.program.flow;
        let mut worst: Option<(CheckBehavior, String)> = None;
        for check in &definition.checks {
            let scope = context::of_execution(execution, &self.0.context);
            let vars = Json::Object((*definition.variables).clone());
            let services = Services::new(&self.0, &definition.namespace);
            let scope = Overlay::on(&scope).with("vars", &vars).with_host(&services);
            let unrendered = |error: &switchyard_expr::Error| Refused::Error(crate::task::unrendered(error));
            if self.0.expr.render_condition(&check.when, &scope).map_err(|error| unrendered(&error))? {
                continue;
            }
            let message = self.0.expr.render(&check.message, &scope).map_err(|error| unrendered(&error))?;
            tracing::warn!(flow = %format!("{}.{}", definition.namespace, definition.id), "a check failed: {message}");
            if worst.as_ref().is_none_or(|(behavior, _)| *behavior < check.behavior) {
                worst = Some((check.behavior, message));
            }
        }
        match worst {
            Some((CheckBehavior::BlockExecution, message)) => {
                let name = format!("{}.{}", definition.namespace, definition.id);
                Err(Refused::Error(Error::user("flow::check_failed", format!("a check of the flow {name} failed: {message}"))))
            }
            Some((CheckBehavior::FailExecution, message)) => Ok(Some(message)),
            _ => Ok(None),
        }
    }

    /// Goes on with everything that an earlier host left. What became of the attempts that were under way shows in the
    /// [report](Self::recovery).
    pub async fn recover(&self) -> Result<(), Error> {
        let failed = |error: journal::Error| Error::environment(error.code(), error.to_string());
        self.claim().await.map_err(failed)?;
        if let Some(lease) = self.0.journal.lease() {
            tokio::spawn(neighbours(Arc::downgrade(&self.0), lease));
        }
        Ok(())
    }

    /// Goes on with executions that no host runs.
    async fn claim(&self) -> Result<(), journal::Error> {
        for summary in self.0.journal.claim().await? {
            // One that waits for another may have taken it up already.
            if self.find(&summary.id).is_some() {
                self.0.recovery.change(|report| report.executions += 1);
                continue;
            }
            match self.take_up(&summary.id).await {
                Ok(_) => self.0.recovery.change(|report| report.executions += 1),
                Err(error) => {
                    tracing::error!(execution = %summary.id, flow = %summary.flow_id, code = %error.code, %error, "an execution cannot go on");
                    self.0.recovery.change(|report| report.held.push((summary.id, error.to_string())));
                }
            }
        }
        Ok(())
    }

    /// What became of the work that an earlier host left.
    pub fn recovery(&self) -> &Recovery {
        &self.0.recovery
    }

    async fn take_up(&self, id: &str) -> Result<Handle, Error> {
        let Left { flow, execution, events, records } = self.left(id).await?;
        let replayed = replay(Arc::clone(&flow.program), execution, events);
        self.go_on(flow, replayed, records)
    }

    /// Lets an execution run that the journal has.
    fn go_on(&self, flow: Arc<Prepared>, replayed: Replayed, records: u32) -> Result<Handle, Error> {
        let id = Arc::clone(&replayed.instance.execution().id);
        let logs = self.0.logs.execution(&id).map_err(|error| Error::environment(error.code(), error.to_string()))?;
        let (messages, inbox) = mpsc::unbounded_channel();
        self.0.recovery.change(|report| report.opening += 1);
        let actor = Actor::left(Arc::clone(&self.0), Arc::clone(&flow), replayed, records, logs, messages.clone(), inbox);
        Ok(self.begin(id, flow, actor, messages))
    }

    /// What the journal has of an execution.
    pub(crate) async fn left(&self, id: &str) -> Result<Left, Error> {
        let records = self.0.journal.load(id).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        Left::read(id, &records, &self.0.registry, &self.0.config)
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

    /// An execution as clients know it: as it ended, or as it is now.
    pub async fn document(&self, id: &str) -> Result<Json, Error> {
        if let Some(handle) = self.find(id)
            && let Some(document) = handle.document().await
        {
            return serde_json::to_value(document).map_err(|error| unreadable(id, &error));
        }
        let found = self.0.journal.execution(id).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        match found.ok_or_else(|| unknown(id))?.document {
            Some(document) => serde_json::from_slice(&document).map_err(|error| unreadable(id, &error)),
            None => {
                let Left { flow, execution, events, .. } = self.left(id).await?;
                let replayed = replay(Arc::clone(&flow.program), execution, events);
                serde_json::to_value(replayed.instance.execution()).map_err(|error| unreadable(id, &error))
            }
        }
    }

    /// Ends an execution, whoever began it.
    pub async fn kill(&self, id: &str) -> Result<Handle, Error> {
        let handle = self.reach(id).await?;
        handle.kill();
        Ok(handle)
    }

    /// Goes on with a paused execution; the inputs are those that its Pause task asks for.
    pub async fn resume(&self, id: &str, inputs: JsonMap) -> Result<Handle, Error> {
        let handle = self.reach(id).await?;
        match handle.resume(None, inputs).await {
            Ok(()) => Ok(handle),
            Err(Refused::Error(error)) => Err(error),
            Err(Refused::Inputs(violations)) => {
                Err(Error::user("execution::resume_inputs", violations.to_string()).with_help("give each with `-i NAME=VALUE`"))
            }
        }
    }

    /// Runs again what failed in an execution that is over, or what was killed.
    pub async fn restart(&self, id: &str) -> Result<Handle, Error> {
        self.over(id).await?;
        let Left { flow, execution, events, records, .. } = self.left(id).await?;
        let Some(kept) = again::restart(Arc::clone(&flow.program), execution.clone(), &events) else {
            return Err(Error::user("execution::nothing_failed", format!("nothing failed in the execution `{id}`"))
                .with_help("`switchyard executions replay` makes a new execution of it"));
        };
        let payload = serde_json::to_vec(&kept.events).unwrap_or_default();
        let record = Record { execution_id: id.to_owned(), seq: records, kind: "restart".into(), payload };
        let written = self.0.journal.append(record).await;
        written.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        let mut all: Vec<Option<_>> = events.into_iter().map(Some).collect();
        let events = kept.events.iter().filter_map(|place| all.get_mut(*place)?.take());
        let mut replayed = replay(Arc::clone(&flow.program), execution, events);
        replayed.pending.retain(|effect| !matches!(effect, crate::core::Effect::Start { run } if kept.again.contains(run)));
        let handle = self.go_on(flow, replayed, records + 1)?;
        for run in kept.again {
            let _ = handle.0.messages.send(Message::Event(crate::core::Event::Again { run }));
        }
        Ok(handle)
    }

    /// A new execution with the inputs of one that is over; with what that one did before a task run began.
    pub async fn replay(&self, id: &str, task_run: Option<&str>) -> Result<Handle, Error> {
        self.over(id).await?;
        let Left { flow, execution, events, .. } = self.left(id).await?;
        let kept = match task_run {
            None => Vec::new(),
            Some(wanted) => {
                let whole = replay(Arc::clone(&flow.program), execution.clone(), events.iter().cloned());
                let run = whole.instance.execution().task_run_list.iter().position(|run| &*run.id == wanted || &*run.task_id == wanted);
                run.and_then(|run| again::before(&events, run)).ok_or_else(|| {
                    Error::user("execution::unknown_task_run", format!("the execution `{id}` has no task run `{wanted}` that began"))
                        .with_help("`switchyard executions show` lists its task runs")
                })?
            }
        };
        let mut copy = Execution::new(
            new_id(),
            Arc::clone(&execution.namespace),
            Arc::clone(&execution.flow_id),
            execution.flow_revision,
            Timestamp::now(),
        );
        copy.inputs = Arc::clone(&execution.inputs);
        copy.labels = execution.labels.iter().filter(|label| &*label.key != "system.correlationId").cloned().collect();
        copy.labels.push(Label::new("system.correlationId", Arc::clone(&copy.id)));
        copy.trigger = execution.trigger.clone();
        copy.parent_id = Some(Arc::clone(&execution.id));
        copy.original_id = Arc::clone(&execution.original_id);
        let mut all: Vec<Option<_>> = events.into_iter().map(Some).collect();
        let events: Vec<_> = kept.iter().filter_map(|place| all.get_mut(*place)?.take()).collect();
        let mut writes = vec![Write::Record(Record {
            execution_id: copy.id.to_string(),
            seq: 0,
            kind: "created".into(),
            payload: serde_json::to_vec(&serde_json::json!({ "execution": copy, "flow": *flow.text })).unwrap_or_default(),
        })];
        for (seq, event) in (1..).zip(&events) {
            let payload = serde_json::to_vec(event).unwrap_or_default();
            writes.push(Write::Record(Record { execution_id: copy.id.to_string(), seq, kind: "event".into(), payload }));
        }
        let records = u32::try_from(writes.len()).unwrap_or(u32::MAX);
        let written = self.0.journal.commit(writes).await;
        written.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        let replayed = replay(Arc::clone(&flow.program), copy, events);
        self.go_on(flow, replayed, records)
    }

    /// Fails when an execution is unknown or not over.
    async fn over(&self, id: &str) -> Result<(), Error> {
        let summary = self.0.journal.execution(id).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        if summary.ok_or_else(|| unknown(id))?.finished && self.find(id).is_none() {
            return Ok(());
        }
        Err(Error::user("execution::not_over", format!("the execution `{id}` is not over"))
            .with_help("wait for its end, or kill it with `switchyard executions kill`"))
    }

    /// An execution that is not over; one that no host runs is taken up.
    async fn reach(&self, id: &str) -> Result<Handle, Error> {
        if let Some(handle) = self.find(id) {
            return Ok(handle);
        }
        let summary = self.0.journal.execution(id).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
        if summary.ok_or_else(|| unknown(id))?.finished {
            return Err(over(id));
        }
        self.take_up(id).await
    }

    /// An execution that runs now.
    pub fn find(&self, id: &str) -> Option<Handle> {
        self.running().get(id).cloned()
    }

    /// Leaves everything that runs to the next host. Runners that can find their work again let it go on.
    pub async fn detach(&self) {
        let all: Vec<Handle> = self.running().values().cloned().collect();
        for handle in &all {
            // One that has just ended needs no word.
            let _ = handle.0.messages.send(Message::Detach);
        }
        for handle in all {
            handle.left().await;
        }
    }

    /// A new execution with its inputs resolved.
    pub(crate) async fn execution(&self, flow: &Prepared, mut submission: Submission, now: Timestamp) -> Result<Execution, Refused> {
        let definition = &flow.program.flow;
        if definition.disabled {
            let message = format!("the flow {}.{} is disabled", definition.namespace, definition.id);
            return Err(Refused::Error(Error::user("flow::disabled", message).with_help("remove `disabled: true` from the flow")));
        }
        let id = submission.id.take().unwrap_or_else(new_id);
        let revision = submission.revision.unwrap_or(1);
        let mut execution = Execution::new(id, Arc::clone(&definition.namespace), Arc::clone(&definition.id), revision, now);
        execution.trigger = submission.trigger.take();
        execution.schedule_date = submission.schedule_date;
        execution.metadata.depth = submission.depth;
        if let Some(original) = submission.original.take() {
            execution.original_id = original.id;
            execution.metadata.attempt_number = original.attempt;
            execution.metadata.original_created_date = original.created;
        }
        for (name, path) in std::mem::take(&mut submission.files) {
            let uri = self.store_input(&execution, &name, &path).await.map_err(Refused::Error)?;
            submission.inputs.insert(name, Json::String(uri));
        }
        let services = Services::new(&self.0, &execution.namespace);
        // A namespace file is a stored file by another name.
        for input in definition.inputs.iter().filter(|input| input.kind == InputType::File) {
            let given = submission.inputs.get(&*input.id).cloned().or_else(|| input.defaults.as_ref().map(switchyard_model::Node::to_json));
            if let Some(path) = given.as_ref().and_then(|given| given.as_str()?.strip_prefix("nsfile://")) {
                let uri = switchyard_expr::Host::file_uri(&services, path, None)
                    .map_err(|error| Refused::Error(Error::user("namespace::path", error.to_string())))?;
                submission.inputs.insert(input.id.to_string(), Json::String(uri));
            }
        }
        let (expr, shared) = (&self.0.expr, &self.0.context);
        let evaluate = |template: &str, known: &JsonMap| {
            let mut scope = Overlay::on(&**shared).with_host(&services);
            for (name, value) in known {
                scope = scope.with(name, value);
            }
            expr.render_typed(template, &scope).map_err(|error| error.to_string())
        };
        let inputs = switchyard_model::input::resolve(&definition.inputs, &submission.inputs, &evaluate).map_err(Refused::Inputs)?;
        let mut inputs = inputs;
        for input in definition.inputs.iter().filter(|input| input.kind == InputType::Secret) {
            self.seal(&mut inputs, &input.id).map_err(Refused::Error)?;
        }
        execution.inputs = Arc::new(inputs);
        execution.labels = definition.labels.iter().filter(|label| !label.is_system()).cloned().collect();
        for label in submission.labels {
            execution.labels.retain(|known| known.key != label.key);
            execution.labels.push(label);
        }
        if !execution.labels.iter().any(|label| &*label.key == CORRELATION) {
            execution.labels.push(Label::new(CORRELATION, Arc::clone(&execution.id)));
        }
        Ok(execution)
    }

    /// Encrypts a SECRET input; a dot in its id is a level.
    fn seal(&self, inputs: &mut JsonMap, id: &str) -> Result<(), Error> {
        let mut at = inputs;
        let (above, name) = id.rsplit_once('.').map_or((None, id), |(above, name)| (Some(above), name));
        for level in above.into_iter().flat_map(|above| above.split('.')) {
            let Some(Json::Object(below)) = at.get_mut(level) else { return Ok(()) };
            at = below;
        }
        let Some(Json::String(plain)) = at.get(name) else { return Ok(()) };
        let Some(vault) = &self.0.vault else { return Err(vault::not_configured(&format!("the SECRET input `{id}`"))) };
        let sealed = vault.seal(plain)?;
        at.insert(name.to_owned(), sealed);
        Ok(())
    }

    /// Copies the files of a folder into a namespace; answers how many.
    pub async fn add_namespace_files(&self, namespace: &str, folder: &std::path::Path) -> Result<usize, Error> {
        let files = switchyard_store::namespace_files::NamespaceFiles::new(self.0.storage.clone());
        files.add_folder(namespace, folder).await.map_err(|error| Error::user(error.code(), error.to_string()))
    }

    async fn store_input(&self, execution: &Execution, input: &str, path: &std::path::Path) -> Result<String, Error> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(input);
        let failed = |error: storage::Error| {
            Error::user("input::file", format!("the file {} for the input `{input}` cannot be stored: {error}", path.display()))
                .with_help("check the path after `@`")
        };
        let uri = StorageUri::input_file(&execution.namespace, &execution.flow_id, &execution.id, input, name).map_err(failed)?;
        self.0.storage.put_file(&uri, path, Source::Copy).await.map_err(failed)?;
        Ok(uri.to_string())
    }

    /// Writes everything and closes the journal.
    pub async fn close(&self) {
        self.stop().await;
        let journal = self.0.journal.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || journal.close()).await {
            tracing::error!(%error, "the journal was not closed");
        }
    }

    /// Makes everything durable that was announced.
    pub async fn stop(&self) {
        if let Err(error) = self.0.journal.flush().await {
            tracing::error!(%error, "the journal lost its last writes");
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Shared {
    /// An execution that runs here.
    pub fn running(&self, execution: &str) -> Option<Handle> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).get(execution).cloned()
    }

    /// Gives an event to an execution that runs here; `false` when it does not.
    pub fn tell(&self, execution: &str, event: crate::core::Event) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(execution).is_some_and(|handle| handle.0.messages.send(Message::Event(event)).is_ok())
    }
}

impl Handle {
    /// Of an execution that is over.
    fn finished(document: Execution) -> Self {
        let (messages, _) = mpsc::unbounded_channel();
        let id = Arc::clone(&document.id);
        let done = watch::channel(Some(Arc::new(document))).1;
        Self(Arc::new(Inner { id, messages, done, successor: OnceLock::new(), killed: AtomicBool::new(false) }))
    }

    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Asks everything to end, the executions that it started too. The execution ends as KILLED once it has.
    pub fn kill(&self) {
        self.kill_with(true);
    }

    /// With `cascade: false` the executions that it started go on.
    pub fn kill_with(&self, cascade: bool) {
        self.0.killed.store(true, Ordering::SeqCst);
        // An execution that is over needs no kill.
        let _ = self.0.messages.send(Message::Kill { cascade });
        if let Some(successor) = self.0.successor.get() {
            successor.kill_with(cascade);
        }
    }

    /// Lets a paused task go on: the one that is named by its id or its run's, or the first one.
    pub async fn resume(&self, task_run: Option<String>, inputs: JsonMap) -> Result<(), Refused> {
        if let Some(successor) = self.0.successor.get() {
            return Box::pin(successor.resume(task_run, inputs)).await;
        }
        let (answer, answered) = oneshot::channel();
        let over = || Refused::Error(over(&self.0.id));
        self.0.messages.send(Message::Resume { task_run, inputs, answer }).map_err(|_| over())?;
        answered.await.unwrap_or_else(|_| Err(over()))
    }

    /// Begins a queued execution without regard to the limit of its flow.
    pub fn force(&self) {
        // One that is over is not queued.
        let _ = self.0.messages.send(Message::Force);
    }

    /// The finished execution; when another one took over, that one.
    pub async fn wait(&self) -> Arc<Execution> {
        let mut here = self.clone();
        loop {
            let document = here.left().await;
            match (here.0.successor.get().cloned(), document) {
                (Some(successor), _) => here = successor,
                (None, Some(document)) => return document,
                (None, None) => {
                    let mut lost = Execution::new(Arc::clone(&here.0.id), "", "", 0, Timestamp::now());
                    lost.state.push(State::Failed, Timestamp::now());
                    return Arc::new(lost);
                }
            }
        }
    }

    /// As it is now; `None` when it has just ended.
    pub async fn document(&self) -> Option<Execution> {
        let (answer, answered) = oneshot::channel();
        self.0.messages.send(Message::Document { answer }).ok()?;
        answered.await.ok()
    }

    /// Resolves when it has ended, or is left to another host: then `None`.
    pub async fn left(&self) -> Option<Arc<Execution>> {
        let mut done = self.0.done.clone();
        loop {
            if let Some(document) = &*done.borrow_and_update() {
                return Some(Arc::clone(document));
            }
            if done.changed().await.is_err() {
                return done.borrow().clone();
            }
        }
    }
}

fn unknown(id: &str) -> Error {
    Error::user("execution::unknown", format!("there is no execution `{id}`")).with_help("`switchyard executions list` shows what there is")
}

fn over(id: &str) -> Error {
    Error::user("execution::over", format!("the execution `{id}` is over"))
        .with_help("`switchyard executions restart` runs what failed in it again, `replay` makes a new one of it")
}

fn unreadable(id: &str, error: &serde_json::Error) -> Error {
    Error::new(
        switchyard_plugin_api::ErrorKind::Internal,
        "journal::record",
        format!("the document of the execution `{id}` is damaged: {error}"),
    )
}

/// Looks, as long as the engine is there, for what hosts leave that share the journal.
async fn neighbours(shared: Weak<Shared>, lease: Duration) {
    let mut pulse = tokio::time::interval(lease / 3);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pulse.tick().await;
        let Some(engine) = shared.upgrade().map(Engine) else { return };
        match engine.claim().await {
            Ok(()) => {}
            // What runs here runs elsewhere as well from now on.
            Err(error @ journal::Error::Fenced { .. }) => {
                tracing::error!(code = error.code(), %error, "this host leaves everything to others");
                return engine.detach().await;
            }
            Err(error) => tracing::warn!(code = error.code(), %error, "executions of other hosts cannot be looked for"),
        }
    }
}

/// A fresh execution id.
fn new_id() -> Arc<str> {
    id::from_random(crate::random::bytes())
}
