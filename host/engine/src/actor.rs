//! The thin shell around the pure core: one task per execution that performs effects and feeds events back.

mod calls;
mod control;
mod decision;
mod end;
mod entry;
mod log;
mod message;
mod promise;
mod record;
mod resume;
mod start;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use switchyard_model::{Execution, Level, State};
use switchyard_plugin_api::CancelReason;
use switchyard_store::{journal::Write, logs::ExecutionLog};
use tokio::sync::mpsc;

use crate::{
    context::Fixed,
    core::{Ask, Decision, Effect, Event, Instance, Replayed, RunIx, TaskEnd, TimerKind},
    engine::Shared,
    gate::Pass,
    load::Prepared,
    notice::Notice,
    services::Services,
};

use message::{After, Running};
pub use message::{Control, Message};

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
    /// The host goes: nothing begins any more.
    leaving: bool,
    /// The host only writes down what it is told; see [`Engine::hold`](crate::Engine::hold).
    holding: bool,
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
        let holding = shared.holding.load(Ordering::Relaxed);
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
            leaving: holding,
            holding,
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
        if self.holding {
            // Only what is said now is written down.
        } else if state.is_created() || state == State::Queued {
            self.enter().await;
        } else {
            if state != State::Paused {
                self.count_again().await;
            }
            self.take_up();
        }
        if self.left {
            self.shared.recovery.change(|report| report.opening -= 1);
        }
        self.write();
        while !self.instance.is_complete() {
            if self.leaving && !self.holding && self.running.is_empty() {
                // What waits for time or for people waits in the journal.
                return self.left_to_others();
            }
            let Some(message) = self.inbox.recv().await else { return self.left_to_others() };
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

    /// It counts below the limit of its flow wherever it goes on.
    fn left_to_others(&mut self) -> bool {
        if let Some(pass) = self.pass.take() {
            pass.stay();
        }
        false
    }

    /// Whether an earlier host began it.
    pub fn is_left(&self) -> bool {
        self.left
    }

    pub fn execution(&self) -> &Execution {
        self.instance.execution()
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
            Message::Control { control, answer } => self.control(control, answer),
            Message::Resume { task_run, inputs, answer } => self.resume(task_run.as_deref(), inputs, answer),
            Message::Batches { run, uris } => self.call_batches(run, uris),
            Message::Started { run, durable } => {
                if self.leaving || self.instance.is_withheld(run) {
                    self.running.remove(&run);
                    return;
                }
                self.apply(Event::Started { run });
                self.after.push(After::Begin(durable));
            }
            Message::Ended { run, end, leftovers } => {
                // What was stopped because the host goes begins anew; what ended by itself meanwhile has ended.
                let stopped = end.state == Some(State::Killed);
                let discarded = self.leaving && stopped && self.running.get(&run).is_none_or(|running| !running.outlives);
                let cache = self.running.remove(&run).and_then(|running| running.cache);
                if discarded {
                    return;
                }
                if let Some(cache) = cache.filter(|_| end.state == Some(State::Success)) {
                    self.writes.extend(cache.keep(&self.shared.memory, &end.outputs));
                }
                if let Some(key) = &leftovers.key {
                    self.writes.push(Write::RemoveCheckpoint { key: key.clone() });
                }
                self.apply(Event::Ended { run, end });
                if self.shared.durable {
                    self.after.push(After::Leave(leftovers));
                }
            }
            Message::Cached { run, outputs } => {
                if self.running.remove(&run).is_some() && !self.leaving {
                    self.log(run).message(Level::Info, "the outputs are those of an earlier run with the same properties (`taskCache`)");
                    self.apply(Event::Started { run });
                    self.apply(Event::Ended { run, end: TaskEnd::state(State::Success).outputs(outputs) });
                }
            }
            Message::Detached { run } => {
                self.running.remove(&run);
            }
            Message::Document { answer } => {
                let _ = answer.send(self.instance.execution().clone());
            }
            Message::Detach => self.leave(false),
            Message::Fence => self.leave(true),
        }
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

    /// Everything that can go on without this host does, the rest ends. `fenced`: another host goes on already, and only what it can find
    /// may stay.
    fn leave(&mut self, fenced: bool) {
        (self.leaving, self.holding) = (true, false);
        for running in self.running.values_mut() {
            running.outlives &= running.distant || !fenced;
            let reason = if running.outlives { CancelReason::Detach } else { CancelReason::Kill };
            running.cancel.request(reason, self.shared.grace);
        }
    }

    fn perform(&mut self, effect: Effect, now: Timestamp, events: &mut VecDeque<Event>) {
        match effect {
            // The next host finds it asked for and not answered.
            Effect::Start { .. } | Effect::Ask { .. } | Effect::Timer { .. } | Effect::Promise { .. } if self.leaving => {}
            Effect::Stop { .. } | Effect::Withdraw { .. } | Effect::RenderOutputs | Effect::AskListeners if self.holding => {}
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
            Effect::Withdraw { run } => {
                if let Some(running) = self.running.get(&run) {
                    running.cancel.request(CancelReason::Detach, self.shared.grace);
                }
            }
            Effect::RenderOutputs => {
                let event = self.flow_outputs();
                events.push_back(event);
            }
            Effect::Changed { run: None, state } => {
                self.summarize(false);
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

    fn timer(&self, run: RunIx, kind: TimerKind, at: Timestamp, now: Timestamp) {
        let wait = std::time::Duration::try_from(at.duration_since(now)).unwrap_or_default();
        let outbox = self.outbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            // The execution may be over.
            let _ = outbox.send(Message::Event(Event::Timer { run, kind }));
        });
    }
}
