//! The Docker runner, as far as the command line sees it. Names with `docker_` need an engine.

use std::process::Command;

use crate::stage::{Ran, Stage};

const SEED: &str = r#"id: docker_script_runner
namespace: myteam

tasks:
  - id: shell
    type: io.kestra.plugin.scripts.shell.Commands
    containerImage: centos
    taskRunner:
      type: io.kestra.plugin.scripts.runner.docker.DockerTaskRunner
      cpu:
        cpus: 1
    commands:
      - echo "Hello World!"
"#;

#[test]
fn docker_seed_flow_runs_verbatim() {
    // The flow names an image of a registry; the tests' own one is called like it, and one that is present is not pulled.
    let tagged = Command::new("docker").args(["tag", "busybox:switchyard-test", "centos"]).output().unwrap();
    assert!(tagged.status.success(), "the tests' image is missing: {}", String::from_utf8_lossy(&tagged.stderr));
    let stage = Stage::with_docker();
    stage.write("flow.yaml", SEED);
    let document = stage.switchyard(&["run", "flow.yaml", "--output", "json"]).expect(0);
    assert!(document.stderr.contains("shell | Hello World!"), "{}", document.stderr);
    assert_eq!(document.json()["taskRunList"][0]["outputs"]["exitCode"], 0);
}

/// A preview needs no engine.
#[test]
fn a_dry_run_shows_the_container() {
    let stage = Stage::with_docker();
    stage.write("flow.yaml", SEED);
    let ran = stage.switchyard(&["run", "flow.yaml", "--dry-run"]).expect(0);
    insta::assert_snapshot!(without_execution(&ran));
}

/// The execution's id is another one in each run.
fn without_execution(ran: &Ran) -> String {
    let shown = ran.shown();
    let id = shown.split("\"kestra.io/execution-id\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    shown.replace(id, "[EXECUTION]")
}

#[test]
fn an_engine_that_is_not_there_is_named_with_its_socket() {
    let stage = Stage::with_docker();
    stage.write("flow.yaml", SEED);
    let mut command = stage.command(["run", "flow.yaml"]);
    let log = stage.finish(command.env("DOCKER_HOST", "unix:///nonexistent.sock")).expect(1).log();
    insta::assert_snapshot!(log.join("\n"));
}
