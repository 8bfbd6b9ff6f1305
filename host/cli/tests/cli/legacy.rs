//! Flows of older versions: the old `runner`, and every name a runner ever had; spec script-tasks 3.1 and 5.1.

use crate::stage::{PROCESS, SHELL, Stage};

const DOCKER: &str = "io.kestra.plugin.scripts.runner.docker.Docker";

fn flow(runner: &str) -> String {
    format!("id: f\nnamespace: tests\ntasks:\n  - id: a\n    type: {SHELL}\n    {runner}\n    commands: [echo ran]\n")
}

#[test]
fn seed_process_flow_runs_verbatim() {
    let stage = Stage::new();
    stage.write(
        "flow.yaml",
        r#"id: process_script_runner
namespace: myteam

tasks:
  - id: shell
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.core.models.script.types.ProcessTaskRunner
    commands:
      - echo "Hello World!"
"#,
    );
    assert_eq!(stage.switchyard(&["run", "flow.yaml"]).expect(0).log(), ["Hello World!"]);
}

#[test]
fn names_5_1_choose_the_runner() {
    let stage = Stage::with_docker();
    for (name, runner) in [
        ("io.kestra.core.models.script.types.ProcessTaskRunner", PROCESS),
        ("io.kestra.core.models.script.types.ProcessScriptRunner", PROCESS),
        ("io.kestra.core.models.tasks.runners.types.ProcessTaskRunner", PROCESS),
        (PROCESS, PROCESS),
        ("io.kestra.plugin.scripts.runner.docker.DockerTaskRunner", DOCKER),
        ("io.kestra.core.models.script.types.DockerTaskRunner", DOCKER),
        (DOCKER, DOCKER),
    ] {
        stage.write("flow.yaml", flow(&format!("taskRunner: {{type: {name}}}")));
        let tasks = stage.switchyard(&["run", "flow.yaml", "--dry-run", "--output", "json"]).expect(0).json();
        assert_eq!(tasks[0]["runnerType"], runner, "{name}");
    }
}

#[test]
fn runner_3_1_is_chosen_as_before() {
    let stage = Stage::with_docker();
    for (written, runner, image) in [
        ("runner: PROCESS", PROCESS, None),
        ("runner: DOCKER\n    docker: {image: alpine, user: root}", DOCKER, Some("alpine:latest")),
        ("docker: {image: alpine}", DOCKER, Some("alpine:latest")),
        ("runner: DOCKER", DOCKER, Some("ubuntu:latest")),
        ("runner: DOCKER\n    containerImage: busybox", DOCKER, Some("busybox:latest")),
        ("runner: DOCKER\n    containerImage: busybox\n    docker: {image: alpine}", DOCKER, Some("alpine:latest")),
        ("runner: DOCKER\n    taskRunner: {type: io.kestra.plugin.core.runner.Process}", PROCESS, None),
        ("containerImage: busybox", DOCKER, Some("busybox:latest")),
    ] {
        stage.write("flow.yaml", flow(written));
        let tasks = stage.switchyard(&["run", "flow.yaml", "--dry-run", "--output", "json"]).expect(0).json();
        assert_eq!(tasks[0]["runnerType"], runner, "{written}");
        assert_eq!(tasks[0]["preview"]["document"]["Image"].as_str(), image, "{written}");
    }
}

#[test]
fn an_old_runner_runs_and_is_called_deprecated() {
    let stage = Stage::new();
    stage.write("flow.yaml", flow("runner: PROCESS"));
    let log = stage.switchyard(&["run", "flow.yaml"]).expect(0).log();
    assert!(log.contains(&"ran".to_owned()), "{log:?}");
    assert!(log.iter().any(|line| line.contains("`runner` is deprecated")), "{log:?}");
}
