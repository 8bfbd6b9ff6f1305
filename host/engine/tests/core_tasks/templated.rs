use crate::support::Host;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_text_gets_its_defaults_ask_42() {
    let yaml = r#"id: t
namespace: a.b
taskDefaults:
  - type: io.kestra.plugin.scripts.shell
    values: {taskRunner: {type: io.kestra.plugin.core.runner.Process}, env: {WHO: default}}
tasks:
  - id: sh
    type: io.kestra.core.tasks.templating.TemplatedTask
    spec: |
      id: inner
      type: io.kestra.plugin.scripts.shell.Commands
      commands:
        - echo "$WHO runs {{ flow.id }}"
        - 'echo "::{\"outputs\":{\"k\":1}}::"'
  - {id: after, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.sh.vars.k }}"}
"#;
    let ran = Host::default().flow(yaml, serde_json::json!({})).await.expect("SUCCESS");
    assert_eq!(ran.said("sh"), ["INFO default runs t"]);
    assert_eq!(ran.outputs("after")["value"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_no_task_fails_and_says_why() {
    for (spec, expected) in [
        ("just text", "no valid task"),
        ("id: x\n      type: io.kestra.plugin.core.log.Log\n      massage: hi", "massage"),
        ("id: x\n      type: no.such.Type", "no.such.Type"),
        (
            "id: x\n      type: io.kestra.plugin.core.flow.Sequential\n      tasks: [{id: y, type: io.kestra.plugin.core.log.Log, message: m}]",
            "flowable",
        ),
    ] {
        let ran = Host::default()
            .run(&format!("  - id: t\n    type: io.kestra.plugin.core.templating.TemplatedTask\n    spec: |\n      {spec}\n"))
            .await
            .expect("FAILED");
        assert!(ran.said("t")[0].contains(expected), "{spec}: {:#?}", ran.log);
    }
}
