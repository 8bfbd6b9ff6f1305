//! What is wrong with a flow, all of it at once.

use serde_json::Value as Json;

use crate::stage::Stage;

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
