//! The thin shell around the pure core: one task per execution that performs effects and feeds events back.

mod calls;
mod entry;
mod promise;
mod resume;

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use switchyard_model::{Execution, JsonMap, Level, State, TaskKind};
use switchyard_plugin_api::{CancelReason, Error};
use switchyard_store::{
    journal::{Record, Summary, Ticket, Write},
    logs::ExecutionLog,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    attempt::{Attempt, Cancel, Left, Leftovers, LogFile, TaskLog, directory_id},
    context::{Fixed, RunScope},
    core::{Ask, Decision, Effect, Event, Instance, Replayed, RunIx, TaskEnd, TimerKind},
    engine::{Original, Refused, Shared, Submission},
    gate::Pass,
    load::{Prepared, Work},
    loops,
    notice::{Notice, TaskTag},
    script::{Preparation, prepare, task_ref},
    services::Services,
    task::{Done, Job, Rendering, decide, duration, job::Site, templated},
    working_directory::{self, About},
};

/// What reaches an execution from outside.
pub enum Message {
    Event(Event),
    /// An attempt wants to begin, once that is durable.
    Started {
        run: RunIx,
        durable: oneshot::Sender<()>,
    },
    /// An attempt came to its end.
    Ended {
        run: RunIx,
        end: TaskEnd,
        leftovers: Leftovers,
    },
    /// An attempt goes on without the host, or never began.
    Detached {
        run: RunIx,
    },
    /// The host goes; another one goes on.
    Detach,
    /// Somebody wants to see the execution as it is.
    Document {
        answer: oneshot::Sender<Execution>,
    },
    /// With `cascade: false` the executions that it started go on.
    Kill {
        cascade: bool,
    },
    /// A queued execution begins whatever the limit says.
    Force,
    /// A paused task goes on: the one that is named, or the first one.
    Resume {
        task_run: Option<String>,
        inputs: JsonMap,
        answer: oneshot::Sender<Result<(), Refused>>,
    },
    /// The batches of a ForEachItem are there.
    Batches {
        run: RunIx,
        uris: Result<Vec<String>, Error>,
    },
}

/// What waits for the writes before it to be durable.
enum After {
    Begin(oneshot::Sender<()>),
    Leave(Leftovers),
}

/// An attempt in the hands of a runner, or of the host itself.
struct Running {
    cancel: Cancel,
    /// Whether it can go on without the host.
    outlives: bool,
}

/// One execution being run.
pub struct Actor {
    shared: Arc<Shared>,
    flow: Arc<Prepared>,
    logs: ExecutionLog,
    instance: Instance,
    services: Arc<Services>,
    fixed: Fixed,
    outbox: mpsc::UnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
    /// Attempts in the hands of runners.
    running: HashMap<RunIx, Running>,
    writes: Vec<Write>,
    after: Vec<After>,
    records: u32,
    /// An earlier host began it.
    left: bool,
    /// What that host left to be done.
    pending: Vec<Effect>,
    /// The host goes.
    leaving: bool,
    /// Whether a kill reaches the executions that this one started.
    cascade: Arc<AtomicBool>,
    /// Counts against the limit of the flow.
    pass: Option<Pass>,
    /// A promise was broken; others do not count any more.
    violation: Arc<AtomicBool>,
    /// A check of the flow lets the execution fail with this message.
    pub(crate) failing: Option<String>,
}

