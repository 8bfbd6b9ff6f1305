//! Crashes everywhere: random flows with random results, the host lost after every journal write in turn.
//!
//! The world outside survives a crash: it knows which attempts were submitted. A recovered core has only the events that were written.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write,
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use switchyard_model::{Execution, Flow, JsonMap, Sources, State, TaskKind};

use super::{Ask, Decision, Effect, Event, Instance, Item, Program, RunIx, TaskEnd, replay};

/// Small, seeded, good enough.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % sides
    }
}

/// Draws a flow.
struct Author {
    dice: Dice,
    tasks: usize,
}

impl Author {
    fn id(&mut self) -> String {
        self.tasks += 1;
        format!("t{}", self.tasks)
    }

    fn list(&mut self, depth: u64) -> String {
        let count = 1 + self.dice.roll(3);
        let tasks: Vec<String> = (0..count).map(|_| self.task(depth)).collect();
        format!("[{}]", tasks.join(", "))
    }

    /// A task that runs somewhere.
    fn script(&mut self) -> String {
        format!("{{id: {}, type: io.kestra.plugin.scripts.shell.Commands, commands: [m]}}", self.id())
    }

    fn task(&mut self, depth: u64) -> String {
        let id = self.id();
        let kind = if depth == 0 { 0 } else { self.dice.roll(14) };
        let below = depth.saturating_sub(1);
        let flow = "type: io.kestra.plugin.core.flow";
        let mut text = match kind {
            1 => format!("{{id: {id}, {flow}.Sequential, tasks: {}", self.list(below)),
            2 => format!("{{id: {id}, {flow}.Parallel, tasks: {}", self.list(below)),
            3 => format!("{{id: {id}, {flow}.ForEach, values: [x], tasks: {}", self.list(below)),
            4 => format!("{{id: {id}, {flow}.If, condition: c, then: {}, else: {}", self.list(below), self.list(below)),
            5 => format!("{{id: {id}, {flow}.AllowFailure, tasks: {}", self.list(below)),
            6 => format!("{{id: {id}, {flow}.LoopUntil, condition: c, tasks: {}", self.list(below)),
            7 => format!("{{id: {id}, {flow}.Loop, values: [x], tasks: {}", self.list(below)),
            8 => {
                let (first, second) = (self.task(below), self.task(below));
                let on = first.split("id: ").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default().to_owned();
                format!("{{id: {id}, {flow}.Dag, tasks: [{{task: {second}, dependsOn: [{on}]}}, {{task: {first}}}]")
            }
            9 => format!("{{id: {id}, {flow}.Pause, tasks: {}", self.list(below)),
            10 => format!("{{id: {id}, {flow}.WorkingDirectory, tasks: [{}]", self.script()),
            11 => format!("{{id: {id}, {flow}.Subflow, namespace: a.b, flowId: other"),
            _ => format!("{{id: {id}, type: io.kestra.plugin.core.log.Log, message: m"),
        };
        if kind != 0 && kind < 9 && self.dice.roll(4) == 0 {
            let _ = write!(text, ", errors: {}", self.list(below));
        }
        if kind != 0 && kind < 9 && self.dice.roll(4) == 0 {
            let _ = write!(text, ", finally: {}", self.list(below));
        }
        for (sides, more) in [
            (6, ", allowFailure: true"),
            (9, ", allowWarning: true"),
            (12, ", disabled: true"),
            (5, ", retry: {type: constant, interval: PT1S, maxAttempts: 2}"),
        ] {
            if self.dice.roll(sides) == 0 {
                text.push_str(more);
            }
        }
        text + "}"
    }

    fn flow(&mut self) -> Arc<Flow> {
        let mut text = format!("id: f\nnamespace: a.b\ntasks: {}\n", self.list(3));
        for (sides, more) in [
            (4, "retry: {type: constant, interval: PT1S, maxAttempts: 3}\n"),
            (8, "retry: {type: constant, interval: PT1S, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}\n"),
            (4, "concurrency: {limit: 1}\n"),
            (6, "sla: [{id: s, type: MAX_DURATION, duration: PT1H, behavior: FAIL}]\n"),
        ] {
            if self.dice.roll(sides) == 0 && !text.contains(&more[..5]) {
                text.push_str(more);
            }
        }
        for part in ["errors", "finally", "afterExecution"] {
            if self.dice.roll(3) == 0 {
                let _ = writeln!(text, "{part}: {}", self.list(1));
            }
        }
        let mut sources = Sources::default();
        let source = sources.add("flow.yaml", &*text);
        let document = switchyard_model::yaml::parse(&sources, source).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        let (flow, violations) = Flow::from_node(&document.root);
        Arc::new(flow.unwrap_or_else(|| panic!("{violations:?}\n{text}")))
    }
}

