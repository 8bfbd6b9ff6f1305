//! Limits of the Process runner.

use serde_json::json;

use crate::{
    place::{Done, run},
    stage::{PROCESS, Stage},
};

fn limited(limits: &str, command: &str) -> Done {
    run(
        &Stage::new(),
        &format!(
            "  - id: x\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: {PROCESS}, limits: {limits}}}\n    commands: [{}]\n",
            json!(command)
        ),
    )
}

#[test]
fn process_limits_hold() {
    let done = limited("{openFiles: 64, cpuTime: PT7S, fileSize: 1MB}", "ulimit -n; ulimit -t; head -c 3000000 /dev/zero > large");
    assert_eq!(done.state(), "FAILED", "{}", done.stderr);
    assert_eq!(done.said(), ["64", "7"]);
}

/// With a control group the task hears why; without one the program itself finds no memory.
#[test]
fn process_limits_of_memory_end_the_task() {
    let hungry = "head -c 300000000 /dev/zero | tail | wc -c";
    let done = limited("{memory: 64MB}", &format!("set -o pipefail 2>/dev/null; {hungry}; test $({hungry}) -eq 300000000"));
    assert_eq!(done.state(), "FAILED", "{}", done.stderr);
    assert_eq!(limited("{memory: 64MB}", "echo small").expect("SUCCESS").said(), ["small"]);
}

#[test]
fn process_limits_that_make_no_sense_are_refused() {
    for (limits, part) in [("{memory: 5}", "limits.memory"), ("{cpus: 0}", "limits.cpus"), ("{openFiles: 1}", "limits.openFiles")] {
        let done = limited(limits, "echo never");
        assert_eq!(done.state(), "FAILED", "{limits}");
        assert!(done.has("ERROR", part) && done.said().is_empty(), "{limits}: {}", done.stderr);
    }
}

#[test]
fn process_limits_of_processors_are_kept_or_warned_about() {
    let done = limited(
        "{cpus: 0.5}",
        "cat /sys/fs/cgroup/cpu$(sed -n 's/.*:cpu[,a-z]*://p' /proc/self/cgroup)/cpu.cfs_quota_us 2>/dev/null || echo none",
    );
    assert_eq!(done.state(), "SUCCESS", "{}", done.stderr);
    assert!(done.said() == ["50000"] || done.has("WARN", "limits.cpus has no effect") || done.said() == ["none"], "{}", done.stderr);
}

#[test]
fn process_gets_of_the_hosts_environment_what_the_administrator_allows() {
    let stage = Stage::new();
    let task = format!(
        "  - id: x\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: {PROCESS}}}\n    env: {{OWN: c}}\n    commands: [\"echo ${{SECRET_A-none}} ${{PLAIN_B-none}} $OWN\"]\n"
    );
    stage.write("flow.yaml", format!("id: t\nnamespace: a.b\ntasks:\n{task}"));
    for (environment, said) in [
        ("null", "| a b c"),
        ("{deny: [\"SECRET_*\"]}", "| none b c"),
        ("{allow: [PATH]}", "| none none c"),
        ("{denny: []}", "process::environment"),
    ] {
        let configured = format!("plugins: {{configurations: [{{type: {PROCESS}, values: {{environment: {environment}}}}}]}}\n");
        stage.write("switchyard.yaml", configured);
        let mut command = stage.command(["run", "flow.yaml"]);
        let ran = stage.finish(command.env("SECRET_A", "a").env("PLAIN_B", "b"));
        let told = format!("{}{}", ran.text(), ran.stderr);
        assert!(told.contains(said), "{environment}: {told}");
    }
}
