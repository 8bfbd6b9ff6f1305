//! Subflow; spec 4.2.

use serde_json::json;
use switchyard_model::State;

use crate::world::{World, flow, run};

const CHILD: &str = r#"
id: child
namespace: a.b
labels: {own: child}
inputs: [{id: name, type: STRING, defaults: nobody}, {id: list, type: JSON, required: false}]
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: "hi {{ inputs.name }} from {{ trigger.flowId ?? 'nowhere' }}"}
outputs:
  - {id: said, type: STRING, value: "{{ outputs.say.value }}"}
  - {id: caller, type: JSON, value: "{{ trigger }}"}
  - {id: labels, type: JSON, value: "{{ labels }}"}
"#;

const FAILING: &str = r#"
id: failing
namespace: a.b
tasks: [{id: no, type: io.kestra.plugin.core.execution.Fail, errorMessage: on purpose}]
"#;

fn call(rest: &str) -> String {
    flow(&format!("labels: {{team: data}}\ntasks:\n  - {{id: sub, type: io.kestra.plugin.core.flow.Subflow, namespace: a.b, {rest}}}\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subflow_gets_inputs_and_gives_outputs_4_2() {
    let world = World::new(&[CHILD]);
    let ran = world.run(&call("flowId: child, inputs: {name: you, list: '{{ [1, 2] }}'}")).await;
    assert_eq!(ran.state(), "SUCCESS", "{:#?}", ran.log);
    let outputs = ran.outputs("sub");
    assert_eq!((&outputs["state"], &outputs["outputs"]["said"]), (&json!("SUCCESS"), &json!("hi you from t")));
    let trigger = &outputs["outputs"]["caller"];
    assert_eq!(trigger["executionId"], *ran.execution.id);
    assert_eq!((&trigger["namespace"], &trigger["flowId"], &trigger["flowRevision"]), (&json!("a.b"), &json!("t"), &json!(1)));
    let child = world.document(outputs["executionId"].as_str().unwrap()).await;
    assert_eq!(child.trigger.as_ref().unwrap().id, "sub".into());
    assert_eq!(child.inputs["list"], json!([1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_a_subflow_1_6_and_4_2() {
    let world = World::new(&[CHILD]);
    for (rest, expected) in [
        ("flowId: child", json!({ "own": "child" })),
        ("flowId: child, inheritLabels: true", json!({ "own": "child", "team": "data" })),
        (
            "flowId: child, inheritLabels: '{{ true }}', labels: {team: '{{ flow.id }}', own: caller}",
            json!({ "own": "caller", "team": "t" }),
        ),
    ] {
        let ran = world.run(&call(rest)).await;
        let mut labels = ran.outputs("sub")["outputs"]["labels"].clone();
        let system = labels.as_object_mut().unwrap().remove("system").unwrap();
        assert_eq!(labels, expected, "{rest}");
        assert_eq!(system["correlationId"], *ran.execution.id, "{rest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_child_ends_decides_the_task_4_2() {
    let warning = "id: warning\nnamespace: a.b\ntasks: [{id: f, allowFailure: true, type: io.kestra.plugin.core.execution.Fail}]";
    let cancelled = "id: cancelled\nnamespace: a.b\ntasks: [{id: e, type: io.kestra.plugin.core.execution.Exit, state: CANCELED}]";
    let disabled = "id: off\nnamespace: a.b\ndisabled: true\ntasks: [{id: l, type: io.kestra.plugin.core.log.Log, message: x}]";
    let world = World::new(&[CHILD, FAILING, warning, cancelled, disabled]);
    for (rest, state) in [
        ("flowId: failing", "FAILED"),
        ("flowId: failing, transmitFailed: false", "SUCCESS"),
        ("flowId: failing, allowFailure: true", "WARNING"),
        ("flowId: warning", "WARNING"),
        ("flowId: warning, allowWarning: true", "SUCCESS"),
        ("flowId: cancelled", "KILLED"),
        ("flowId: failing, wait: false", "SUCCESS"),
        ("flowId: off", "FAILED"),
        ("flowId: nowhere", "FAILED"),
        ("flowId: child, revision: 7", "FAILED"),
        ("flowId: child, inputs: {name: '{{ nope }}'}", "FAILED"),
        ("flowId: child, when: '{{ false }}'", "SUCCESS"),
    ] {
        let ran = world.run(&call(rest)).await;
        assert_eq!(ran.state(), state, "{rest} {:#?}", ran.log);
    }
    let log = world.seen.log().join("\n");
    for text in ["there is no flow `a.b.nowhere`", "has no revision 7", "a.b.off is disabled", "flow::unknown_flow"] {
        assert!(log.contains(text), "{text} {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_revision_is_called_unless_another_is_named_4_2() {
    let revision = |text: &str| {
        format!(
            "id: v\nnamespace: a.b\ntasks: [{{id: l, type: io.kestra.plugin.core.debug.Return, format: x}}]\noutputs: [{{id: o, type: STRING, value: {text}}}]"
        )
    };
    let world = World::new(&[]);
    world.add(&revision("one"), 1);
    world.add(&revision("two"), 2);
    assert_eq!(world.run(&call("flowId: v")).await.outputs("sub")["outputs"]["o"], "two");
    assert_eq!(world.run(&call("flowId: v, revision: 1")).await.outputs("sub")["outputs"]["o"], "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_subflow_outputs_are_rendered_in_the_childs_context_4_2() {
    let world = World::new(&[CHILD]);
    let ran = world.run(&call("flowId: child, outputs: {text: '{{ outputs.say.value }}'}")).await;
    assert_eq!(ran.outputs("sub")["outputs"]["text"], "hi nobody from t", "{:#?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_reaches_the_child_unless_told_otherwise_8_5() {
    let sleeping = "id: sleeping\nnamespace: a.b\ntasks: [{id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H}]";
    for cascade in [true, false] {
        let world = World::new(&[sleeping]);
        let handle = world.submit(&call("flowId: sleeping"), json!({})).await;
        world.seen.reached("nap", State::Running).await;
        handle.kill_with(cascade);
        assert_eq!(handle.wait().await.state.current(), State::Killed);
        let left = world.engine.all();
        assert_eq!(left.len(), usize::from(!cascade));
        for child in left {
            child.kill();
            assert_eq!(child.wait().await.state.current(), State::Killed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subflow_has_a_timeout_and_retries_2() {
    let sleeping = "id: sleeping\nnamespace: a.b\ntasks: [{id: nap, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H}]";
    let world = World::new(&[sleeping, FAILING]);
    let ran = world.run(&call("flowId: sleeping, timeout: PT0.05S")).await;
    assert_eq!(ran.state(), "FAILED");
    assert_eq!(world.document(ran.outputs("sub")["executionId"].as_str().unwrap()).await.state.current(), State::Killed);
    let ran = world.run(&call("flowId: failing, retry: {type: constant, interval: PT0.01S, maxAttempts: 3}")).await;
    assert_eq!((ran.state(), ran.execution.task_run_list[0].attempts.len()), ("FAILED", 3));
    assert_eq!(ran.log.iter().filter(|line| line.contains("on purpose")).count(), 3, "each attempt is an execution of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn runaway_recursion_is_stopped() {
    let caller = |id: &str, other: &str| {
        format!(
            "id: {id}\nnamespace: a.b\ntasks: [{{id: to_{other}, type: io.kestra.plugin.core.flow.Subflow, namespace: a.b, flowId: {other}}}]"
        )
    };
    let world = World::new(&[&caller("ping", "pong"), &caller("pong", "ping")]);
    let ran = world.run(&call("flowId: ping")).await;
    assert_eq!(ran.state(), "FAILED");
    assert!(ran.logged("flow::too_deep"), "{:#?}", ran.log);
    let itself = world.engine.registry();
    let mut sources = switchyard_model::Sources::new();
    let text = call("flowId: t");
    let loaded = switchyard_engine::load::bytes_of("f", text.as_bytes(), itself, &Default::default(), &mut sources).unwrap();
    assert!(loaded.program.is_none() && loaded.violations.display(&sources).to_string().contains("Recursive call to flow [a.b.t]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_other_flows_the_error_says_how_to_give_them() {
    let ran = run(&call("flowId: child")).await;
    assert!(ran.logged("--flows DIR"), "{:#?}", ran.log);
}
