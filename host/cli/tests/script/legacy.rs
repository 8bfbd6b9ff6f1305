//! The old `runner` and `docker`, and the names of the runners, where they run: rows 17 to 19.

use std::process::Command;

use serde_json::json;

use crate::place::{DOCKER, IMAGE, Place};

/// An image that knows its own name; it disappears with the value.
struct Named(String);

impl Named {
    fn new(tag: &str) -> Self {
        let name = format!("switchyard-script-{}:{tag}", std::process::id());
        let id = docker(&["create", IMAGE]);
        docker(&["commit", "--change", &format!("ENV RELEASE={tag}"), id.trim(), &name]);
        docker(&["rm", id.trim()]);
        Self(name)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        docker(&["rmi", "-f", &self.0]);
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn task(lines: &str) -> String {
    format!("  - id: x\n    type: io.kestra.plugin.scripts.shell.Commands\n    commands: ['echo from $RELEASE']\n{lines}")
}

#[test]
fn docker_script_s17_an_explicit_task_runner_wins() {
    let image = Named::new("17");
    let done = Place::Docker.flow(&task(&format!(
        "    runner: PROCESS\n    docker: {{image: nope}}\n    taskRunner: {{type: {DOCKER}}}\n    containerImage: {}\n",
        image.0
    )));
    let done = done.expect("SUCCESS");
    assert_eq!(done.said(), ["from 17"]);
    assert!(done.has("WARN", "`runner` and `docker` are deprecated"), "{}", done.stderr);
    assert_ne!(done.outputs()["taskRunner"]["containerId"], json!(null));
}

#[test]
fn docker_script_s18_the_image_of_the_old_block_wins() {
    let (old, new) = (Named::new("3.19"), Named::new("3.18"));
    for (block, expected) in [(format!("{{image: '{}'}}", old.0), "from 3.19"), ("{}".to_owned(), "from 3.18")] {
        let lines = format!("    runner: DOCKER\n    docker: {block}\n    containerImage: '{}'\n", new.0);
        assert_eq!(Place::Docker.flow(&task(&lines)).expect("SUCCESS").said(), [expected], "{block}");
    }
}

/// The names of the Process runner are tried by `c19_every_name_of_the_process_runner`.
#[test]
fn docker_script_s19_every_name_of_the_docker_runner() {
    for name in [DOCKER, "io.kestra.plugin.scripts.runner.docker.DockerTaskRunner", "io.kestra.core.models.script.types.DockerTaskRunner"] {
        let lines = format!("    containerImage: {IMAGE}\n    taskRunner: {{type: {name}}}\n    env: {{RELEASE: here}}\n");
        assert_eq!(Place::Docker.flow(&task(&lines)).expect("SUCCESS").said(), ["from here"], "{name}");
    }
}

/// An old `docker` block gives a task its output directory unasked.
#[test]
fn docker_script_extra_the_old_block_brings_an_output_directory() {
    let lines = format!("    docker: {{image: '{IMAGE}'}}\n    beforeCommands: ['echo 1 > {{{{ outputDir }}}}/a.txt']\n");
    assert_eq!(Place::Docker.flow(&task(&lines)).expect("SUCCESS").keys(), ["a.txt"]);
}
