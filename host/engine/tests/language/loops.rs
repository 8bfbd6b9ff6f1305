//! Loop, ForEach, EachParallel, LoopUntil; spec 4.2.

use serde_json::json;

use crate::world::{World, flow, run};

const FLOW: &str = "type: io.kestra.plugin.core.flow";
const RETURN: &str = "type: io.kestra.plugin.core.debug.Return";

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_isolates_its_iterations_and_gives_declared_outputs_4_2() {
    for (values, expected) in [
        ("[a, {k: 1}]", json!([{ "o": "0 a" }, { "o": "1 {\"k\":1}" }])),
        ("{x: 1, y: 2}", json!([{ "o": "0 x1" }, { "o": "1 y2" }])),
        ("'[3, 3]'", json!([{ "o": "0 3" }, { "o": "1 3" }])),
        ("'{{ [true] }}'", json!([{ "o": "0 true" }])),
        ("[]", json!([])),
    ] {
        let ran = run(&flow(&format!(
            r#"tasks:
  - id: before
    {RETURN}
    format: outer
  - id: loop
    {FLOW}.Loop
    values: {values}
    tasks:
      - {{id: one, {RETURN}, format: "{{{{ item.index }}}} {{{{ item.key ?? '' }}}}{{{{ item.value }}}}"}}
      - {{id: two, {RETURN}, format: "{{{{ outputs.one.value }}}}{{{{ outputs.before.value | replace({{'outer': ''}}) }}}}"}}
    outputs: [{{id: o, type: STRING, value: "{{{{ outputs.two.value }}}}"}}]
  - id: after
    {RETURN}
    format: "{{{{ loopOutputs(outputs.loop.outputs, 'o') }}}} {{{{ outputs.one ?? 'hidden' }}}}"
"#
        )))
        .await;
        assert_eq!(ran.state(), "SUCCESS", "{values} {:#?}", ran.log);
        let outputs = ran.outputs("loop");
        assert_eq!(outputs["outputs"], expected, "{values}");
        assert_eq!(outputs["iterationCount"], expected.as_array().unwrap().len());
        assert!(ran.outputs("after")["value"].as_str().unwrap().ends_with(" hidden"), "{values}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loops_in_loops_see_the_items_around_4_2() {
    let ran = run(&flow(&format!(
        r#"tasks:
  - id: outer
    {FLOW}.Loop
    values: [a, b]
    concurrencyLimit: 1
    tasks:
      - id: inner
        {FLOW}.Loop
        values: [1, 2]
        concurrencyLimit: 1
        tasks:
          - {{id: x, {RETURN}, format: "{{{{ item.parent.value }}}}{{{{ item.value }}}}{{{{ item.parents | length }}}}"}}
        outputs: [{{id: o, value: "{{{{ outputs.x.value }}}}"}}]
      - id: each
        {FLOW}.ForEach
        values: [p, q]
        tasks: [{{id: y, {RETURN}, format: "{{{{ item.value }}}}{{{{ taskrun.value }}}}"}}]
    outputs:
      - {{id: inner, type: JSON, value: "{{{{ loopOutputs(outputs.inner.outputs, 'o') }}}}"}}
      - {{id: each, type: STRING, value: "{{{{ outputs.y.q.value }}}}"}}
"#
    )))
    .await;
    assert_eq!(ran.state(), "SUCCESS", "{:#?}", ran.log);
    let given = ran.outputs("outer");
    assert_eq!(given["outputs"], json!([{ "inner": ["a11", "a21"], "each": "aq" }, { "inner": ["b11", "b21"], "each": "bq" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn breaking_failing_and_storing_loops_4_2() {
    let of = |rest: &str| {
        flow(&format!(
            r#"tasks:
  - id: loop
    {FLOW}.Loop
    values: [1, 2, 3]
    concurrencyLimit: 1
    tasks: [{{id: f, type: io.kestra.plugin.core.execution.Fail, condition: "{{{{ item.value == 2 }}}}"}}]
    outputs: [{{id: o, type: INT, value: "{{{{ item.value }}}}"}}]
    {rest}
"#
        ))
    };
    for (rest, state, count) in [
        ("breakWhen: '{{ item.index == 0 }}'", "SUCCESS", 1),
        ("transmitFailed: false", "SUCCESS", 3),
        ("transmitFailed: true", "FAILED", 2),
        ("breakWhen: '{{ nope }}'", "FAILED", 1),
    ] {
        let ran = run(&of(rest)).await;
        assert_eq!((ran.state(), &ran.outputs("loop")["iterationCount"]), (state, &json!(count)), "{rest} {:#?}", ran.log);
    }
    let world = World::new(&[]);
    let ran = world.run(&of("fetchType: STORE\n    transmitFailed: false")).await;
    let uri = ran.outputs("loop")["outputs"].as_str().unwrap().to_owned();
    assert!(uri.starts_with("kestra:///"), "{uri}");
    // And such a file is what another loop can go over.
    let again = flow(&format!(
        "tasks: [{{id: loop, {FLOW}.Loop, values: '{uri}', tasks: [{{id: r, {RETURN}, format: x}}], outputs: [{{id: o, value: '{{{{ item.value.o * 10 }}}}'}}]}}]"
    ));
    let ran = world.run(&again).await;
    assert_eq!(ran.outputs("loop")["outputs"], json!([{ "o": 10 }, { "o": 20 }, { "o": 30 }]), "{:#?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_a_loop_4_2() {
    let null = "a null";
    for (values, expected) in [
        ("[b, a, b, 1, '1', true]", "b a 1 true"),
        ("'[\"x\", {\"k\": 1}]'", "x {\"k\":1}"),
        ("'{{ inputs.none ?? [] }}'", ""),
        ("[]", ""),
        ("[a, null]", null),
        ("'{{ null }}'", null),
        ("'{{ nope }}'", null),
        ("'no list'", null),
        ("'{\"a\": 1}'", null),
    ] {
        for (kind, property) in [("ForEach", "values"), ("EachSequential", "value"), ("EachParallel", "value")] {
            let text = flow(&format!("tasks: [{{id: e, {FLOW}.{kind}, {property}: {values}, tasks: [{{id: r, {RETURN}, format: x}}]}}]"));
            let ran = run(&text).await;
            if expected == null {
                assert_eq!((ran.state(), ran.execution.task_run_list.len()), ("FAILED", 1), "{kind} {values}");
                assert!(ran.log[0].contains("ERROR"), "{kind} {values} {:?}", ran.log);
                continue;
            }
            let seen: Vec<_> = ran.execution.runs_of("r").map(|run| run.value.as_deref().unwrap_or_default()).collect();
            assert_eq!((ran.state(), seen.join(" ")), ("SUCCESS", expected.to_owned()), "{kind} {values} {:?}", ran.log);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expression_error_in_the_middle_of_a_loop_says_where() {
    let text = flow(&format!(
        "tasks: [{{id: e, {FLOW}.ForEach, values: [1, 2, 3], tasks: [{{id: r, {RETURN}, format: \"{{{{ 1 / (2 - (taskrun.value | number)) }}}}\"}}]}}]"
    ));
    let ran = run(&text).await;
    assert_eq!(ran.states(), ["e FAILED", "r[1] SUCCESS", "r[2] FAILED"]);
    assert!(ran.log[0].starts_with("r ERROR"), "{:?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_until_counts_and_gives_up_4_2() {
    let of = |condition: &str, rest: &str| {
        flow(&format!("tasks: [{{id: u, {FLOW}.LoopUntil, condition: \"{condition}\", {rest}, tasks: [{{id: r, {RETURN}, format: x}}]}}]"))
    };
    for (condition, rest, state, rounds) in [
        ("{{ true }}", "checkFrequency: {interval: PT0.001S}", "SUCCESS", 1),
        ("{{ outputs.u.iterationCount == 3 }}", "checkFrequency: {interval: PT0.001S}", "SUCCESS", 3),
        ("{{ false }}", "checkFrequency: {interval: PT0.001S, maxIterations: 2}", "SUCCESS", 2),
        ("{{ false }}", "failOnMaxReached: true, checkFrequency: {interval: PT0.001S, maxIterations: 2}", "FAILED", 2),
        ("{{ false }}", "failOnMaxReached: true, checkFrequency: {interval: PT0.001S, maxDuration: PT0.02S}", "FAILED", 0),
        ("{{ nope }}", "checkFrequency: {interval: PT0.001S}", "FAILED", 1),
    ] {
        let ran = run(&of(condition, rest)).await;
        let count = ran.execution.runs_of("r").count();
        assert_eq!(ran.state(), state, "{condition} {rest} {:?}", ran.log);
        assert!(rounds == 0 || count == rounds, "{condition} {rest}: {count}");
    }
}
