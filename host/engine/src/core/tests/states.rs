//! Spec 8.2 to 8.4 row by row.

use super::*;
use crate::core::{again, replay};

/// The states that an execution went through.
fn history(world: &World) -> String {
    let names: Vec<&str> = world.instance.execution().state.histories().map(|change| change.state.name()).collect();
    names.join(" ")
}

fn history_of_run(world: &World, run: RunIx) -> String {
    let names: Vec<&str> = world.instance.task_run(run).state.histories().map(|change| change.state.name()).collect();
    names.join(" ")
}

fn paused(behavior: &str) -> String {
    yaml(&format!("{{id: p, {FLOW}.Pause{behavior}}}, {}", task("a")), "")
}

/// A flow, the ends of its task `a`, what happens once it rests, and the states of the execution.
type Row = (&'static str, String, &'static [State], Vec<Event>, &'static str);

#[test]
fn transitions_of_an_execution_8_2() {
    let plain = || yaml(&task("a"), "");
    let retried = || yaml(&format!("{{id: a, retry: {{type: constant, interval: PT1S, maxAttempts: 2}}, {LOG}}}"), "");
    let resume = || Event::Resume { run: 0, outputs: JsonMap::new() };
    let over = || Event::Timer { run: 0, kind: TimerKind::Pause };
    let late = || Event::Timer { run: 0, kind: TimerKind::Timeout };
    let rows: Vec<Row> = vec![
        ("created, running, success", plain(), &[State::Success], vec![], "CREATED RUNNING SUCCESS"),
        ("warning", plain(), &[State::Warning], vec![], "CREATED RUNNING WARNING"),
        ("failed", plain(), &[State::Failed], vec![], "CREATED RUNNING FAILED"),
        ("running, retrying, running", retried(), &[State::Failed, State::Success], vec![], "CREATED RUNNING RETRYING RUNNING SUCCESS"),
        ("running, paused", paused(""), &[State::Success], vec![], "CREATED RUNNING PAUSED"),
        ("paused, resumed", paused(""), &[State::Success], vec![resume()], "CREATED RUNNING PAUSED RUNNING SUCCESS"),
        ("paused, killed", paused(""), &[State::Success], vec![Event::Kill], "CREATED RUNNING PAUSED KILLING KILLED"),
        ("paused, time is over", paused(", timeout: PT1S"), &[State::Success], vec![late()], "CREATED RUNNING PAUSED RUNNING FAILED"),
        (
            "paused, goes on by itself",
            paused(", pauseDuration: PT1S, behavior: RESUME"),
            &[State::Success],
            vec![over()],
            "CREATED RUNNING PAUSED RUNNING SUCCESS",
        ),
        (
            "paused, behavior WARN",
            paused(", pauseDuration: PT1S, behavior: WARN"),
            &[State::Success],
            vec![over()],
            "CREATED RUNNING PAUSED RUNNING WARNING",
        ),
        (
            "paused, behavior FAIL",
            paused(", pauseDuration: PT1S, behavior: FAIL"),
            &[State::Success],
            vec![over()],
            "CREATED RUNNING PAUSED RUNNING FAILED",
        ),
        (
            "paused, behavior CANCEL",
            paused(", pauseDuration: PT1S, behavior: CANCEL"),
            &[State::Success],
            vec![over()],
            "CREATED RUNNING PAUSED RUNNING CANCELLED",
        ),
    ];
    for (what, flow, ends, events, expected) in rows {
        let mut world = World::new(&flow).with("a", ends);
        world.run();
        for event in events {
            world.queue.push(event);
            world.run();
        }
        assert_eq!(history(&world), expected, "{what}");
    }
}

#[test]
fn ways_into_an_execution_8_2() {
    for (what, events, expected) in [
        ("queued, its turn", vec![Event::Queue, Event::Begin], "CREATED QUEUED RUNNING SUCCESS"),
        ("queued, killed", vec![Event::Queue, Event::Kill], "CREATED QUEUED KILLING KILLED"),
        ("limit, CANCEL", vec![Event::Refuse { state: State::Cancelled }], "CREATED CANCELLED"),
        ("limit, FAIL", vec![Event::Refuse { state: State::Failed }], "CREATED FAILED"),
        ("killed before it began", vec![Event::Kill], "CREATED KILLING KILLED"),
    ] {
        let mut world = World::new(&yaml(&task("a"), ""));
        world.queue = events;
        world.run();
        assert_eq!(history(&world), expected, "{what}");
        assert!(world.complete, "{what}");
    }
}

#[test]
fn transitions_of_a_task_run_8_2() {
    for (what, ends, kill, expected) in [
        ("success", &[State::Success][..], false, "CREATED RUNNING SUCCESS"),
        ("warning", &[State::Warning], false, "CREATED RUNNING WARNING"),
        ("failed", &[State::Failed], false, "CREATED RUNNING FAILED"),
        ("skipped by itself", &[State::Skipped], false, "CREATED RUNNING SKIPPED"),
        ("killed", &[State::Success], true, "CREATED RUNNING KILLING KILLED"),
    ] {
        let mut world = World::new(&yaml(&task("a"), "")).with("a", ends);
        if kill {
            world.hanging = vec!["a"];
            world.run();
            world.queue.push(Event::Kill);
        }
        world.run();
        assert_eq!(history_of_run(&world, 0), expected, "{what}");
    }
    // What waits is killed at once.
    let mut world = World::new(&paused(""));
    world.run();
    world.queue.push(Event::Kill);
    world.run();
    assert_eq!(history_of_run(&world, 0), "CREATED RUNNING PAUSED KILLED");
}

#[test]
fn a_flowable_and_an_execution_take_the_worst_state_below_them_8_3() {
    let flow = yaml(&format!("{{id: p, {FLOW}.Parallel, tasks: [{}]}}", tasks(&["a", "b", "c"])), "");
    for (ends, expected) in [
        ([State::Success, State::Success, State::Success], State::Success),
        ([State::Success, State::Skipped, State::Success], State::Success),
        ([State::Success, State::Warning, State::Skipped], State::Warning),
        ([State::Warning, State::Failed, State::Success], State::Failed),
        ([State::Failed, State::Killed, State::Warning], State::Killed),
    ] {
        let [a, b, c] = ends.map(|state| vec![state]);
        let mut world = World::new(&flow).with("a", &a).with("b", &b).with("c", &c);
        world.run();
        assert_eq!(world.instance.execution().state.current(), expected, "{ends:?}");
        assert_eq!(world.instance.task_run(0).state.current(), expected, "{ends:?}");
    }
}

#[test]
fn branches_and_what_they_do_to_the_state_8_4() {
    let inner = |more: &str| {
        yaml(
            &format!("{{id: s, {FLOW}.Sequential, tasks: [{}]{more}}}", task("a")),
            &format!("errors: [{}]\nfinally: [{}]\n", task("e"), task("f")),
        )
    };
    let own = format!(", errors: [{}]", task("le"));
    for (what, flow, failing, expected) in [
        ("errors of a flowable run, it still fails, then those of the flow", inner(&own), &["a"][..], "FAILED a le e f"),
        ("handlers that succeed do not mend it", inner(""), &["a"], "FAILED a e f"),
        ("a handler that fails stops the other handlers of its list only", inner(&own), &["a", "le"], "FAILED a le e f"),
        ("finally runs without a failure, and its own failure counts", inner(""), &["f"], "FAILED a f"),
    ] {
        let mut world = failing.iter().fold(World::new(&flow), |world, id| world.with(id, &[State::Failed]));
        assert_eq!(world.outcome(), expected, "{what}");
    }
}

#[test]
fn a_restart_begins_where_it_failed_8_5() {
    let program = |text: &str| Arc::new(Program::new(flow(text)));
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let started = |run| Event::Started { run };
    let ended = |run, state| Event::Ended { run, end: TaskEnd::state(state) };
    let outputs = |failed: bool| Event::Outputs { outputs: (!failed).then(JsonMap::new), failed };
    let two = yaml(&tasks(&["a", "b"]), "outputs: [{id: o, type: STRING, value: x}]\n");
    let condition = yaml(&format!("{}, {{id: i, {FLOW}.If, condition: c, then: [{}]}}", task("a"), task("b")), "");
    let first = [Event::Begin, started(0), ended(0, State::Success)];
    for (what, text, rest, kept, again) in [
        ("a task", &two, vec![started(1), ended(1, State::Failed), outputs(false)], 4, vec![1]),
        ("a kill", &two, vec![started(1), Event::Kill, ended(1, State::Killed)], 4, vec![1]),
        ("a condition", &condition, vec![Event::Decided { run: 1, decision: Decision::Fail }], 3, vec![]),
        ("the outputs", &two, vec![started(1), ended(1, State::Success), outputs(true)], 5, vec![]),
    ] {
        let events: Vec<_> = first.iter().cloned().chain(rest).map(|event| (now, event)).collect();
        let execution = || Execution::new("exec", "a.b", "t", 1, now);
        let found = again::restart(program(text), execution(), &events).unwrap_or_else(|| panic!("{what}: nothing failed"));
        assert_eq!((found.events.len(), found.again), (kept, again), "{what}");
        let before = found.events.iter().map(|place| events[*place].clone());
        assert!(!replay(program(text), execution(), before).instance.is_complete(), "{what}");
    }
    let passed: Vec<_> =
        first.iter().cloned().chain([started(1), ended(1, State::Warning), outputs(false)]).map(|event| (now, event)).collect();
    assert_eq!(again::restart(program(&two), Execution::new("exec", "a.b", "t", 1, now), &passed), None);
}

#[test]
fn a_break_keeps_back_what_has_not_begun_8_5() {
    use crate::core::{Effect, Event, replay};
    let yaml = "{id: t, namespace: a.b, tasks: [{id: a, type: io.kestra.plugin.core.flow.Sequential, tasks: [{id: b, type: x.B}, {id: c, type: x.C}]}]}";
    let mut world = World::new(yaml);
    world.hanging = vec!["b"];
    world.run();
    let now = world.now;
    let mut events = vec![(now, Event::Begin)];
    let mut instance = crate::core::Instance::new(std::sync::Arc::clone(world.instance.program()), world_execution(&world));
    let mut feed = |instance: &mut crate::core::Instance, event: Event| {
        events.push((now, event.clone()));
        instance.apply(now, event)
    };
    instance.apply(now, Event::Begin);
    feed(&mut instance, Event::Decided { run: 0, decision: crate::core::Decision::Go { limit: 1, outputs: Default::default() } });
    // `b` was asked to start and waits for a slot.
    let effects = feed(&mut instance, Event::Hold);
    assert!(effects.contains(&Effect::Withdraw { run: 1 }), "{effects:?}");
    assert!(instance.is_withheld(1));
    let effects = feed(&mut instance, Event::Release);
    assert!(effects.contains(&Effect::Start { run: 1 }), "{effects:?}");
    feed(&mut instance, Event::Started { run: 1 });
    feed(&mut instance, Event::Hold);
    let effects = feed(&mut instance, Event::Ended { run: 1, end: TaskEnd::state(State::Success) });
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Start { .. })), "{effects:?}");
    assert_eq!(instance.execution().state.current(), State::Paused);
    // A host that takes it up keeps the break.
    let replayed = replay(std::sync::Arc::clone(world.instance.program()), world_execution(&world), events.clone());
    assert!(replayed.instance.is_held() && replayed.pending.is_empty(), "{:?}", replayed.pending);
    let effects = instance.apply(now, Event::Kill);
    assert!(effects.contains(&Effect::Complete), "{effects:?}");
    assert_eq!(instance.execution().state.current(), State::Killed);
}

fn world_execution(world: &World) -> switchyard_model::Execution {
    switchyard_model::Execution::new("exec", "a.b", "t", 1, world.now)
}
