//! What each command prints, and how misspelt names are answered.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{Home, Running};

#[test]
fn what_each_command_prints() {
    let home = Home::new(&["scripts", "docker"]);
    for (arguments, expected) in [
        (&["--help"][..], "Exit codes: 0 success or warning"),
        (&["run", "--help"], "switchyard run etl.yaml -i day=2026-01-31"),
        (&["--version"], "switchyard "),
        (&["completions", "bash"], "complete -F _switchyard"),
        (&["explain", "flow::unknown_property"], "## What to try"),
        (&["explain", "--codes"], "yaml::tab\n"),
        (&["expr", "{{ 1 + 1 }}"], "2\n"),
        (&["expr", "{{ ['a'] }}"], "[\n  \"a\"\n]\n"),
        (&["plugins", "list", "--all"], "io.kestra.plugin.core.flow.ForEach"),
        (&["plugins", "show", "io.kestra.plugin.core.log.Log"], "message"),
        (&["plugins", "show", "io.kestra.plugin.scripts.runner.docker.DockerTaskRunner"], "pullPolicy"),
    ] {
        let ran = home.run(arguments).expect(0);
        assert!(ran.stdout().contains(expected), "{arguments:?}: {}", ran.stdout());
        assert_eq!(ran.stderr(), "", "{arguments:?}");
    }
}

#[test]
fn misspelt_names_are_answered_with_the_nearest() {
    let home = Home::new(&[]);
    let flow = "id: a\nnamespace: b\ninputs:\n  - {id: name, type: STRING, defaults: x}\ntasks:\n  - {id: greet, type: io.kestra.plugin.core.log.Log, message: hi}\n";
    home.file("flow.yaml", flow);
    for (arguments, expected) in [
        (&["run", "flow.yaml", "-i", "nmae=x"][..], "did you mean `name`?"),
        (&["explain", "flow.yaml", "--task", "grete"], "did you mean `greet`?"),
        (&["explain", "flow::unknown_propery"], "did you mean `flow::unknown_property`?"),
        (&["explain", "flow.yaml"], "add `--task ID`"),
        (&["expr", "{{ x }}", "--vars", "flow.yaml"], "error[cli::bad_vars]"),
    ] {
        let ran = home.run(arguments).expect(2);
        assert!(ran.stderr().contains(expected), "{arguments:?}: {}", ran.stderr());
        assert_eq!(ran.stdout(), "", "{arguments:?}");
    }
}

#[test]
fn an_error_points_into_the_template() {
    let ran = Home::new(&[]).run(&["expr", "{{ inputs.name | uper }}"]).expect(2);
    insta::assert_snapshot!(ran.stderr(), @"
    template:1:18: error[expr::unknown_filter]: there is no filter `uper` (line 1, column 18 of `{{ inputs.name | uper }}`)
      1 | {{ inputs.name | uper }}
        |                  ^^^^
      help: did you mean `upper`?
    ");
}

#[test]
fn a_second_signal_kills_at_once() {
    let home = Home::new(&["scripts"]);
    // The task and its child want to live on.
    home.file(
        "flow.yaml",
        support::shell("[\"trap '' TERM; (trap '' TERM; echo \\\"child $(exec sh -c 'echo $PPID')\\\"; while :; do sleep 1; done)\"]"),
    );
    let mut running = Running::start(home.command(&["run", "flow.yaml"]));
    let line = running.until("| child ");
    let pid = line.trim().rsplit(' ').next().unwrap().to_owned();
    running.signal("INT");
    running.until_error("stopping the tasks");
    running.signal("INT");
    let (code, errors) = running.end();
    assert_eq!(code, 130, "{errors}");
    assert!(errors.contains("error[cli::interrupted]"), "{errors}");
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[test]
fn the_data_directory_is_configured_or_named() {
    let home = Home::new(&["scripts"]);
    home.file("switchyard.yaml", "dataDir: configured\n");
    home.file("flow.yaml", support::shell("[\"echo\"]"));
    home.run(&["run", "flow.yaml"]).expect(0);
    assert!(home.folder.path().join("configured/logs").is_dir());
    home.run(&["run", "flow.yaml", "--data-dir", "named"]).expect(0);
    assert!(home.folder.path().join("named/logs").is_dir());
}
