//! Rows of the table of languages whose interpreters are cheap to have, run for real: a script, its values, its failure.

use serde_json::json;

use crate::place::Place;

/// Type, and a script that prints a frame with the name of its own file's extension, then fails with 3.
const LANGUAGES: &[(&str, &str)] = &[
    ("shell", "echo '::{\"outputs\":{\"x\":1}}::'; echo said; exit 3"),
    ("python", "print('::{\"outputs\":{\"x\":1}}::'); print('said'); raise SystemExit(3)"),
    ("node", "console.log('::{\"outputs\":{\"x\":1}}::'); console.log('said'); process.exit(3)"),
    ("perl", "print \"::{\\\"outputs\\\":{\\\"x\\\":1}}::\\nsaid\\n\"; exit 3;"),
    ("ruby", "puts '::{\"outputs\":{\"x\":1}}::'; puts 'said'; exit 3"),
    ("php", "<?php echo '::{\"outputs\":{\"x\":1}}::', PHP_EOL, 'said', PHP_EOL; exit(3);"),
    ("lua", "print('::{\"outputs\":{\"x\":1}}::') print('said') os.exit(3)"),
];

#[test]
fn script_1_1_languages_run() {
    for (language, script) in LANGUAGES {
        let lines = format!("script: {}\n", json!(script));
        let done = Place::Process.flow(&Place::Process.task(&format!("{language}.Script"), &lines));
        assert_eq!(done.state(), "FAILED", "{language}: {}", done.stderr);
        assert_eq!((&done.outputs()["exitCode"], &done.outputs()["vars"]), (&json!(3), &json!({"x": 1})), "{language}: {}", done.stderr);
        assert_eq!(done.said(), ["said"], "{language}");
    }
}

#[test]
fn script_1_1_commands_of_languages_run() {
    for (language, command) in [
        ("node", "node -e 'console.log(6*7)'"),
        ("perl", "perl -e 'print 6*7'"),
        ("ruby", "ruby -e 'puts 6*7'"),
        ("lua", "lua -e 'print(6*7)'"),
    ] {
        let lines = format!("commands: {}\n", json!([command]));
        let done = Place::Process.flow(&Place::Process.task(&format!("{language}.Commands"), &lines)).expect("SUCCESS");
        assert_eq!(done.said(), ["42"], "{language}");
    }
    let bash = "interpreter: [/bin/bash, -c]\ncommands: ['a=(1 2 3); echo ${a[2]}']";
    assert_eq!(Place::Process.shell(bash).expect("SUCCESS").said(), ["3"]);
}

/// A script may have values of expressions that are JSON, comments about its encoding, and imports from the future.
#[test]
fn script_1_2_python_knows_the_names_of_json() {
    let lines = "script: |\n  # -*- coding: utf-8 -*-\n  from __future__ import annotations\n  x = {{ [true, null] | toJson }}\n  print(x, {{ false }})";
    let done = Place::Process.flow(&Place::Process.task("python.Script", lines)).expect("SUCCESS");
    assert_eq!(done.said(), ["[True, None] False"]);
}