impl Actor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        flow: Arc<Prepared>,
        execution: Execution,
        logs: ExecutionLog,
        outbox: mpsc::UnboundedSender<Message>,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        let services = Arc::new(Services::new(&shared, &execution.namespace));
        let instance = Instance::new(Arc::clone(&flow.program), execution);
        Self::with(shared, flow, instance, services, logs, outbox, inbox)
    }

    /// An execution that an earlier host left. `records`: how many the journal has.
    pub(crate) fn left(
        shared: Arc<Shared>,
        flow: Arc<Prepared>,
        replayed: Replayed,
        records: u32,
        logs: ExecutionLog,
        outbox: mpsc::UnboundedSender<Message>,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        let services = Arc::new(Services::new(&shared, &replayed.instance.execution().namespace));
        // Which ones its expressions have seen is not known any more.
        shared.secrets.values().for_each(|secret| services.conceal(secret));
        let actor = Self::with(shared, flow, replayed.instance, services, logs, outbox, inbox);
        Self { records, left: true, pending: replayed.pending, ..actor }
    }

    fn with(
        shared: Arc<Shared>,
        flow: Arc<Prepared>,
        instance: Instance,
        services: Arc<Services>,
        logs: ExecutionLog,
        outbox: mpsc::UnboundedSender<Message>,
        inbox: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        let fixed = Fixed::new(&instance, &shared, &services);
        Self {
            shared,
            flow,
            logs,
            instance,
            services,
            fixed,
            outbox,
            inbox,
            running: HashMap::new(),
            writes: Vec::new(),
            after: Vec::new(),
            records: 0,
            left: false,
            pending: Vec::new(),
            leaving: false,
            cascade: Arc::new(AtomicBool::new(true)),
            pass: None,
            violation: Arc::default(),
            failing: None,
        }
    }

    /// Runs to the end. `false`: the host goes before that, and another one goes on.
    pub async fn run(&mut self) -> bool {
        if self.left {
            self.summarize(false);
        }
        let state = self.instance.execution().state.current();
        if state.is_created() || state == State::Queued {
            self.enter().await;
        } else {
            self.count(State::Running);
            self.take_up();
        }
        if self.left {
            self.shared.recovery.change(|report| report.opening -= 1);
        }
        self.write();
        while !self.instance.is_complete() {
            if self.leaving && self.running.is_empty() {
                // What waits for time or for people waits in the journal.
                return false;
            }
            let Some(message) = self.inbox.recv().await else { return false };
            self.take(message);
            // Whatever else has arrived shares one write to the journal.
            while !self.instance.is_complete()
                && let Ok(message) = self.inbox.try_recv()
            {
                self.take(message);
            }
            self.write();
        }
        self.pass = None;
        true
    }

    pub fn execution(&self) -> &Execution {
        self.instance.execution()
    }

    /// The end, in the journal.
    pub async fn finish(mut self) -> Execution {
        self.summarize(true);
        let ticket = self.shared.journal.commit(std::mem::take(&mut self.writes));
        if let Err(error) = ticket.await {
            tracing::error!(execution = %self.instance.execution().id, %error, "the journal could not keep the end of an execution");
        } else if self.shared.durable {
            self.remove_directories();
        }
        self.logs.end();
        self.instance.execution().clone()
    }

    /// The execution that tries again: the same inputs, labels and trigger.
    pub fn successor(&self) -> Option<Submission> {
        let at = self.instance.successor()?;
        let execution = self.instance.execution();
        let attempt = execution.metadata.attempt_number + 1;
        // They are sealed again, in the new execution.
        let inputs = serde_json::Value::Object((*execution.inputs).clone());
        let inputs = match &self.shared.vault {
            Some(vault) => crate::vault::opened(Some(vault), &inputs, &|secret| self.services.conceal(secret)),
            None => inputs,
        };
        Some(Submission {
            inputs: inputs.as_object().cloned().unwrap_or_default(),
            labels: execution.labels.clone(),
            id: Some(crate::core::derived_id(&execution.original_id, u64::from(attempt))),
            revision: Some(execution.flow_revision),
            trigger: execution.trigger.clone(),
            schedule_date: Some(at),
            depth: execution.metadata.depth,
            original: Some(Original { id: Arc::clone(&execution.original_id), created: execution.metadata.original_created_date, attempt }),
            ..Submission::default()
        })
    }

    /// Goes on where an earlier host stopped.
    fn take_up(&mut self) {
        let now = Timestamp::now();
        let mut events = VecDeque::new();
        for effect in std::mem::take(&mut self.pending) {
            self.perform(effect, now, &mut events);
        }
        self.apply_all(events);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(event) => {
                if let Event::Timer { run, kind: TimerKind::Timeout } = event
                    && !self.instance.task_run(run).state.current().is_terminal()
                {
                    self.log(run).message(Level::Error, "the task took longer than its `timeout`");
                }
                self.apply(event);
            }
            Message::Kill { cascade } => {
                if !cascade {
                    self.cascade.store(false, Ordering::Relaxed);
                }
                self.apply(Event::Kill);
            }
            Message::Force => {}
            Message::Resume { task_run, inputs, answer } => self.resume(task_run.as_deref(), inputs, answer),
            Message::Batches { run, uris } => self.call_batches(run, uris),
            Message::Started { run, durable } => {
                if self.leaving {
                    self.running.remove(&run);
                    return;
                }
                self.apply(Event::Started { run });
                self.after.push(After::Begin(durable));
            }
            Message::Ended { run, end, leftovers } => {
                let discarded = self.leaving && self.running.get(&run).is_none_or(|running| !running.outlives);
                self.running.remove(&run);
                if discarded {
                    return;
                }
                if let Some(key) = &leftovers.key {
                    self.writes.push(Write::RemoveCheckpoint { key: key.clone() });
                }
                self.apply(Event::Ended { run, end });
                if self.shared.durable {
                    self.after.push(After::Leave(leftovers));
                }
            }
            Message::Detached { run } => {
                self.running.remove(&run);
            }
            Message::Document { answer } => {
                let _ = answer.send(self.instance.execution().clone());
            }
            Message::Detach => {
                self.leaving = true;
                for running in self.running.values() {
                    let reason = if running.outlives { CancelReason::Detach } else { CancelReason::Kill };
                    running.cancel.request(reason, self.shared.grace);
                }
            }
        }
    }

    /// The shared directories of WorkingDirectory tasks.
    fn remove_directories(&self) {
        for (run, document) in self.instance.execution().task_run_list.iter().enumerate() {
            let task = &self.instance.program().def(self.instance.task_of(run)).task;
            if matches!(task.kind, TaskKind::WorkingDirectory(_))
                && let Ok(directory) = self.shared.work_dirs.at(&directory_id(document, 0))
                && directory.path().exists()
            {
                working_directory::remove(&directory);
            }
        }
    }

    /// The first record: everything needed to begin again from nothing.
    pub(crate) fn announce(&mut self) -> Ticket {
        let execution = self.instance.execution();
        let payload = serde_json::to_vec(&serde_json::json!({ "execution": execution, "flow": *self.flow.text }));
        let record = Record {
            execution_id: execution.id.to_string(),
            seq: self.records,
            kind: "created".into(),
            payload: payload.unwrap_or_default(),
        };
        self.records += 1;
        self.writes.push(Write::Record(record));
        self.summarize(false);
        self.notify_execution(State::Created, self.instance.execution().state.start_date());
        self.shared.journal.commit(std::mem::take(&mut self.writes))
    }

    fn summarize(&mut self, finished: bool) {
        let execution = self.instance.execution();
        self.writes.push(Write::Summary(Summary {
            id: execution.id.to_string(),
            namespace: execution.namespace.to_string(),
            flow_id: execution.flow_id.to_string(),
            state: execution.state.current().name().to_owned(),
            finished,
            created: execution.state.start_date().as_millisecond(),
            updated: Timestamp::now().as_millisecond(),
            document: finished.then(|| serde_json::to_vec(execution).unwrap_or_default()),
        }));
    }

    fn write(&mut self) {
        let writes = std::mem::take(&mut self.writes);
        if self.after.is_empty() {
            if !writes.is_empty() {
                self.shared.journal.commit_detached(writes);
            }
            return;
        }
        let (after, shared) = (std::mem::take(&mut self.after), Arc::clone(&self.shared));
        let ticket = shared.journal.commit(writes);
        tokio::spawn(async move {
            // Whoever waits to begin learns of a failure by the channel that closes; the journal says it aloud.
            if ticket.await.is_ok() {
                settle(after, &shared);
            }
        });
    }

    /// Applies an event and all that follows from it at once.
    fn apply(&mut self, event: Event) {
        self.apply_all(VecDeque::from([event]));
    }

    fn apply_all(&mut self, mut events: VecDeque<Event>) {
        while let Some(event) = events.pop_front() {
            let now = Timestamp::now();
            self.record(now, &event);
            for effect in self.instance.apply(now, event) {
                self.perform(effect, now, &mut events);
            }
            if events.is_empty()
                && let Some(broken) = self.broken_promise()
            {
                events.push_back(broken);
            }
        }
    }

    fn record(&mut self, now: Timestamp, event: &Event) {
        let execution_id = self.instance.execution().id.to_string();
        match serde_json::to_vec(&(now, event)) {
            Ok(payload) => {
                self.writes.push(Write::Record(Record { execution_id, seq: self.records, kind: "event".into(), payload }));
                self.records += 1;
            }
            Err(error) => tracing::error!(execution = %execution_id, %error, "an event cannot be written as JSON"),
        }
    }

    fn perform(&mut self, effect: Effect, now: Timestamp, events: &mut VecDeque<Event>) {
        match effect {
            // The next host finds it asked for and not answered.
            Effect::Start { .. } | Effect::Ask { .. } | Effect::Timer { .. } | Effect::Promise { .. } if self.leaving => {}
            Effect::Start { run } => self.start(run, events),
            Effect::Ask { run, ask } => {
                let decision = self.decide(run, ask, now);
                let skipped = decision == Some(Decision::Skip);
                if let Some(decision) = decision {
                    events.push_back(Event::Decided { run, decision });
                }
                if ask == Ask::Open && !skipped {
                    events.extend(self.deadline(run, now));
                }
            }
            Effect::Promise { sla, at } => self.promise(sla, at, now),
            Effect::AskListeners => {
                let which = self.listeners(now);
                events.push_back(Event::Listeners { which });
            }
            Effect::Timer { run, kind, at } => self.timer(run, kind, at, now),
            Effect::Stop { run } => match self.running.get(&run) {
                Some(running) => running.cancel.request(CancelReason::Kill, self.shared.grace),
                None => events.push_back(Event::Ended { run, end: TaskEnd::state(State::Killed) }),
            },
            Effect::RenderOutputs => {
                let event = self.flow_outputs();
                events.push_back(event);
            }
            Effect::Changed { run: None, state } => {
                if self.shared.durable || state.is_terminal() || matches!(state, State::Paused | State::Killing | State::Queued) {
                    self.summarize(false);
                }
                self.count(state);
                self.notify_execution(state, now);
            }
            Effect::Changed { run: Some(run), state } => {
                if state.is_terminal() {
                    self.running.remove(&run);
                }
                let tag = self.tag(run);
                let flowable = self.instance.is_flowable(run);
                self.shared.observer.notice(&Notice::Task { task: &tag, state, at: now, flowable });
            }
            Effect::Complete => {}
        }
    }

    fn notify_execution(&self, state: State, at: Timestamp) {
        self.shared.observer.notice(&Notice::Execution { execution: &self.instance.execution().id, state, at });
    }

    fn tag(&self, run: RunIx) -> TaskTag {
        let document = self.instance.task_run(run);
        let depth = std::iter::successors(self.instance.parent_of(run), |run| self.instance.parent_of(*run)).count();
        TaskTag {
            execution: Arc::clone(&document.execution_id),
            task_id: Arc::clone(&document.task_id),
            taskrun_id: Arc::clone(&document.id),
            value: document.value.clone(),
            depth,
        }
    }

    /// The answer, unless it takes time and will come as an event.
    fn decide(&self, run: RunIx, ask: Ask, now: Timestamp) -> Option<Decision> {
        let scope = match ask {
            Ask::Iteration { group } => RunScope::of_iteration(&self.instance, run, group, &self.fixed, &self.services),
            _ => RunScope::new(&self.instance, Some(run), &self.fixed, &self.services),
        };
        let scope = scope.with_logs(&self.logs);
        let rendering = Rendering { expr: &self.shared.expr, scope: &scope, now };
        let task = &self.instance.program().def(self.instance.task_of(run)).task;
        let decided = match (&task.kind, ask) {
            (TaskKind::Loop(kind), Ask::Iteration { group }) => loops::iteration(kind, group, &self.shared.expr, &scope).map(Some),
            (TaskKind::Loop(kind), Ask::Close) => self.folder(run).map(|folder| {
                let results = self.instance.results_of(run).to_vec();
                let work = loops::close(Arc::clone(&kind.fetch_type), results, self.shared.storage.clone(), folder);
                self.decide_later(run, ask, work);
                None
            }),
            _ => decide(&self.instance, run, ask, &rendering).and_then(|decision| match &task.kind {
                _ if decision == Decision::Skip => Ok(Some(decision)),
                TaskKind::Loop(kind) => match loops::open(kind, &self.shared.expr, &scope)? {
                    loops::Opening::Items(decision) => Ok(Some(decision)),
                    loops::Opening::Stored { uri, limit, transmit } => {
                        let storage = self.shared.storage.clone();
                        self.decide_later(run, ask, async move { loops::read(&storage, &uri, limit, transmit).await });
                        Ok(None)
                    }
                },
                TaskKind::WorkingDirectory(kind) => {
                    let id = directory_id(self.instance.task_run(run), 0);
                    let (expr, log) = (&self.shared.expr, self.log(run));
                    let (document, value) = (self.instance.task_run(run), scope.value());
                    let about = About { run: document, value: value.as_deref(), expr, scope: &scope };
                    let job = match ask {
                        Ask::Close => working_directory::close(kind, id, task_ref(document, 0), &about)?,
                        _ => working_directory::open(kind, id, &about, &log)?,
                    };
                    let shared = Arc::clone(&self.shared);
                    self.decide_later(run, ask, async move { Ok(job.run(shared, log).await) });
                    Ok(None)
                }
                _ => Ok(Some(decision)),
            }),
        };
        decided.unwrap_or_else(|error| Some(undecided(&self.log(run), ask, &error)))
    }

    /// The answer comes as an event.
    fn decide_later(&self, run: RunIx, ask: Ask, work: impl Future<Output = Result<Decision, Error>> + Send + 'static) {
        let (outbox, log) = (self.outbox.clone(), self.log(run));
        tokio::spawn(async move {
            let decision = work.await.unwrap_or_else(|error| undecided(&log, ask, &error));
            let _ = outbox.send(Message::Event(Event::Decided { run, decision }));
        });
    }

    fn timer(&self, run: RunIx, kind: TimerKind, at: Timestamp, now: Timestamp) {
        let wait = std::time::Duration::try_from(at.duration_since(now)).unwrap_or_default();
        let outbox = self.outbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            // The execution may be over.
            let _ = outbox.send(Message::Event(Event::Timer { run, kind }));
        });
    }

    fn flow_outputs(&self) -> Event {
        let scope = RunScope::new(&self.instance, None, &self.fixed, &self.services).with_logs(&self.logs);
        match loops::render_outputs(&self.instance.program().flow.outputs, &self.shared.expr, &scope) {
            Ok(outputs) => Event::Outputs { outputs: Some(outputs), failed: false },
            Err(error) => {
                let log = self.execution_log();
                log.message(Level::Error, "the flow's output values could not be rendered");
                log.error(&error);
                Event::Outputs { outputs: None, failed: true }
            }
        }
    }

    /// For what concerns no single task.
    fn execution_log(&self) -> TaskLog {
        let execution = self.instance.execution();
        let tag = TaskTag {
            execution: Arc::clone(&execution.id),
            task_id: Arc::clone(&execution.flow_id),
            taskrun_id: Arc::clone(&execution.id),
            value: None,
            depth: 0,
        };
        TaskLog::new(&self.logs, &self.shared.observer, tag, 0, None, self.services.masker().unwrap_or_default())
    }

    fn log(&self, run: RunIx) -> TaskLog {
        let attempt = self.attempt_of(run);
        let minimum = self.instance.program().def(self.instance.task_of(run)).task.common.log_level;
        TaskLog::new(&self.logs, &self.shared.observer, self.tag(run), attempt, minimum, self.services.masker().unwrap_or_default())
    }

    /// The number of the attempt that runs or comes next.
    fn attempt_of(&self, run: RunIx) -> usize {
        self.instance.task_run(run).attempts.iter().filter(|attempt| attempt.state.current().is_terminal()).count()
    }

    /// The log of an attempt that may want a file of its own.
    fn own_log(&self, run: RunIx) -> TaskLog {
        let log = self.log(run);
        if !self.instance.program().def(self.instance.task_of(run)).task.common.log_to_file {
            return log;
        }
        let document = self.instance.task_run(run);
        let path = self.shared.work_dirs.path(&format!("{}.log", directory_id(document, self.attempt_of(run))));
        match LogFile::create(path) {
            Ok(file) => log.into_file(file),
            Err(error) => {
                log.message(Level::Warn, &format!("`logToFile` has no effect, the file cannot be made: {error}"));
                log
            }
        }
    }

    /// Takes a runnable task up: core tasks are done here and now, others go to their runner.
    fn start(&mut self, run: RunIx, events: &mut VecDeque<Event>) {
        match self.begin(run) {
            Ok(Begun::Skipped) => events.push_back(Event::Ended { run, end: TaskEnd::state(State::Skipped) }),
            Ok(Begun::Done(done)) => self.finish_core(run, *done, events),
            Ok(Begun::Job(job)) => {
                let cancel = Cancel::default();
                if self.instance.is_killing() {
                    cancel.request(CancelReason::Kill, self.shared.grace);
                }
                self.running.insert(run, Running { cancel: cancel.clone(), outlives: false });
                tokio::spawn(job.run(run, cancel, self.outbox.clone()));
            }
            Ok(Begun::Waiting) => events.push_back(Event::Started { run }),
            Ok(Begun::Call { cancel, work }) => {
                if self.instance.is_killing() {
                    cancel.request(CancelReason::Kill, self.shared.grace);
                }
                self.running.insert(run, Running { cancel, outlives: true });
                events.push_back(Event::Started { run });
                self.later(run, work);
            }
            Ok(Begun::Attempt(attempt)) => {
                let running = Running { cancel: attempt.cancel(), outlives: attempt.outlives_host() };
                if self.instance.is_killing() {
                    running.cancel.request(CancelReason::Kill, self.shared.grace);
                }
                self.running.insert(run, running);
                let outbox = self.outbox.clone();
                tokio::spawn(attempt.run(run, outbox));
            }
            Err(error) => {
                self.log(run).error(&error);
                events.push_back(Event::Started { run });
                events.push_back(Event::Ended { run, end: TaskEnd { random: crate::random::unit(), ..TaskEnd::state(State::Failed) } });
            }
        }
    }

    /// Work that ends a run when it ends. When the host goes before, the next one begins it again.
    fn later(&self, run: RunIx, work: impl Future<Output = Option<TaskEnd>> + Send + 'static) {
        let outbox = self.outbox.clone();
        tokio::spawn(async move {
            let message = match work.await {
                Some(end) => Message::Ended { run, end, leftovers: Leftovers::default() },
                None => Message::Detached { run },
            };
            let _ = outbox.send(message);
        });
    }

    fn begin(&self, run: RunIx) -> Result<Begun, Error> {
        let number = self.instance.task_of(run);
        let task = &self.instance.program().def(number).task;
        let scope = RunScope::new(&self.instance, Some(run), &self.fixed, &self.services).with_logs(&self.logs);
        let expr = &self.shared.expr;
        let left = self.left_attempt(run);
        if let Some(condition) = task.common.run_if.as_ref().filter(|_| left.is_none())
            && !expr.render_condition(condition, &scope).map_err(|error| crate::task::unrendered(&error))?
        {
            return Ok(Begun::Skipped);
        }
        if let Some(step) = self.instance.program().def(number).step {
            return self.begin_step(run, step, &scope);
        }
        let timeout = task.common.timeout.as_ref().map(|timeout| duration(expr, timeout, &scope)).transpose()?;
        let document = self.instance.task_run(run);
        let inside = self.instance.program().def(number).working_directory.and(self.instance.parent_of(run));
        let mut facts = self.flow.facts(number, &self.shared.registry);
        let made;
        if matches!(facts.work, Work::Templated) {
            let spec = facts.properties.get("spec").map(crate::task::plain).unwrap_or_default();
            let spec = expr.render(&spec, &scope).map_err(|error| crate::task::unrendered(&error).at("/spec"))?;
            made = templated::templated(&spec, &self.instance.program().flow, &self.shared.registry, &self.shared.config)?;
            facts = &made;
        }
        let (component, plugin) = match &facts.work {
            Work::Core(core) => {
                let done = core.run(&facts.properties, &self.instance.execution().variables, expr, &scope)?;
                self.services.masker()?;
                return Ok(Begun::Done(Box::new(done)));
            }
            Work::Job(kind) => {
                let attempt = self.attempt_of(run);
                let site = Site {
                    shared: Arc::clone(&self.shared),
                    services: Arc::clone(&self.services),
                    log: self.log(run),
                    task: task_ref(document, attempt),
                    value: scope.value(),
                    execution: kind.looks_back.then(|| Arc::new(self.instance.execution().clone())),
                    directory: inside.map(|parent| directory_id(self.instance.task_run(parent), 0)),
                    scratch: directory_id(document, attempt),
                    left: self.left_attempt(run),
                };
                let job = Job::new(kind, &facts.properties, expr, &scope, || scope.snapshot(), site, timeout)?;
                // Whatever could not be masked is not started; the log has to know what the properties disclosed.
                self.services.masker()?;
                return Ok(Begun::Job(Box::new(job.with_log(self.own_log(run)))));
            }
            Work::Templated => return Err(Error::user("task::template", "a task of text cannot be made of text")),
            Work::Plugin { component, task } => (component, task),
            Work::Call => return self.begin_call(run, &scope),
            Work::Unknown(error) => return Err(error.clone()),
        };
        let attempt = self.attempt_of(run);
        let directory = inside.map_or_else(|| directory_id(document, attempt), |parent| directory_id(self.instance.task_run(parent), 0));
        let prepared = prepare(&Preparation {
            registry: &self.shared.registry,
            config: &self.shared.config,
            expr,
            scope: &scope,
            run: document,
            attempt,
            properties: &facts.properties,
            component,
            task: plugin,
            working_dir: self.shared.work_dirs.path(&directory),
            shared: inside.is_some(),
            timeout_ms: timeout.and_then(|timeout| u64::try_from(timeout.as_millis()).ok()),
        })?;
        // Whatever could not be masked is not started.
        self.services.masker()?;
        let log = self.own_log(run);
        for warning in &prepared.warnings {
            log.message(Level::Warn, warning);
        }
        let attempt = Attempt::new(Arc::clone(&self.shared), prepared, Arc::clone(plugin), component.planned, timeout, log);
        Ok(Begun::Attempt(Box::new(match left {
            Some(elapsed) => attempt.left(Left { trace: self.shared.recovery.trace(), elapsed }),
            None => attempt,
        })))
    }

    /// How long the attempt has been running that an earlier host began; `None` when there is none.
    fn left_attempt(&self, run: RunIx) -> Option<std::time::Duration> {
        let document = self.instance.task_run(run);
        let attempt = document.attempts.last().filter(|_| document.state.current().is_running())?;
        Some(std::time::Duration::try_from(Timestamp::now().duration_since(attempt.state.start_date())).unwrap_or_default())
    }

    fn finish_core(&mut self, run: RunIx, done: Done, events: &mut VecDeque<Event>) {
        let mut state = State::Success;
        if !done.lines.is_empty() || done.failure.is_some() {
            let log = self.log(run);
            for line in &done.lines {
                log.message(line.level, &line.text);
            }
            if let Some(failure) = &done.failure {
                log.message(Level::Error, failure);
                state = State::Failed;
            }
        }
        events.push_back(Event::Started { run });
        if !done.labels.is_empty() || done.variables.is_some() {
            events.push_back(Event::Change { labels: done.labels, variables: done.variables });
            // The next expression has to see them.
            self.fixed.values.clear();
        }
        let end = TaskEnd { outputs: done.outputs, exit: done.exit, random: crate::random::unit(), ..TaskEnd::state(state) };
        events.push_back(Event::Ended { run, end });
        if self.fixed.values.is_empty() {
            self.fixed_later(events);
        }
    }

    /// Applies what a task changed, then makes the variables anew.
    fn fixed_later(&mut self, events: &mut VecDeque<Event>) {
        let now = Timestamp::now();
        let changes: Vec<Event> = {
            let (changes, rest): (Vec<Event>, Vec<Event>) = events.drain(..).partition(|event| matches!(event, Event::Change { .. }));
            events.extend(rest);
            changes
        };
        for change in changes {
            self.record(now, &change);
            // A change has no effects.
            self.instance.apply(now, change);
        }
        self.fixed = Fixed::new(&self.instance, &self.shared, &self.services);
    }
}

fn settle(after: Vec<After>, shared: &Shared) {
    for after in after {
        match after {
            After::Begin(durable) => {
                let _ = durable.send(());
            }
            After::Leave(mut leftovers) => leftovers.release(shared),
        }
    }
}

enum Begun {
    Skipped,
    Done(Box<Done>),
    Job(Box<Job>),
    Attempt(Box<Attempt>),
    /// Work that ends the run when it ends; `None` when the next host has to do it.
    Call {
        cancel: Cancel,
        work: Pin<Box<dyn Future<Output = Option<TaskEnd>> + Send>>,
    },
    /// A message goes on with it.
    Waiting,
}

/// The answer to a question that an error prevents from being answered.
fn undecided(log: &TaskLog, ask: Ask, error: &Error) -> Decision {
    log.error(error);
    match ask {
        Ask::Open => Decision::Fail,
        Ask::Condition => Decision::Again { at: None, outputs: JsonMap::new(), failed: true },
        Ask::Close => Decision::Closed { outputs: JsonMap::new(), failed: true },
        Ask::Iteration { group } => Decision::Iteration { group, outputs: JsonMap::new(), stop: false, failed: true },
    }
}