/// What survives a host.
#[derive(Default, Clone)]
struct World {
    seed: u64,
    /// Attempts by task run and number, and how often each was submitted.
    submitted: BTreeMap<(String, usize), usize>,
    ended: HashSet<(String, usize)>,
    /// Somebody kills it when so many events have happened.
    kill: Option<usize>,
}

/// A host: the core and what it wrote.
struct Host {
    instance: Instance,
    journal: Vec<(Timestamp, Event)>,
}

impl World {
    /// The result that somebody outside draws: the same whoever asks.
    fn draw(&self, what: &str, number: u64, sides: u64) -> u64 {
        let mut dice = Dice(self.seed ^ number.wrapping_mul(0x9e37_79b9));
        for byte in what.bytes() {
            dice.0 ^= u64::from(byte);
            dice.roll(2);
        }
        dice.roll(sides)
    }

    /// The next thing that happens.
    fn next(&mut self, host: &Host) -> Option<Event> {
        let at = host.journal.len();
        if at == 0 && host.instance.program().flow.concurrency.is_some() {
            return Some(Event::Queue);
        }
        if at == 0 || host.instance.execution().state.current() == State::Queued && self.kill != Some(at) {
            return Some(Event::Begin);
        }
        if self.kill == Some(at) {
            return Some(Event::Kill);
        }
        let effects = host.instance.open_effects();
        let idle = effects.iter().all(|effect| matches!(effect, Effect::Promise { .. }));
        if host.instance.is_held() && (idle || self.draw("release", at as u64, 4) == 0) {
            return Some(Event::Release);
        }
        if host.instance.can_be_held() && self.draw("hold", at as u64, 14) == 0 {
            return Some(Event::Hold);
        }
        if host.instance.execution().state.current() == State::Paused && self.draw("anew", at as u64, 12) == 0 {
            return Some(Event::PauseAnew);
        }
        if self.draw("promise", at as u64, 12) == 0
            && let Some(Effect::Promise { sla, .. }) = effects.iter().find(|effect| matches!(effect, Effect::Promise { .. }))
        {
            return Some(Event::Violated { sla: *sla });
        }
        let effect = effects.iter().find(|effect| matches!(effect, Effect::Stop { .. })).or(effects.first())?;
        Some(match effect {
            Effect::Stop { run } => {
                self.end(&host.instance, *run);
                Event::Ended { run: *run, end: TaskEnd::state(State::Killed) }
            }
            Effect::Start { run } => self.work(&host.instance, *run),
            Effect::Ask { run, ask } => Event::Decided { run: *run, decision: self.decide(&host.instance, *run, *ask) },
            Effect::Timer { run, kind, .. } => Event::Timer { run: *run, kind: *kind },
            Effect::Promise { sla, .. } => Event::Violated { sla: *sla },
            Effect::AskListeners => Event::Listeners { which: Vec::new() },
            _ => Event::Outputs { outputs: Some(JsonMap::new()), failed: false },
        })
    }

    fn key(instance: &Instance, run: RunIx) -> (String, usize) {
        let document = instance.task_run(run);
        (document.id.to_string(), document.attempts.len().saturating_sub(1))
    }

    fn end(&mut self, instance: &Instance, run: RunIx) {
        self.ended.insert(Self::key(instance, run));
    }

    /// An attempt begins, or ends.
    fn work(&mut self, instance: &Instance, run: RunIx) -> Event {
        let document = instance.task_run(run);
        if document.state.current().is_created() {
            return Event::Started { run };
        }
        let key = Self::key(instance, run);
        assert!(!self.ended.contains(&key), "{} attempt {} is asked for after its end", document.task_id, key.1);
        // Whoever recovers finds the attempt by its key, and submits it only when nobody has.
        self.submitted.entry(key.clone()).or_insert(1);
        let state = match self.draw(&key.0, key.1 as u64, 8) {
            0 | 1 => State::Failed,
            2 => State::Warning,
            3 => State::Skipped,
            _ => State::Success,
        };
        let outputs = [("n".to_owned(), key.1.into())].into_iter().collect();
        Event::Ended { run, end: TaskEnd::state(state).outputs(outputs) }
    }

