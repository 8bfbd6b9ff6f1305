//! Rules of the language, tested by feeding events: a fake world answers every effect.

mod states;

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde_json::json;
use switchyard_model::{Execution, Flow, JsonMap, Sources, State, TaskKind};

use super::{Ask, Decision, Effect, Event, Instance, Item, Part, Program, RunIx, TaskEnd, TimerKind};

/// A world in which every task succeeds unless told otherwise, and time jumps to the next timer.
struct World {
    instance: Instance,
    now: Timestamp,
    /// Ends of a task by attempt; the last one repeats.
    ends: HashMap<&'static str, Vec<State>>,
    queue: Vec<Event>,
    timers: Vec<(Timestamp, Event)>,
    started: Vec<String>,
    running: Vec<RunIx>,
    /// Runnable tasks that only end when stopped.
    hanging: Vec<&'static str>,
    /// Most runs at once.
    most: usize,
    limit: u64,
    complete: bool,
    /// Listeners whose conditions hold.
    listening: Vec<usize>,
}

fn flow(yaml: &str) -> Arc<Flow> {
    let mut sources = Sources::default();
    let id = sources.add("flow.yaml", yaml);
    let document = switchyard_model::yaml::parse(&sources, id).unwrap_or_else(|e| panic!("{e:?}"));
    let (flow, violations) = Flow::from_node(&document.root);
    Arc::new(flow.unwrap_or_else(|| panic!("{violations:?}")))
}

impl World {
    fn new(yaml: &str) -> Self {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let execution = Execution::new("exec", "a.b", "t", 1, now);
        Self {
            instance: Instance::new(Arc::new(Program::new(flow(yaml))), execution),
            now,
            ends: HashMap::new(),
            queue: vec![Event::Begin],
            timers: Vec::new(),
            started: Vec::new(),
            running: Vec::new(),
            hanging: Vec::new(),
            most: 0,
            limit: 0,
            complete: false,
            listening: Vec::new(),
        }
    }

    fn with(mut self, task: &'static str, ends: &[State]) -> Self {
        self.ends.insert(task, ends.to_vec());
        self
    }

    fn name(&self, run: RunIx) -> String {
        let document = self.instance.task_run(run);
        match &document.value {
            Some(value) => format!("{}[{value}]", document.task_id),
            None => document.task_id.to_string(),
        }
    }

    fn run(&mut self) -> &mut Self {
        loop {
            if let Some(event) = (!self.queue.is_empty()).then(|| self.queue.remove(0)) {
                for effect in self.instance.apply(self.now, event) {
                    self.perform(effect);
                }
            } else if let Some(run) = self.running.iter().position(|run| {
                let id = self.instance.task_run(*run).task_id.clone();
                !self.hanging.iter().any(|hanging| *hanging == &*id)
            }) {
                let run = self.running.remove(run);
                self.end(run);
            } else if !self.timers.is_empty() {
                self.timers.sort_by_key(|(at, _)| *at);
                let (at, event) = self.timers.remove(0);
                self.now = at;
                self.queue.push(event);
            } else {
                return self;
            }
        }
    }

