//! What is wrong with a flow, all of it at once.

use serde_json::Value as Json;

use crate::stage::{SHELL, Stage};

const WRONG: &str = "\
id: bad
namespace: tests
lables:
  a: b
tasks:
  - id: one
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.scripts.runner.docker.Docker
      cpuss: 1
      pullPolicy: SOMETIMES
      memory:
        memory: [1]
    commands: echo
    timeout: 5 minutes
  - id: one
    type: io.kestra.plugin.core.log.Log
  - id: two
    type: io.kestra.plugin.scripts.shell.Comands
    taskRunner:
      type: io.kestra.plugin.core.runner.Proces
";

#[test]
fn all_errors_of_a_flow_are_told_at_once() {
    let stage = Stage::with_docker();
    stage.write("bad.yaml", WRONG);
    insta::assert_snapshot!(stage.switchyard(&["validate", "bad.yaml"]).expect(2).shown());
    let ran = stage.switchyard(&["run", "bad.yaml"]).expect(2);
    assert_eq!(ran.text(), "", "nothing ran");
    assert_eq!(ran.stderr.matches("error[").count(), 10, "{}", ran.stderr);
}

#[test]
fn the_document_has_the_same_findings() {
    let stage = Stage::with_docker();
    stage.write("bad.yaml", WRONG);
    let reports = stage.switchyard(&["validate", "bad.yaml", "--format", "json"]).expect(2).json();
    assert_eq!((&reports[0]["valid"], &reports[0]["flow"]), (&Json::Bool(false), &Json::from("tests.bad")));
    let found = reports[0]["violations"].as_array().unwrap();
    let property = found.iter().find(|entry| entry["path"] == "tasks[0].taskRunner.cpuss").unwrap();
    assert_eq!((&property["line"], &property["column"], &property["length"]), (&Json::from(10), &Json::from(7), &Json::from(5)));
    assert_eq!(property["help"], "did you mean `cpu`?");
}

#[test]
fn a_runner_that_is_not_there_is_answered_with_the_directories_searched() {
    let stage = Stage::with_docker();
    stage.shell(&["pwd"]);
    let flow = std::fs::read_to_string(stage.path("flow.yaml")).unwrap();
    stage.write("flow.yaml", flow.replace("core.runner.Process", "kubernetes.runner.KubernetesTaskRunner"));
    insta::assert_snapshot!(stage.switchyard(&["run", "flow.yaml"]).expect(2).errors_shown());
}

#[test]
fn a_directory_is_searched_for_flows() {
    let stage = Stage::bare();
    let flow = |id: &str| format!("id: {id}\nnamespace: tests\ntasks:\n  - {{id: a, type: io.kestra.plugin.core.log.Log, message: x}}\n");
    std::fs::create_dir_all(stage.path("flows/deeper")).unwrap();
    stage.write("flows/b.yml", flow("b"));
    stage.write("flows/deeper/a.yaml", flow("a"));
    stage.write("flows/readme.md", "no flow");
    let ran = stage.switchyard(&["validate", "flows"]).expect(0);
    assert_eq!(ran.text(), "ok flows/b.yml: tests.b is valid\nok flows/deeper/a.yaml: tests.a is valid\n");
    stage.write("flows/c.yaml", "id: [");
    assert!(stage.switchyard(&["validate", "flows"]).expect(2).text().contains("flows/c.yaml:1:"));
}

#[test]
fn what_only_a_plugin_knows_is_told_with_its_line() {
    let stage = Stage::with_docker();
    let flow = |volume: &str, swappiness: &str| {
        format!(
            "id: f\nnamespace: tests\ninputs:\n  - {{id: place, type: STRING}}\ntasks:\n  - id: t\n    type: {SHELL}\n    containerImage: busybox\n    taskRunner:\n      type: io.kestra.plugin.scripts.runner.docker.Docker\n      volumes: [\"{volume}\"]\n      memory:\n        memorySwappiness: {swappiness}\n    commands: [echo]\n"
        )
    };
    for (volume, swappiness, expected) in [
        ("/a:/b", "7", &[][..]),
        ("/a:/b", "700", &["flow.yaml:13:27: error[flow::invalid_property]: tasks[0].taskRunner.memory.memorySwappiness: "]),
        ("nowhere", "7", &["flow.yaml:11:17: error[flow::invalid_property]: tasks[0].taskRunner.volumes[0]: "]),
        ("{{ inputs.place }}", "'{{ inputs.place }}'", &[]),
    ] {
        stage.write("flow.yaml", flow(volume, swappiness));
        let ran = stage.switchyard(&["validate", "flow.yaml"]);
        assert_eq!(ran.code, if expected.is_empty() { 0 } else { 2 }, "{volume} {swappiness}: {}{}", ran.text(), ran.stderr);
        let said = format!("{}{}", ran.text(), ran.stderr);
        assert!(expected.iter().all(|part| said.contains(part)), "{volume} {swappiness}: {said}");
    }
}
