//! Plugins in processes of their own, as an administrator configures them and a user meets them.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::stage::{SHELL, Stage};

const RUNNER: &str = "dev.switchyard.test.Misbehave";

/// Two tasks on the runner that misbehaves; the first one commits the crime.
fn flow(stage: &Stage, crime: &str) {
    let task = |id: &str, crime: &str| {
        format!(
            "  - id: {id}\n    type: {SHELL}\n    allowFailure: true\n    taskRunner:\n      type: {RUNNER}\n      crime: {crime}\n    commands: [\"true\"]\n"
        )
    };
    stage.write("flow.yaml", format!("id: flow\nnamespace: tests\ntasks:\n{}{}", task("first", crime), task("second", "nothing")));
}

fn states(document: &serde_json::Value) -> Vec<String> {
    let runs = document["taskRunList"].as_array().unwrap();
    runs.iter().map(|run| format!("{} {}", run["taskId"].as_str().unwrap(), run["state"]["current"].as_str().unwrap())).collect()
}

#[test]
fn a_crash_fails_its_task_and_the_next_one_runs() {
    let stage = Stage::new();
    stage.bring("misbehave");
    stage.write("switchyard.yaml", "plugins:\n  isolation: subprocess\n");
    flow(&stage, "segfault");
    let ran = stage.switchyard(&["run", "flow.yaml", "--output", "json"]).expect(0);
    assert_eq!(states(&ran.json()), ["first WARNING", "second SUCCESS"]);
    for part in ["the process of plugin misbehave was ended by SIGSEGV [plugin::process_died]", "the next task gets a fresh process"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let rows = stage.switchyard(&["plugins", "list", "--json"]).expect(0).json();
    for row in rows.as_array().unwrap().iter().filter(|row| row["state"] != "built-in") {
        assert_eq!(row["isolation"], "subprocess", "{row}");
    }
}

#[test]
fn a_plugin_that_ended_the_host_comes_back_apart_until_it_is_released() {
    let stage = Stage::new();
    stage.bring("misbehave");
    flow(&stage, "exit");
    // The plugin ends the host with its own exit code.
    stage.switchyard(&["run", "flow.yaml"]).expect(7);
    let ran = stage.switchyard(&["run", "flow.yaml", "--output", "json"]).expect(0);
    assert_eq!(states(&ran.json()), ["first WARNING", "second SUCCESS"]);
    let list = stage.switchyard(&["plugins", "list"]).expect(0).text();
    assert!(list.contains("subprocess (quarantine)"), "{list}");
    assert!(list.contains("misbehave runs in a process of its own: it ended the host's process by itself"), "{list}");

    let wrong = stage.switchyard(&["plugins", "release", "scripts"]).expect(2);
    assert!(wrong.stderr.contains("scripts is not in quarantine; these are: misbehave"), "{}", wrong.stderr);
    stage.switchyard(&["plugins", "release", "misbehave"]).expect(0);
    let list = stage.switchyard(&["plugins", "list"]).expect(0).text();
    assert!(!list.contains("quarantine"), "{list}");
}

#[test]
fn a_wrong_configuration_is_explained() {
    let stage = Stage::bare();
    stage.write("switchyard.yaml", "plugins:\n  isolation:\n    plugins:\n      docker: thread\n");
    let ran = stage.switchyard(&["plugins", "list"]).expect(2);
    for part in ["config::invalid", "in-process, subprocess", "docker: thread"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

/// Work that runs elsewhere is found again by a fresh process, within the same attempt.
#[test]
fn docker_a_container_outlives_the_process_of_its_plugin() {
    let stage = Stage::with_docker();
    stage.write("switchyard.yaml", "plugins:\n  isolation:\n    plugins: { docker: subprocess }\n");
    stage.write(
        "flow.yaml",
        format!(
            "id: flow\nnamespace: tests\ntasks:\n  - id: task\n    type: {SHELL}\n    containerImage: busybox:switchyard-test\n    taskRunner:\n      type: io.kestra.plugin.scripts.runner.docker.Docker\n      pullPolicy: NEVER\n    commands:\n      - echo begin\n      - sleep 3\n      - echo end\n"
        ),
    );
    let mut host = stage.command(["run", "flow.yaml"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut said: Vec<String> = Vec::new();
    while !said.iter().any(|line| line.ends_with("begin")) {
        said.push(lines.next().expect("the run ended before its command began"));
    }
    let plugin = child_with(host.id(), "__plugin");
    rustix::process::kill_process(rustix::process::Pid::from_raw(plugin).unwrap(), rustix::process::Signal::KILL).unwrap();
    said.extend(lines);
    let output = host.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said:#?}\n{errors}");
    for text in ["begin", "end"] {
        assert_eq!(said.iter().filter(|line| line.ends_with(text)).count(), 1, "{text}: {said:#?}");
    }
    assert!(said.iter().any(|line| line.contains("looking for the work with a fresh process")), "{said:#?}");
}

/// The child of a process whose command line has this word.
fn child_with(parent: u32, word: &str) -> i32 {
    let children = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let ours = stat.rsplit_once(") ")?.1.split(' ').nth(1)? == parent.to_string();
        let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        (ours && command.contains(word)).then_some(id)
    });
    children.last().unwrap()
}
