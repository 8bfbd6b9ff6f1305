//! Flow triggers; spec 11.5.

use crate::world::{World, flow};

const RETURN: &str = "type: io.kestra.plugin.core.debug.Return";

fn upstream(id: &str, task: &str) -> String {
    format!("id: {id}\nnamespace: a.b\ntasks: [{task}]\noutputs: [{{id: {id}_out, type: STRING, value: 'from {id}'}}]")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_starts_when_another_one_has_ended_11_5() {
    let ok = upstream("ok", &format!("{{id: r, {RETURN}, format: x}}"));
    let bad = upstream("bad", "{id: f, type: io.kestra.plugin.core.execution.Fail}");
    let listening = |id: &str, trigger: &str| {
        format!(
            "id: {id}\nnamespace: a.b\ninputs: [{{id: seen, type: STRING, defaults: none}}]\ntasks: [{{id: say_{id}, type: io.kestra.plugin.core.log.Log, message: \"{id} {{{{ inputs.seen }}}} {{{{ trigger.flowId }}}}\"}}]\ntriggers: [{{id: on, type: io.kestra.plugin.core.trigger.Flow, inputs: {{seen: \"{{{{ trigger.outputs.ok_out ?? 'nothing' }}}}\"}}, {trigger}}}]"
        )
    };
    let conditions = "io.kestra.plugin.core.condition";
    let world = World::new(&[
        &listening("failures", &format!("conditions: [{{type: {conditions}.ExecutionStatus, in: [FAILED]}}]")),
        &listening("of_ok", "preconditions: {id: p, flows: [{namespace: a.b, flowId: ok, states: [SUCCESS]}]}"),
        &listening("both", "dependsOn: [{flowId: ok}, {flowId: bad}]"),
        &listening("never", "disabled: true, states: [SUCCESS]"),
        &listening("other", &format!("conditions: [{{type: {conditions}.ExecutionFlow, namespace: a.b, flowId: nope}}]")),
    ]);
    world.run(&ok).await;
    assert_eq!(world.seen.log(), ["say_of_ok INFO of_ok from ok ok"]);
    world.run(&bad).await;
    let mut log = world.seen.log();
    log.retain(|line| line.starts_with("say_"));
    log.sort();
    assert_eq!(log, ["say_both INFO both from ok bad", "say_failures INFO failures nothing bad", "say_of_ok INFO of_ok from ok ok"]);
    // The first one that fired both ways is over: counting begins anew.
    world.run(&ok).await;
    assert_eq!(world.seen.log().iter().filter(|line| line.starts_with("say_both")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_flows_that_listen_to_each_other_are_stopped() {
    let listening = |id: &str, other: &str| {
        format!(
            "id: {id}\nnamespace: a.b\ntasks: [{{id: r_{id}, type: io.kestra.plugin.core.log.Log, message: x}}]\ntriggers: [{{id: on, type: io.kestra.plugin.core.trigger.Flow, dependsOn: [{{flowId: {other}}}]}}]"
        )
    };
    let (ping, pong) = (listening("ping", "pong"), listening("pong", "ping"));
    let world = World::new(&[&ping, &pong]);
    world.run(&ping).await;
    assert_eq!(world.seen.log().len(), 101);
    let _ = flow("");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_was_turned_off_does_not_fire_until_it_is_turned_on() {
    let listening = "id: hears\nnamespace: a.b\ntasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: x}]\ntriggers: [{id: on, type: io.kestra.plugin.core.trigger.Flow, dependsOn: [{flowId: ok}]}]";
    let ok = upstream("ok", &format!("{{id: r, {RETURN}, format: x}}"));
    let toggle = |enabled: bool| {
        format!(
            "id: toggle\nnamespace: a.b\ntasks: [{{id: t, type: io.kestra.plugin.core.trigger.Toggle, flowId: hears, trigger: on, enabled: {enabled}}}]"
        )
    };
    let world = World::new(&[listening]);
    for (enabled, fired) in [(true, 1), (false, 1), (true, 2)] {
        assert_eq!(world.run(&toggle(enabled)).await.state(), "SUCCESS");
        world.run(&ok).await;
        assert_eq!(world.seen.log().iter().filter(|line| line.starts_with("say ")).count(), fired, "{enabled}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_off_after_an_end_that_it_names_11_1() {
    let listening = "id: hears\nnamespace: a.b\ntasks: [{id: say, type: io.kestra.plugin.core.execution.Fail}]\ntriggers: [{id: on, type: io.kestra.plugin.core.trigger.Flow, stopAfter: [FAILED], dependsOn: [{flowId: ok}]}]";
    let ok = upstream("ok", &format!("{{id: r, {RETURN}, format: x}}"));
    let world = World::new(&[listening]);
    for _ in 0..3 {
        world.run(&ok).await;
    }
    assert_eq!(world.seen.log().iter().filter(|line| line.starts_with("say ")).count(), 1);
}
