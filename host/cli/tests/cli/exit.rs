//! Exit codes: 0 success or warning, 1 failed, 2 invalid; 130 stands with the signals.

use crate::stage::Stage;

#[test]
fn exit_codes_tell_how_it_went() {
    let stage = Stage::new();
    let log = "id: f\nnamespace: tests\ntasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: hello}\n";
    let fail = "id: f\nnamespace: tests\ntasks:\n  - {id: a, type: io.kestra.plugin.core.execution.Fail}\n";
    for (flow, code) in [
        (log.to_owned(), 0),
        (format!("{fail}    allowFailure: true\n").replace("Fail}\n    allowFailure: true", "Fail, allowFailure: true}"), 0),
        (fail.to_owned(), 1),
        (format!("{log}lables: {{}}\n"), 2),
        ("tasks: [".to_owned(), 2),
    ] {
        stage.write("flow.yaml", &flow);
        let ran = stage.switchyard(&["run", "flow.yaml"]);
        assert_eq!(ran.code, code, "{flow}\n{}", ran.stderr);
    }
}

#[test]
fn what_is_asked_wrongly_is_invalid() {
    let stage = Stage::new();
    stage.shell(&["echo {{ inputs.x }}"]);
    for (arguments, says) in [
        (&["run", "missing.yaml"][..], "missing.yaml cannot be read"),
        (&["run", "flow.yaml", "-i", "nothing"], "`-i nothing` is not NAME=VALUE"),
        (&["run", "flow.yaml", "-i", "x=@missing"], "missing cannot be read"),
        (&["run", "flow.yaml", "--config", "missing.yaml"], "missing.yaml cannot be read"),
        (&["run"], "<FLOW>"),
        (&["rum"], "run"),
        (&["explain", "flow::unknown_propery"], "there is no error code `flow::unknown_propery`"),
        (&["plugins", "show", "io.kestra.plugin.core.runner.Proces"], "io.kestra.plugin.core.runner.Process"),
        (&["validate", "plugins"], "holds no `.yaml` or `.yml` file"),
    ] {
        let ran = stage.switchyard(arguments).expect(2);
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.text(), "", "{arguments:?}");
    }
}

#[test]
fn a_failed_command_names_its_exit_code() {
    let stage = Stage::new();
    stage.shell(&["exit 3"]);
    let ran = stage.switchyard(&["run", "flow.yaml"]).expect(1);
    assert!(ran.text().contains("exit code 3"), "{}", ran.text());
}

/// `switchyard run ... | head` is no failure of the flow.
#[test]
fn a_reader_that_leaves_does_not_stop_the_run() {
    let stage = Stage::new();
    stage.shell(&["seq 100000", "touch \"$DONE\""]);
    let done = stage.path("done");
    let mut command = stage.command(["run", "flow.yaml"]);
    let mut child = command.env("DONE", &done).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(done.exists());
}
