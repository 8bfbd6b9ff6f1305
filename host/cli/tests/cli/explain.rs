//! `explain FLOW --task ID`: where each value came from, what it won against, and what nobody reads.

use serde_json::json;

use crate::stage::Stage;

const CONFIGURATION: &str = "\
pluginDefaults:
  - type: io.kestra.plugin.scripts.runner.docker.Docker
    values:
      pullPolicy: IF_NOT_PRESENT
      memory:
        memory: 64MB
  - type: io.kestra.plugin.scripts
    forced: true
    values:
      env:
        REGION: north
";

const FLOW: &str = "\
id: flow
namespace: tests
pluginDefaults:
  - type: io.kestra.plugin.scripts.runner.docker.Docker
    values:
      pullPolicy: ALWAYS
tasks:
  - id: container
    type: io.kestra.plugin.scripts.shell.Commands
    containerImage: busybox
    docker:
      image: ubuntu
      user: root
    taskRunner:
      type: io.kestra.plugin.scripts.runner.docker.Docker
      pullPolicy: NEVER
    env:
      REGION: south
      TOKEN: \"{{ secret('TOKEN') }}\"
    commands:
      - |
        echo one
        echo two
  - id: process
    type: io.kestra.plugin.scripts.shell.Commands
    containerImage: busybox
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    commands: [pwd]
  - id: nowhere
    type: io.kestra.plugin.scripts.shell.Commands
    commands: [pwd]
  - id: legacy
    type: io.kestra.plugin.scripts.shell.Commands
    containerImage: busybox
    runner: DOCKER
    docker:
      image: alpine
    commands: [pwd]
";

fn stage() -> Stage {
    let stage = Stage::with_docker();
    stage.write("switchyard.yaml", CONFIGURATION);
    stage.write("flow.yaml", FLOW);
    stage
}

#[test]
fn each_value_tells_its_place_and_what_it_replaced() {
    let stage = stage();
    let shown: Vec<String> = ["container", "process", "nowhere", "legacy"]
        .iter()
        .map(|task| stage.switchyard(&["explain", "flow.yaml", "--task", task]).expect(0).shown())
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn the_document_says_the_same() {
    let document = stage().switchyard(&["explain", "flow.yaml", "--task", "container", "--output", "json"]).expect(0).json();
    assert_eq!(document["runnerType"], "io.kestra.plugin.scripts.runner.docker.Docker");
    let policy = document["values"].as_array().unwrap().iter().find(|row| row["property"] == "taskRunner.pullPolicy").unwrap();
    assert_eq!(
        *policy,
        json!({
            "property": "taskRunner.pullPolicy",
            "value": "NEVER",
            "from": {"kind": "flow", "file": "flow.yaml", "line": 16, "column": 19},
            "overrode": [
                {"property": "taskRunner.pullPolicy", "value": "ALWAYS", "from": {"kind": "flow", "file": "flow.yaml", "line": 6, "column": 19}},
                {
                    "property": "taskRunner.pullPolicy",
                    "value": "IF_NOT_PRESENT",
                    "from": {"kind": "configuration", "file": "switchyard.yaml", "line": 4, "column": 19},
                },
            ],
        })
    );
}

/// Whoever writes one of `taskRunner` and `runner` means that one alone.
#[test]
fn a_default_that_yields_to_the_other_way_of_naming_a_runner_is_told() {
    let stage = Stage::new();
    for (default, written, says) in [
        (
            "taskRunner: {type: io.kestra.plugin.scripts.runner.docker.Docker}",
            "runner: PROCESS",
            "from `runner`; instead of {type: io.kestra.plugin.scripts.runner.docker.Docker} (switchyard.yaml:4)\n",
        ),
        (
            "runner: DOCKER",
            "taskRunner: {type: io.kestra.plugin.core.runner.Process}",
            "\nset aside: runner = DOCKER (switchyard.yaml:4)\n",
        ),
    ] {
        stage
            .write("switchyard.yaml", format!("pluginDefaults:\n  - type: io.kestra.plugin.scripts.shell\n    values:\n      {default}\n"));
        stage.write(
            "flow.yaml",
            format!("id: f\nnamespace: tests\ntasks:\n  - id: a\n    type: io.kestra.plugin.scripts.shell.Commands\n    {written}\n    commands: [pwd]\n"),
        );
        let shown = stage.switchyard(&["explain", "flow.yaml", "--task", "a"]).expect(0).shown();
        assert!(shown.contains("on io.kestra.plugin.core.runner.Process\n") && shown.ends_with(says), "{shown}");
    }
}
