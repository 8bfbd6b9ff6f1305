//! Plugins in processes of their own, as an administrator configures them and a user meets them.

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
