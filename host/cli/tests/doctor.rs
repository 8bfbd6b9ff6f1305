//! `switchyard doctor`: what task runners say about themselves.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::Value as Json;
use support::Home;

#[test]
fn the_process_runner_is_always_well() {
    let ran = Home::new(&[]).run(&["doctor"]).expect(0);
    assert!(ran.stdout().starts_with("ok   io.kestra.plugin.core.runner.Process\n"), "{}", ran.stdout());
}

#[test]
fn a_flow_is_asked_with_its_own_properties() {
    let home = Home::new(&["scripts", "kubernetes"]);
    home.file(
        "flow.yaml",
        "id: a
namespace: b
inputs:
  - {id: port, type: INT}
tasks:
  - {id: one, type: io.kestra.plugin.scripts.shell.Commands, containerImage: x, commands: [a], taskRunner: {type: io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner, config: {masterUrl: \"http://127.0.0.1:{{ inputs.port }}\"}}}
  - {id: two, type: io.kestra.plugin.scripts.shell.Commands, containerImage: y, commands: [b], taskRunner: {type: io.kestra.plugin.kubernetes.runner.Kubernetes, config: {masterUrl: \"http://127.0.0.1:{{ inputs.port }}\"}}}
",
    );
    let ran = home.run(&["doctor", "flow.yaml", "-i", "port=1", "--format", "json"]).expect(1);
    let answers: Json = serde_json::from_str(&ran.stdout()).unwrap();
    // The same question is asked once.
    assert_eq!(answers.as_array().unwrap().len(), 1, "{answers}");
    assert_eq!((&answers[0]["ok"], &answers[0]["task"]), (&Json::from(false), &Json::from("one")));
    assert!(answers[0]["message"].as_str().unwrap().contains("http://127.0.0.1:1"), "{answers}");
}
