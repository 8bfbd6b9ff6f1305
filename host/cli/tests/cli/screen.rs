//! What the commands say about themselves.

use crate::stage::Stage;

/// The examples at the end of each screen; the options are the parser's own business.
#[test]
fn help_ends_with_examples() {
    let stage = Stage::bare();
    let commands: [&[&str]; 7] = [&[], &["run"], &["validate"], &["explain"], &["schema"], &["expr"], &["completions"]];
    let mut shown = String::new();
    for command in commands {
        let text = stage.switchyard(&[command, &["--help"]].concat()).expect(0).text();
        let place = text.find("\nExample").unwrap_or_else(|| panic!("{command:?} has no example"));
        let usage = text.lines().find(|line| line.starts_with("Usage:")).unwrap();
        shown.push_str(&format!("{usage}\n{}\n", &text[place..]));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn a_dry_run_of_a_process_starts_nothing() {
    let stage = Stage::new();
    stage.shell(&["touch \"$HOME/started\""]);
    let shown = stage.switchyard(&["run", "flow.yaml", "--dry-run"]).expect(0).shown();
    assert!(shown.contains("taskRunner: io.kestra.plugin.core.runner.Process") && shown.contains("\"workingDir\""), "{shown}");
    assert!(!stage.path("home/started").exists());
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let stage = Stage::bare();
    stage.write("flow.yaml", "id: 1\n");
    for (arguments, coloured) in [(&["validate", "flow.yaml"][..], false), (&["validate", "flow.yaml", "--color", "always"], true)] {
        assert_eq!(stage.switchyard(arguments).expect(2).text().contains('\u{1b}'), coloured, "{arguments:?}");
    }
}