    fn end(&mut self, run: RunIx) {
        let document = self.instance.task_run(run);
        let attempt = document.attempts.len() - 1;
        let state = self.ends.get(&*document.task_id).map_or(State::Success, |ends| ends[attempt.min(ends.len() - 1)]);
        let outputs: JsonMap = json!({ "attempt": attempt }).as_object().unwrap().clone();
        self.queue.push(Event::Ended { run, end: TaskEnd::state(state).outputs(outputs) });
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Start { run } => {
                self.started.push(self.name(run));
                self.queue.push(Event::Started { run });
                self.running.push(run);
                self.most = self.most.max(self.running.len());
            }
            Effect::Stop { run } => {
                self.running.retain(|other| *other != run);
                self.queue.push(Event::Ended { run, end: TaskEnd::state(State::Killed) });
            }
            Effect::Timer { run, kind, at } => self.timers.push((at, Event::Timer { run, kind })),
            Effect::Ask { run, ask } => {
                let decision = self.decide(run, ask);
                self.queue.push(Event::Decided { run, decision });
            }
            Effect::RenderOutputs => self.queue.push(Event::Outputs { outputs: Some(JsonMap::new()), failed: false }),
            Effect::Complete => {
                assert!(!self.complete, "an execution completes once");
                self.complete = true;
            }
            Effect::Promise { sla, at } => self.timers.push((at, Event::Violated { sla })),
            Effect::AskListeners => self.queue.push(Event::Listeners { which: self.listening.clone() }),
            Effect::Withdraw { run } => self.running.retain(|other| *other != run),
            Effect::Changed { .. } => {}
        }
    }

    fn decide(&self, run: RunIx, ask: Ask) -> Decision {
        let program = Arc::clone(self.instance.program());
        let task = &program.def(self.instance.task_of(run)).task;
        let go = |limit| Decision::Go { limit, outputs: JsonMap::new() };
        match (&task.kind, ask) {
            (_, Ask::Iteration { group }) => Decision::Iteration { group, outputs: JsonMap::new(), stop: false, failed: false },
            (_, Ask::Close) => Decision::Closed { outputs: JsonMap::new(), failed: false },
            (_, Ask::Condition) => {
                let (done, _) = self.instance.iterations_of(run).unwrap();
                let at = (done < 3).then_some(self.now);
                Decision::Again { at, outputs: JsonMap::new(), failed: false }
            }
            _ if self.ends.get(&*task.id).is_some_and(|ends| ends == &[State::Skipped]) => Decision::Skip,
            _ if self.ends.get(&*task.id).is_some_and(|ends| ends == &[State::Failed]) => Decision::Fail,
            (TaskKind::Parallel(_) | TaskKind::Dag(_), _) => go(self.limit),
            (TaskKind::If(_), _) => Decision::Branch { list: 1, outputs: JsonMap::new() },
            (TaskKind::ForEach(_) | TaskKind::EachSequential(_), _) => {
                Decision::Values { values: ["x", "y", "z"].map(Into::into).to_vec(), limit: self.limit.max(1) }
            }
            (TaskKind::Loop(_), _) => {
                let items = ["x", "y", "z"].map(|value| Item { key: None, value: value.into() }).to_vec();
                Decision::Items { items, limit: self.limit, transmit: true }
            }
            (TaskKind::Pause(_), _) => Decision::Pause { until: None },
            _ => go(1),
        }
    }

    fn outcome(&mut self) -> String {
        self.run();
        let execution = self.instance.execution();
        format!("{} {}", execution.state.current(), self.started.join(" "))
    }
}

const LOG: &str = "type: io.kestra.plugin.core.log.Log, message: m";

fn task(id: &str) -> String {
    format!("{{id: {id}, {LOG}}}")
}

fn tasks(ids: &[&str]) -> String {
    ids.iter().map(|id| task(id)).collect::<Vec<_>>().join(", ")
}

fn yaml(tasks: &str, rest: &str) -> String {
    format!("id: t\nnamespace: a.b\ntasks: [{tasks}]\n{rest}")
}

const FLOW: &str = "type: io.kestra.plugin.core.flow";

#[test]
fn sequence_stops_at_the_first_failure_8_4() {
    let abc = yaml(&tasks(&["a", "b", "c"]), "");
    assert_eq!(World::new(&abc).outcome(), "SUCCESS a b c");
    assert_eq!(World::new(&abc).with("b", &[State::Failed]).outcome(), "FAILED a b");
    assert_eq!(World::new(&abc).with("b", &[State::Warning]).outcome(), "WARNING a b c");
    assert_eq!(World::new(&abc).with("b", &[State::Skipped]).outcome(), "SUCCESS a b c");
}