    fn decide(&self, instance: &Instance, run: RunIx, ask: Ask) -> Decision {
        let task = Arc::clone(&instance.program().def(instance.task_of(run)).task);
        let outputs = JsonMap::new();
        let chance = self.draw(&instance.task_run(run).id, 99, 10);
        match (ask, &task.kind) {
            (Ask::Condition, _) => {
                let (done, since) = instance.iterations_of(run).unwrap_or((9, Timestamp::UNIX_EPOCH));
                Decision::Again { at: (done < 2).then_some(since), outputs, failed: chance == 0 }
            }
            (Ask::Close, _) => Decision::Closed { outputs, failed: chance == 1 },
            (Ask::Iteration { group }, _) => Decision::Iteration { group, outputs, stop: chance == 2, failed: chance == 3 },
            _ if chance == 4 => Decision::Fail,
            _ if chance == 5 => Decision::Skip,
            (_, TaskKind::If(_)) => Decision::Branch { list: usize::from(chance > 6), outputs },
            (_, TaskKind::ForEach(_)) => Decision::Values { values: ["x", "y"].map(Into::into).to_vec(), limit: chance % 3 },
            (_, TaskKind::Loop(_)) => {
                let items = ["x", "y"].map(|value| Item { key: None, value: value.into() }).to_vec();
                Decision::Items { items, limit: chance % 3, transmit: chance > 6 }
            }
            (_, TaskKind::Pause(_)) => Decision::Pause { until: Some(Timestamp::UNIX_EPOCH) },
            _ => Decision::Go { limit: chance % 3, outputs },
        }
    }
}

/// Each event at its own time, so that a replay has the same ones.
fn time(number: usize) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + number as i64)
}

impl Host {
    fn new(program: &Arc<Program>) -> Self {
        Self { instance: Instance::new(Arc::clone(program), execution()), journal: Vec::new() }
    }

    /// Another host with what this one had written.
    fn recovered(program: &Arc<Program>, journal: &[(Timestamp, Event)]) -> Self {
        // Through JSON, as it is kept.
        let events: Vec<(Timestamp, Event)> = serde_json::from_str(&serde_json::to_string(journal).unwrap()).unwrap();
        let replayed = replay(Arc::clone(program), execution(), events.clone());
        Self { instance: replayed.instance, journal: events }
    }

    /// Runs until the end, or until so many events are written.
    fn run(&mut self, world: &mut World, until: usize) {
        while self.journal.len() < until && !self.instance.is_complete() {
            let Some(event) = world.next(self) else { panic!("nothing is asked for, and it is not over") };
            let (now, ended) = (time(self.journal.len()), matches!(event, Event::Ended { .. }));
            if let (Event::Ended { run, .. }, true) = (&event, ended) {
                world.end(&self.instance, *run);
            }
            self.journal.push((now, event.clone()));
            self.instance.apply(now, event);
            assert!(self.journal.len() < 5_000, "it does not end");
        }
    }

    fn document(&self) -> String {
        serde_json::to_string(self.instance.execution()).unwrap()
    }
}

fn execution() -> Execution {
    Execution::new("exec", "a.b", "f", 1, time(0))
}

#[test]
fn a_crash_after_any_journal_write_changes_nothing_and_submits_nothing_twice() {
    let mut crashes = 0;
    let mut states = HashSet::new();
    for seed in 0..250_u64 {
        let mut author = Author { dice: Dice(seed.wrapping_mul(0x2545_f491)), tasks: 0 };
        let program = Arc::new(Program::new(author.flow()));
        let kill = (author.dice.roll(4) == 0).then(|| 1 + author.dice.roll(30) as usize);
        let outside = World { seed, kill, ..World::default() };
        let (mut world, mut host) = (outside.clone(), Host::new(&program));
        host.run(&mut world, usize::MAX);
        let whole = host.document();
        states.insert(host.instance.execution().state.current());
        // A promise that was kept asks for nothing.
        let asked = host.instance.open_effects().into_iter().any(|effect| !matches!(effect, Effect::Promise { .. }));
        assert!(!asked, "seed {seed}: something is still asked for at the end");
        // Long ones would say the same again.
        for crash in (1..host.journal.len()).take(60) {
            let (mut survivor, mut first) = (outside.clone(), Host::new(&program));
            first.run(&mut survivor, crash);
            let mut second = Host::recovered(&program, &first.journal);
            assert_eq!(second.document(), first.document(), "seed {seed}: the replay after {crash} events differs");
            second.run(&mut survivor, usize::MAX);
            assert_eq!(second.document(), whole, "seed {seed}: the end after a crash at {crash} differs");
            assert_eq!(survivor.submitted, world.submitted, "seed {seed}: other attempts after a crash at {crash}");
            crashes += 1;
        }
    }
    assert!(crashes > 3_000, "{crashes}");
    for state in [State::Success, State::Warning, State::Failed, State::Killed] {
        assert!(states.contains(&state), "no flow ended as {state}");
    }
}
