//! Pauses, promises, checks, limits, listeners, new executions; spec 1.4, 1.5, 2.3, 4.2, 8.4 to 8.6.

use serde_json::json;
use switchyard_engine::{Control, Refused};
use switchyard_model::State;

use crate::world::{World, flow, run};

const LOG: &str = "type: io.kestra.plugin.core.log.Log";
const FAIL: &str = "type: io.kestra.plugin.core.execution.Fail";
const SHELL: &str = "type: io.kestra.plugin.scripts.shell.Commands, taskRunner: {type: io.kestra.plugin.core.runner.Process}";
const FLOW: &str = "type: io.kestra.plugin.core.flow";

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_takes_inputs_when_it_is_resumed_4_2() {
    let world = World::new(&[]);
    let text = flow(&format!(
        "tasks:\n  - {{id: p, {FLOW}.Pause, onResume: [{{id: ok, type: BOOL}}, {{id: why, type: STRING, defaults: because}}], onPause: {{id: note, {LOG}, message: waiting}}}}\n  - {{id: l, {LOG}, message: \"{{{{ outputs.p.onResume.ok }}}} {{{{ outputs.p.onResume.why }}}}\"}}\n"
    ));
    let handle = world.submit(&text, json!({})).await;
    world.seen.reached("p", State::Paused).await;
    assert!(matches!(handle.resume(None, json!({}).as_object().unwrap().clone()).await, Err(Refused::Inputs(_))));
    assert!(matches!(handle.resume(Some("x".into()), Default::default()).await, Err(Refused::Error(_))));
    handle.resume(Some("p".into()), json!({ "ok": "true" }).as_object().unwrap().clone()).await.unwrap();
    assert_eq!(handle.wait().await.state.current(), State::Success);
    assert_eq!(world.seen.log(), ["note INFO waiting", "l INFO true because"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_when_a_pause_is_over_4_2() {
    for (rest, state) in [
        ("pauseDuration: PT0.01S", "SUCCESS"),
        ("delay: PT0.01S, behavior: WARN", "WARNING"),
        ("pauseDuration: PT0.01S, behavior: FAIL", "FAILED"),
        ("pauseDuration: PT0.01S, behavior: CANCEL", "CANCELLED"),
        ("timeout: PT0.01S", "FAILED"),
        ("timeout: PT0.01S, allowFailure: true", "WARNING"),
    ] {
        let ran = run(&flow(&format!("tasks: [{{id: p, {FLOW}.Pause, {rest}}}, {{id: l, {LOG}, message: x}}]"))).await;
        assert_eq!(ran.state(), state, "{rest} {:?}", ran.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flowable_that_takes_too_long_fails_2() {
    let ran = run(&flow(&format!(
        "tasks:\n  - {{id: s, {FLOW}.Sequential, timeout: PT0.05S, tasks: [{{id: nap, {FLOW}.Sleep, duration: PT1H}}, {{id: n, {LOG}, message: x}}], errors: [{{id: e, {LOG}, message: handled}}]}}\n  - {{id: l, {LOG}, message: x}}\n"
    )))
    .await;
    assert_eq!(ran.states(), ["s FAILED", "nap KILLED", "e SUCCESS"], "{:?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn promises_1_4() {
    let of = |sla: &str| {
        flow(&format!(
            "sla: [{{id: p, {sla}, labels: {{late: yes}}}}]\ntasks: [{{id: a, {LOG}, message: a}}, {{id: nap, {FLOW}.Sleep, duration: PT0.3S}}, {{id: b, {LOG}, message: b}}]"
        ))
    };
    for (sla, state) in [
        ("type: MAX_DURATION, duration: PT0.05S, behavior: FAIL", "FAILED"),
        ("type: MAX_DURATION, duration: PT0.05S, behavior: CANCEL", "CANCELLED"),
        ("type: MAX_DURATION, duration: PT0.05S, behavior: NONE", "SUCCESS"),
        ("type: EXECUTION_ASSERTION, assert: \"{{ tasks.a.state != 'SUCCESS' }}\", behavior: FAIL", "FAILED"),
    ] {
        let ran = run(&of(sla)).await;
        assert_eq!(ran.state(), state, "{sla} {:?}", ran.log);
        assert!(ran.execution.labels.iter().any(|label| &*label.key == "late"), "{sla}");
        assert!(ran.logged("ERROR SLA `p` is violated"), "{sla} {:?}", ran.log);
    }
    let kept = run(&of("type: MAX_DURATION, duration: PT1H, behavior: FAIL")).await;
    assert!(kept.state() == "SUCCESS" && !kept.execution.labels.iter().any(|label| &*label.key == "late"));
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_come_before_the_execution_1_5() {
    let of = |behavior: &str| {
        flow(&format!(
            "inputs: [{{id: n, type: INT}}]\nchecks: [{{when: '{{{{ inputs.n < 5 }}}}', message: 'n is {{{{ inputs.n }}}}', behavior: {behavior}}}]\ntasks: [{{id: l, {LOG}, message: x}}]"
        ))
    };
    let world = World::new(&[]);
    assert_eq!(world.run_with(&of("BLOCK_EXECUTION"), json!({ "n": 1 })).await.state(), "SUCCESS");
    let Err(Refused::Error(error)) = world.try_submit(&of("BLOCK_EXECUTION"), json!({ "n": 7 })).await else { panic!() };
    assert!(error.code == "flow::check_failed" && error.message.contains("n is 7"), "{error:?}");
    let ran = world.run_with(&of("FAIL_EXECUTION"), json!({ "n": 7 })).await;
    assert_eq!((ran.state(), ran.execution.task_run_list.len()), ("FAILED", 0));
    assert_eq!(world.run_with(&of("CREATE_EXECUTION"), json!({ "n": 7 })).await.state(), "SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_a_flow_8_6() {
    for (behavior, second) in [("QUEUE", "SUCCESS"), ("CANCEL", "CANCELLED"), ("FAIL", "FAILED")] {
        let world = World::new(&[]);
        let text = flow(&format!("concurrency: {{limit: 1, behavior: {behavior}}}\ntasks: [{{id: p, {FLOW}.Sleep, duration: PT0.2S}}]"));
        let first = world.submit(&text, json!({})).await;
        world.seen.reached("p", State::Running).await;
        let next = world.submit(&text, json!({})).await;
        let document = next.wait().await;
        assert_eq!(document.state.current().name(), second);
        let queued = document.state.histories().any(|change| change.state == State::Queued);
        assert_eq!(queued, behavior == "QUEUE");
        assert_eq!(first.wait().await.state.current(), State::Success);
    }
    let world = World::new(&[]);
    let text = flow(&format!("concurrency: {{limit: 1}}\ntasks: [{{id: p, {FLOW}.Sleep, duration: PT1H}}]"));
    let first = world.submit(&text, json!({})).await;
    world.seen.reached("p", State::Running).await;
    let queued = world.submit(&text, json!({})).await;
    world.seen.reached("", State::Queued).await;
    queued.kill();
    assert_eq!(queued.wait().await.state.current(), State::Killed);
    first.kill();
    first.wait().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_and_after_execution_see_the_state_8_4() {
    let condition = "io.kestra.plugin.core.condition.ExecutionStatus";
    let text = |task: &str| {
        flow(&format!(
            "tasks: [{task}]\nafterExecution: [{{id: after, {LOG}, message: '{{{{ execution.state }}}}'}}]\nlisteners:\n  - {{conditions: [{{type: {condition}, in: [FAILED]}}], tasks: [{{id: bad, {LOG}, message: bad}}]}}\n  - {{tasks: [{{id: any, {LOG}, message: any}}]}}\n"
        ))
    };
    assert_eq!(run(&text(&format!("{{id: l, {LOG}, message: x}}"))).await.log, ["l INFO x", "after INFO SUCCESS", "any INFO any"]);
    let ran = run(&text(&format!("{{id: f, {FAIL}, errorMessage: no}}"))).await;
    assert_eq!((ran.state(), ran.log[1..].join(" ")), ("FAILED", "after INFO FAILED bad INFO bad any INFO any".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_execution_tries_again_2_3() {
    let world = World::new(&[]);
    let text = flow(&format!(
        "inputs: [{{id: n, type: INT, defaults: 4}}]\nretry: {{type: constant, interval: PT0.01S, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}}\ntasks: [{{id: s, {FLOW}.Sequential, tasks: [{{id: f, {FAIL}, errorMessage: 'try {{{{ inputs.n }}}}'}}]}}]\nerrors: [{{id: e, {LOG}, message: gave up}}]"
    ));
    let handle = world.submit(&text, json!({})).await;
    let last = handle.wait().await;
    let first = world.document(handle.id()).await;
    let _ = first;
    assert_eq!((last.state.current(), last.metadata.attempt_number), (State::Failed, 3));
    assert_eq!(&*last.original_id, handle.id());
    let log = world.seen.log();
    assert_eq!(log.iter().filter(|line| line.contains("try 4")).count(), 3, "{log:?}");
    assert_eq!(log.iter().filter(|line| line.contains("gave up")).count(), 1, "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_execution_finishes_what_runs_and_begins_nothing_8_5() {
    let world = World::new(&[]);
    let gate = world.data.path().join("gate");
    let text = flow(&format!(
        "tasks:\n  - {{id: a, {SHELL}, commands: ['while [ ! -e {0} ]; do sleep 0.02; done']}}\n  - {{id: l, {LOG}, message: after}}\n",
        gate.display()
    ));
    let handle = world.submit(&text, json!({})).await;
    world.seen.reached("a", State::Running).await;
    handle.control(Control::Pause).await.unwrap();
    assert_eq!(handle.document().await.unwrap().state.current(), State::Paused);
    assert!(handle.control(Control::Pause).await.is_err(), "it is paused already");
    std::fs::write(&gate, "").unwrap();
    world.seen.reached("a", State::Success).await;
    let document = handle.document().await.unwrap();
    assert_eq!((document.state.current(), world.seen.log()), (State::Paused, Vec::new()));
    handle.resume(None, Default::default()).await.unwrap();
    let states: Vec<_> = handle.wait().await.state.histories().map(|change| change.state.name()).collect();
    assert_eq!(states, ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]);
    assert_eq!(world.seen.log(), ["l INFO after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_execution_can_be_killed_restarted_and_forced_8_5() {
    let waiting = flow(&format!("tasks: [{{id: p, {FLOW}.Pause}}, {{id: l, {LOG}, message: x}}]"));
    let world = World::new(&[]);
    let killed = world
        .submit(&flow(&format!("tasks: [{{id: nap, {FLOW}.Sleep, duration: PT0.2S}}, {{id: l, {LOG}, message: x}}]")), json!({}))
        .await;
    world.seen.reached("nap", State::Running).await;
    killed.control(Control::Pause).await.unwrap();
    killed.kill();
    assert_eq!(killed.wait().await.state.current(), State::Killed);
    let handle = world.submit(&waiting, json!({})).await;
    world.seen.reached("p", State::Paused).await;
    world.engine.restart(handle.id()).await.unwrap();
    let document = handle.document().await.unwrap();
    let states: Vec<_> = document.task_run_list[0].state.histories().map(|change| change.state.name()).collect();
    assert_eq!(states, ["CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "PAUSED"]);
    assert_eq!(document.state.current(), State::Paused);
    world.engine.force_run(handle.id()).await.unwrap();
    let end = handle.wait().await;
    assert_eq!(end.state.current(), State::Success);
    assert!(end.labels.iter().any(|label| &*label.key == "system.restarted"), "{:?}", end.labels);
    assert_eq!(world.engine.pause(handle.id()).await.err().map(|error| error.code), Some("execution::over".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_execution_is_forced_8_6() {
    let world = World::new(&[]);
    let text = flow(&format!("concurrency: {{limit: 1}}\ntasks: [{{id: p, {FLOW}.Pause}}]"));
    let nap = flow(&format!("concurrency: {{limit: 1}}\ntasks: [{{id: nap, {FLOW}.Sleep, duration: PT1H}}]"));
    let first = world.submit(&nap, json!({})).await;
    world.seen.reached("nap", State::Running).await;
    let queued = world.submit(&text, json!({})).await;
    world.seen.reached("", State::Queued).await;
    assert!(queued.control(Control::Pause).await.is_err(), "it does not run");
    queued.control(Control::Force).await.unwrap();
    world.seen.reached("p", State::Paused).await;
    queued.control(Control::Force).await.unwrap();
    assert_eq!(queued.wait().await.state.current(), State::Success);
    first.kill();
    first.wait().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_what_is_over_is_changed_8_5() {
    let world = World::new(&[]);
    let text = flow(&format!(
        "tasks: [{{id: a, {LOG}, message: a}}, {{id: f, {FAIL}}}, {{id: l, {LOG}, message: '{{{{ tasks.f.state }}}}'}}]\nerrors: [{{id: e, {LOG}, message: e}}]"
    ));
    let handle = world.submit(&text, json!({})).await;
    let id = handle.wait().await.id.clone();
    world.engine.idle().await;
    world.engine.change_status(&id, State::Warning).await.unwrap();
    assert_eq!(world.document(&id).await.state.current(), State::Warning);
    for unknown in ["nobody", "e2"] {
        assert!(world.engine.change_task_run(&id, unknown, State::Success).await.is_err());
    }
    let changed = world.engine.change_task_run(&id, "f", State::Success).await.unwrap().wait().await;
    let states: Vec<_> = changed.task_run_list.iter().map(|run| format!("{} {}", run.task_id, run.state.current())).collect();
    assert_eq!((changed.state.current(), states), (State::Success, vec!["a SUCCESS".into(), "f SUCCESS".into(), "l SUCCESS".into()]));
    assert_eq!(world.seen.log().last().map(String::as_str), Some("l INFO SUCCESS"));
    world.engine.idle().await;
    let failed = world.engine.change_task_run(&id, "a", State::Failed).await.unwrap().wait().await;
    assert_eq!(failed.state.current(), State::Failed);
    assert_eq!(world.seen.log().last().map(String::as_str), Some("e INFO e"));
}
