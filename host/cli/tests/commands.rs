//! What each command prints, and how misspelt names are answered.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::Home;

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