#[test]
fn handlers_of_the_flow_8_4() {
    let flow = yaml(&task("a"), &format!("errors: [{}]\nfinally: [{}]\nafterExecution: [{}]\n", task("e"), task("f"), task("z")));
    assert_eq!(World::new(&flow).outcome(), "SUCCESS a f z");
    assert_eq!(World::new(&flow).with("a", &[State::Failed]).outcome(), "FAILED a e f z");
    assert_eq!(World::new(&flow).with("f", &[State::Failed]).outcome(), "FAILED a f z");
    assert_eq!(World::new(&flow).with("z", &[State::Failed]).outcome(), "SUCCESS a f z");
}

#[test]
fn local_handlers_run_before_those_of_the_flow_8_4() {
    let inner = format!("{{id: s, {FLOW}.Sequential, tasks: [{}], errors: [{}]}}", task("a"), task("le"));
    let flow = yaml(&format!("{inner}, {}", task("b")), &format!("errors: [{}]\n", task("e")));
    assert_eq!(World::new(&flow).with("a", &[State::Failed]).outcome(), "FAILED a le e");
}

#[test]
fn disabled_tasks_leave_no_trace_2() {
    let flow = yaml(&format!("{{id: a, disabled: true, {LOG}}}, {}", task("b")), "");
    let mut world = World::new(&flow);
    assert_eq!(world.outcome(), "SUCCESS b");
    assert_eq!(world.instance.execution().task_run_list.len(), 1);
    let all = yaml(&format!("{{id: a, disabled: true, {LOG}}}"), "");
    assert_eq!(World::new(&all).outcome(), "SUCCESS ");
}

#[test]
fn allow_failure_and_allow_warning_8_3() {
    for (flags, state, end) in [
        ("allowFailure: true", "WARNING", State::Failed),
        ("allowWarning: true", "SUCCESS", State::Warning),
        ("allowFailure: true, allowWarning: true", "SUCCESS", State::Failed),
    ] {
        let flow = yaml(&format!("{{id: a, {flags}, {LOG}}}, {}", task("b")), "");
        assert_eq!(World::new(&flow).with("a", &[end]).outcome(), format!("{state} a b"), "{flags}");
    }
}

#[test]
fn parallel_respects_its_window_and_stops_after_a_failure_4_2() {
    let flow = yaml(&format!("{{id: p, {FLOW}.Parallel, tasks: [{}]}}", tasks(&["a", "b", "c", "d"])), "");
    let mut all = World::new(&flow);
    assert_eq!(all.outcome(), "SUCCESS a b c d");
    assert_eq!(all.most, 4);
    let mut two = World::new(&flow);
    two.limit = 2;
    assert_eq!(two.outcome(), "SUCCESS a b c d");
    assert_eq!(two.most, 2);
    let mut failing = World::new(&flow).with("a", &[State::Failed]);
    failing.limit = 2;
    assert_eq!(failing.outcome(), "FAILED a b");
}

#[test]
fn dag_starts_a_task_when_all_it_depends_on_are_done_4_2() {
    let entry = |id: &str, on: &str| format!("{{task: {}, dependsOn: [{on}]}}", task(id));
    let list = [entry("d", "b, c"), entry("b", "a"), entry("c", "a"), entry("a", "")].join(", ");
    let flow = yaml(&format!("{{id: g, {FLOW}.Dag, tasks: [{list}]}}"), "");
    assert_eq!(World::new(&flow).outcome(), "SUCCESS a b c d");
    assert_eq!(World::new(&flow).with("a", &[State::Failed]).outcome(), "FAILED a");
}

