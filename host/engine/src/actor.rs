//! The thin shell around the pure core: one task per execution that performs effects and feeds events back.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use switchyard_model::{Execution, JsonMap, Level, State, TaskKind, input::convert_output};
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
    engine::Shared,
    load::{Prepared, Work},
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
    /// Somebody resumes what is paused.
    Resume {
        inputs: JsonMap,
        answer: oneshot::Sender<Result<(), Error>>,
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
        }
    }

    /// Runs to the end. `None`: the host goes before that, and another one goes on.
    pub async fn run(mut self) -> Option<Execution> {
        if self.instance.execution().state.current().is_created() {
            self.apply(Event::Begin);
        } else {
            self.take_up();
        }
        if self.left {
            self.shared.recovery.change(|report| report.opening -= 1);
        }
        self.write();
        while !self.instance.is_complete() {
            if self.leaving && self.running.is_empty() {
                // What waits for time or for people waits in the journal.
                return None;
            }
            let message = self.inbox.recv().await?;
            self.take(message);
            // Whatever else has arrived shares one write to the journal.
            while !self.instance.is_complete()
                && let Ok(message) = self.inbox.try_recv()
            {
                self.take(message);
            }
            self.write();
        }
        self.summarize(true);
        let ticket = self.shared.journal.commit(std::mem::take(&mut self.writes));
        if let Err(error) = ticket.await {
            tracing::error!(execution = %self.instance.execution().id, %error, "the journal could not keep the end of an execution");
        } else if self.shared.durable {
            self.remove_directories();
        }
        self.logs.end();
        Some(self.instance.execution().clone())
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
            Message::Event(event) => self.apply(event),
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
            Message::Resume { inputs, answer } => {
                let resumed = self.resume(&inputs).map(|(run, outputs)| self.apply(Event::Resume { run, outputs }));
                let _ = answer.send(resumed);
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

    /// The first paused run, and its outputs once it goes on with these inputs.
    fn resume(&self, inputs: &JsonMap) -> Result<(RunIx, JsonMap), Error> {
        let id = &self.instance.execution().id;
        let runs = &self.instance.execution().task_run_list;
        let run = runs.iter().position(|run| run.state.current() == State::Paused).ok_or_else(|| {
            Error::user("execution::not_paused", format!("the execution `{id}` is not paused"))
                .with_help("`switchyard executions show` tells its state")
        })?;
        let TaskKind::Pause(pause) = &self.instance.program().def(self.instance.task_of(run)).task.kind else {
            return Ok((run, JsonMap::new()));
        };
        let scope = RunScope::new(&self.instance, Some(run), &self.fixed, &*self.services);
        let evaluate = |template: &str, known: &JsonMap| {
            let mut scope = switchyard_expr::Overlay::on(&scope);
            for (name, value) in known {
                scope = scope.with(name, value);
            }
            self.shared.expr.render_typed(template, &scope).map_err(|error| error.to_string())
        };
        let given = switchyard_model::input::resolve(&pause.on_resume, inputs, &evaluate).map_err(|violations| {
            Error::user("execution::resume_inputs", violations.to_string()).with_help("give each with `-i NAME=VALUE`")
        })?;
        let resumed = serde_json::json!({ "on": Timestamp::now() });
        let outputs = [("onResume".to_owned(), serde_json::Value::Object(given)), ("resumed".to_owned(), resumed)];
        Ok((run, outputs.into_iter().collect()))
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
            Effect::Start { .. } | Effect::Ask { .. } | Effect::Timer { .. } if self.leaving => {}
            Effect::Start { run } => self.start(run, events),
            Effect::Ask { run, ask } => {
                if let Some(decision) = self.decide(run, ask, now) {
                    events.push_back(Event::Decided { run, decision });
                }
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
            Effect::NewExecution => tracing::warn!(execution = %self.instance.execution().id, "CREATE_NEW_EXECUTION is not supported yet"),
            Effect::Changed { run: None, state } => {
                if self.shared.durable || state.is_terminal() || matches!(state, State::Paused | State::Killing) {
                    self.summarize(false);
                }
                self.notify_execution(state, now);
            }
            Effect::Changed { run: Some(run), state } => {
                if state.is_terminal() {
                    self.running.remove(&run);
                }
                let tag = self.tag(run);
                let flowable = !matches!(self.instance.program().def(self.instance.task_of(run)).task.kind, TaskKind::Runnable);
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
        let scope = RunScope::new(&self.instance, Some(run), &self.fixed, &self.services).with_logs(&self.logs);
        let rendering = Rendering { expr: &self.shared.expr, scope: &scope, now };
        let decided = decide(&self.instance, run, ask, &rendering).and_then(|decision| {
            let task = &self.instance.program().def(self.instance.task_of(run)).task;
            let (TaskKind::WorkingDirectory(kind), true) = (&task.kind, decision != Decision::Skip) else { return Ok(Some(decision)) };
            let id = directory_id(self.instance.task_run(run), 0);
            let expr = &self.shared.expr;
            let log = self.log(run);
            let (document, value) = (self.instance.task_run(run), scope.value());
            let about = About { run: document, value: value.as_deref(), expr, scope: &scope };
            let job = match ask {
                Ask::Close => working_directory::close(kind, id, task_ref(document, 0), &about)?,
                _ => working_directory::open(kind, id, &about, &log)?,
            };
            let (shared, outbox) = (Arc::clone(&self.shared), self.outbox.clone());
            tokio::spawn(async move {
                let decision = job.run(shared, log).await;
                let _ = outbox.send(Message::Event(Event::Decided { run, decision }));
            });
            Ok(None)
        });
        decided.unwrap_or_else(|error| {
            self.log(run).error(&error);
            Some(if ask == Ask::Close { Decision::Closed { outputs: JsonMap::new(), failed: true } } else { Decision::Fail })
        })
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
        let mut outputs = JsonMap::new();
        for output in &self.instance.program().flow.outputs {
            let rendered = self.shared.expr.render_value_typed(&output.value.to_json(), &scope).map_err(|error| error.to_string());
            match rendered.and_then(|value| convert_output(output, &value).map_err(|violation| violation.to_string())) {
                Ok(value) => {
                    outputs.insert(output.id.to_string(), value);
                }
                Err(error) => {
                    tracing::error!(execution = %self.instance.execution().id, output = %output.id, %error, "the flow's outputs could not be rendered");
                    return Event::Outputs { outputs: None, failed: true };
                }
            }
        }
        Event::Outputs { outputs: Some(outputs), failed: false }
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
                    log: self.own_log(run),
                    task: task_ref(document, attempt),
                    value: scope.value(),
                    execution: kind.looks_back.then(|| Arc::new(self.instance.execution().clone())),
                    directory: inside.map(|parent| directory_id(self.instance.task_run(parent), 0)),
                    scratch: directory_id(document, attempt),
                    left: self.left_attempt(run),
                };
                let job = Job::new(kind, &facts.properties, expr, &scope, || scope.snapshot(), site, timeout)?;
                self.services.masker()?;
                return Ok(Begun::Job(Box::new(job)));
            }
            Work::Templated => return Err(Error::user("task::template", "a task of text cannot be made of text")),
            Work::Plugin { component, task } => (component, task),
            Work::Subflow => {
                return Err(Error::user("flow::unsupported_type", format!("`{}` is not supported yet", task.type_name)));
            }
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
}
