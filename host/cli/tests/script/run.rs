//! Commands, levels, environment, ends: rows 1 to 5 and 8 to 11, and the exec form.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use serde_json::json;

use crate::place::{Place, command, everywhere, write_flow};

everywhere! {
    script_s1_fail_fast, docker_script_s1_fail_fast: s1;
    script_s2_no_fail_fast, docker_script_s2_no_fail_fast: s2;
    script_s3_the_guard_covers_before_commands, docker_script_s3_the_guard_covers_before_commands: s3;
    script_s4_one_shell_for_all, docker_script_s4_one_shell_for_all: s4;
    script_s5_output_on_standard_error_is_no_failure, docker_script_s5_output_on_standard_error_is_no_failure: s5;
    script_s8_a_timeout_ends_the_tree, docker_script_s8_a_timeout_ends_the_tree: s8;
    script_s9_a_kill_ends_what_ignores_signals, docker_script_s9_a_kill_ends_what_ignores_signals: s9;
    script_s11_env_may_name_the_working_directory, docker_script_s11_env_may_name_the_working_directory: s11;
    script_extra_exec_form, docker_script_extra_exec_form: exec_form;
    script_extra_commands_of_an_expression, docker_script_extra_commands_of_an_expression: commands_of_an_expression;
}

fn s1(place: Place) {
    let done = place.shell("beforeCommands: [\"echo pre\"]\ncommands: [\"false\", \"echo never\"]").expect("FAILED");
    assert_eq!(done.outputs()["exitCode"], 1);
    assert!(done.at("DEBUG").contains(&"pre"), "{}", done.stderr);
    assert!(!done.stderr.contains("never"), "{}", done.stderr);
    assert!(done.has("ERROR", "Command failed with exit code 1"), "{}", done.stderr);
}

fn s2(place: Place) {
    let done = place.shell("failFast: false\ncommands: [\"false\", \"echo never\", \"echo last\"]").expect("SUCCESS");
    assert_eq!((&done.outputs()["exitCode"], done.said()), (&json!(0), vec!["never", "last"]));
}

fn s3(place: Place) {
    let done = place.shell("beforeCommands: [\"exit 7\"]\ncommands: [\"echo no\"]").expect("FAILED");
    assert_eq!(done.outputs()["exitCode"], 7);
    assert!(done.said().is_empty(), "{}", done.stderr);
}

fn s4(place: Place) {
    let done = place.shell("beforeCommands: [\"export A=1\", \"cd /\"]\ncommands: [\"echo $A; pwd\"]").expect("SUCCESS");
    assert_eq!(done.said(), ["1", "/"]);
}

fn s5(place: Place) {
    for more in ["", "warningOnStdErr: true", "warningOnStdErr: false"] {
        let done = place.shell(&format!("commands: [\"echo oops >&2\"]\n{more}")).expect("SUCCESS");
        assert_eq!(done.at("ERROR"), ["oops"], "{more}");
        if place == Place::Docker {
            break;
        }
    }
}

/// Processes of the machine whose command line has this text.
fn processes(text: &str) -> Vec<String> {
    let lines = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse::<u32>().ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.starts_with("sleep ") && line.contains(text)).collect()
}

fn s8(place: Place) {
    let seconds = format!("3{}.25", std::process::id());
    let done = place.shell(&format!("timeout: PT1S\ncommands: [\"sleep {seconds} & sleep {seconds}\"]")).expect("FAILED");
    assert!(done.at("ERROR").contains(&"Timeout after 00:00:01.000"), "{}", done.stderr);
    assert_eq!(processes(&seconds), [""; 0]);
}

fn s9(place: Place) {
    let stage = place.stage();
    let seconds = format!("4{}.5", std::process::id());
    write_flow(&stage, &place.task("shell.Commands", &format!("commands: [\"trap '' TERM; echo ready; sleep {seconds}\"]")));
    let mut child = command(&stage).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut log: Vec<String> = lines.by_ref().map(Result::unwrap).take_while(|line| !line.ends_with("| ready")).collect();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    log.extend(lines.map(Result::unwrap));
    let log = log.join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{log}");
    assert!(log.contains("KILLED") && !log.contains("Command failed"), "{log}");
    assert_eq!(processes(&seconds), [""; 0]);
}

#[test]
fn script_s10_the_tasks_own_variables_win() {
    let lines = "env: {WORKING_DIR: /nope, PYTHONUNBUFFERED: \"0\", MINE: \"{{ flow.id }}\"}\nscript: |\n  import os\n  print(os.environ['WORKING_DIR'] == os.getcwd(), os.environ['PYTHONUNBUFFERED'], os.environ['MINE'])";
    let done = Place::Process.flow(&Place::Process.task("python.Script", lines)).expect("SUCCESS");
    assert_eq!(done.said(), ["True true t"]);
}

/// The image of these tests has no Python, so that one's variables are shown by a shell.
#[test]
fn docker_script_s10_the_tasks_own_variables_win() {
    let lines = "env: {WORKING_DIR: /nope, PYTHONUNBUFFERED: \"0\", MINE: \"{{ flow.id }}\"}\ncommands: ['test $WORKING_DIR = $(pwd); echo $PYTHONUNBUFFERED $MINE']";
    let done = Place::Docker.flow(&Place::Docker.task("python.Commands", lines)).expect("SUCCESS");
    assert_eq!(done.said(), ["true t"]);
}

/// What the row leaves open, ours allows.
fn s11(place: Place) {
    let done = place.shell("env: {D: \"{{ workingDir }}/x\"}\ncommands: ['test $D = $WORKING_DIR/x', 'test $WORKING_DIR = $(pwd)']");
    done.expect("SUCCESS");
}

fn exec_form(place: Place) {
    let done = place.shell("interpreter: []\ncommands: [echo, \"$HOME\"]").expect("SUCCESS");
    assert_eq!(done.said(), ["$HOME"]);
}

fn commands_of_an_expression(place: Place) {
    assert_eq!(place.shell("commands: \"{{ ['echo a', 'echo b'] | toJson }}\"").expect("SUCCESS").said(), ["a", "b"]);
}

#[test]
fn script_extra_a_disabled_task_is_left_out() {
    let done = Place::Process.flow(&format!(
        "{}{}",
        Place::Process.task("shell.Commands", "disabled: true\ncommands: [\"echo no\"]").replace("id: x", "id: off"),
        Place::Process.task("shell.Commands", "commands: [\"echo yes\"]")
    ));
    assert_eq!(done.expect("SUCCESS").said(), ["yes"]);
}

#[test]
fn script_extra_allowed_failures_and_warnings() {
    // A task that fails, and the flow that goes on.
    let after = "  - {id: after, type: io.kestra.plugin.core.log.Log, message: went on}\n";
    let failing = Place::Process.task("shell.Commands", "allowFailure: true\ncommands: [\"exit 3\"]");
    let done = Place::Process.flow(&format!("{failing}{after}")).expect("WARNING");
    assert!(done.has("INFO", "went on"), "{}", done.stderr);
    assert_eq!(done.outputs()["exitCode"], 3);
}