#[test]
fn loops_run_one_group_per_value_and_key_their_outputs_4_2() {
    let flow = yaml(&format!("{{id: l, {FLOW}.ForEach, values: [x, y, z], tasks: [{}]}}", tasks(&["a", "b"])), "");
    let mut world = World::new(&flow);
    assert_eq!(world.outcome(), "SUCCESS a[x] b[x] a[y] b[y] a[z] b[z]");
    assert_eq!(world.instance.outputs()["a"]["y"]["attempt"], 0);
    assert_eq!(World::new(&flow).with("a", &[State::Failed]).outcome(), "FAILED a[x]");
    let mut wide = World::new(&flow);
    wide.limit = 2;
    assert_eq!(wide.outcome(), "SUCCESS a[x] a[y] b[x] b[y] a[z] b[z]");
}

#[test]
fn nested_loops_add_a_level_per_value_4_2() {
    let inner = format!("{{id: i, {FLOW}.ForEach, values: [x, y, z], tasks: [{}]}}", task("a"));
    let flow = yaml(&format!("{{id: o, {FLOW}.ForEach, values: [x, y, z], tasks: [{inner}]}}"), "");
    let mut world = World::new(&flow);
    world.run();
    assert_eq!(world.instance.outputs()["a"]["z"]["x"]["attempt"], 0);
    assert_eq!(world.started.len(), 9);
}

#[test]
fn branches_skips_and_failed_conditions_4_2() {
    let flow = yaml(&format!("{{id: i, {FLOW}.If, condition: c, then: [{}], else: [{}]}}, {}", task("t"), task("e"), task("n")), "");
    assert_eq!(World::new(&flow).outcome(), "SUCCESS e n");
    assert_eq!(World::new(&flow).with("i", &[State::Skipped]).outcome(), "SUCCESS n");
    assert_eq!(World::new(&flow).with("i", &[State::Failed]).outcome(), "FAILED ");
}

#[test]
fn loop_until_repeats_its_body_4_2() {
    let flow = yaml(&format!("{{id: u, {FLOW}.LoopUntil, condition: c, tasks: [{}]}}", task("a")), "");
    assert_eq!(World::new(&flow).outcome(), "SUCCESS a a a");
    assert_eq!(World::new(&flow).with("a", &[State::Failed]).outcome(), "FAILED a");
}

#[test]
fn allow_failure_task_turns_a_failure_into_a_warning_4_2() {
    let flow = yaml(&format!("{{id: w, {FLOW}.AllowFailure, tasks: [{}]}}, {}", tasks(&["a", "b"]), task("c")), "");
    assert_eq!(World::new(&flow).with("a", &[State::Failed]).outcome(), "WARNING a c");
}

#[test]
fn retries_wait_and_add_attempts_2_3() {
    let retry = "retry: {type: constant, interval: PT10S, maxAttempts: 3}";
    let flow = yaml(&format!("{{id: a, {retry}, {LOG}}}"), "");
    let mut world = World::new(&flow).with("a", &[State::Failed, State::Success]);
    let before = world.now;
    assert_eq!(world.outcome(), "SUCCESS a a");
    assert_eq!(world.now.duration_since(before).as_secs(), 10);
    assert_eq!(world.instance.task_run(0).attempts.len(), 2);
    assert_eq!(World::new(&flow).with("a", &[State::Failed]).outcome(), "FAILED a a a");
    let inherited = yaml(&format!("{{id: s, {FLOW}.Sequential, {retry}, tasks: [{}]}}", task("a")), "");
    assert_eq!(World::new(&inherited).with("a", &[State::Failed]).outcome(), "FAILED a a a");
    let warning = yaml(&format!("{{id: a, retry: {{type: constant, interval: PT1S, warningOnRetry: true}}, {LOG}}}"), "");
    assert_eq!(World::new(&warning).with("a", &[State::Failed, State::Success]).outcome(), "WARNING a a");
}

#[test]
fn kill_ends_running_waiting_and_paused_work_8_5() {
    let flow = yaml(&format!("{{id: p, {FLOW}.Parallel, tasks: [{}]}}, {}", tasks(&["a", "b"]), task("c")), "");
    let mut world = World::new(&flow);
    world.hanging = vec!["a", "b"];
    world.run();
    assert_eq!(world.instance.execution().state.current(), State::Running);
    world.queue.push(Event::Kill);
    assert_eq!(world.outcome(), "KILLED a b");
    assert!(world.complete);

    let paused = yaml(&format!("{{id: p, {FLOW}.Pause}}, {}", task("a")), "");
    let mut world = World::new(&paused);
    world.run();
    assert_eq!(world.instance.execution().state.current(), State::Paused);
    world.queue.push(Event::Kill);
    assert_eq!(world.outcome(), "KILLED ");

    let mut early = World::new(&flow);
    early.queue = vec![Event::Kill];
    assert_eq!(early.outcome(), "KILLED ");
    assert!(early.complete);
}

#[test]
fn pause_waits_for_resume_8_5() {
    let flow = yaml(&format!("{{id: p, {FLOW}.Pause}}, {}", task("a")), "");
    let mut world = World::new(&flow);
    world.run();
    world.queue.push(Event::Resume { run: 0, outputs: JsonMap::new() });
    assert_eq!(world.outcome(), "SUCCESS a");
}

#[test]
fn exit_ends_the_execution_in_its_state_4_4() {
    let flow = yaml(&tasks(&["a", "b"]), &format!("finally: [{}]\n", tasks(&["f", "g"])));
    let mut world = World::new(&flow);
    world.hanging = vec!["a"];
    world.run();
    let end = TaskEnd { exit: Some(State::Warning), ..TaskEnd::state(State::Success) };
    world.running.clear();
    world.queue.push(Event::Ended { run: 0, end });
    assert_eq!(world.outcome(), "WARNING a f g");
}

#[test]
fn parts_of_a_run_are_task_runs_below_it_that_decide_nothing() {
    let flow = yaml(&tasks(&["a", "b"]), "");
    let mut world = World::new(&flow);
    world.hanging = vec!["a"];
    world.run();
    let second = |second| Some(Timestamp::from_second(second).unwrap());
    let part = |id: &str, state| Part { id: id.into(), state, started: second(1), ended: second(3), outputs: JsonMap::new() };
    let parts = vec![part("model.a", State::Failed), part("model.b", State::Skipped)];
    world.running.clear();
    world.queue.push(Event::Ended { run: 0, end: TaskEnd { parts, ..TaskEnd::state(State::Success) } });
    assert_eq!(world.outcome(), "SUCCESS a b");
    let runs = &world.instance.execution().task_run_list;
    let below: Vec<_> = runs.iter().filter(|run| run.parent_task_run_id.as_ref() == Some(&runs[0].id)).collect();
    assert_eq!(
        below.iter().map(|run| (&*run.task_id, run.state.current())).collect::<Vec<_>>(),
        [("model.a", State::Failed), ("model.b", State::Skipped)]
    );
    assert_eq!((Some(below[0].state.start_date()), below[0].state.end_date()), (second(1), second(3)));
    assert_eq!(below[0].attempts[0].state.current(), State::Failed);
    assert_eq!(world.instance.find_run(&below[1].id), Some(2));
}

#[test]
fn the_same_events_give_the_same_document() {
    let flow_text = yaml(&format!("{{id: l, {FLOW}.ForEach, values: [x], tasks: [{}]}}", task("a")), "");
    let documents = [0, 1].map(|_| {
        let mut world = World::new(&flow_text);
        world.run();
        serde_json::to_string(world.instance.execution()).unwrap()
    });
    assert_eq!(documents[0], documents[1]);
}

#[test]
fn timers_of_ended_runs_are_ignored() {
    let flow = yaml(&task("a"), "");
    let mut world = World::new(&flow);
    world.run();
    for kind in [TimerKind::Retry, TimerKind::Iterate, TimerKind::Pause] {
        assert!(world.instance.apply(world.now, Event::Timer { run: 0, kind }).is_empty());
    }
}
