//! Every crime in both placements. The table is in the README of `plugins/misbehave`; this test keeps it true.

use serde_json::json;

use crate::host::{Ended, Host, RUNNER, misbehave};

/// What is asked, with what it needs.
const CRIMES: &[(&str, &str, u64)] = &[
    ("run", "nothing", 0),
    ("run", "panic-in-run", 0),
    ("run", "panic-in-drop", 0),
    ("run", "panic-in-spawned-task", 0),
    ("validate", "panic-in-validate", 0),
    ("run", "segfault", 0),
    ("run", "segfault-after-checkpoint", 0),
    ("run", "segfault-twice", 0),
    ("run", "abort", 0),
    ("run", "exit", 0),
    ("run", "take-memory", 1 << 47),
    ("run", "block-runtime", 2000),
    ("validate", "block-in-validate", 2000),
    ("run", "flood-logs", 8 << 20),
    ("run", "invalid-utf8", 0),
    ("run", "ignore-cancellation", 50),
    ("run", "heed-cancellation", 0),
];

fn outcome(ended: &Ended) -> String {
    let after = if ended.alive { "" } else { ", and with it the host" };
    match (ended.signal, ended.code, &ended.ok, ended.error_code()) {
        (Some(11), ..) => "SIGSEGV ends the host".to_owned(),
        (Some(6), ..) => "SIGABRT ends the host".to_owned(),
        (None, Some(0), Some(ok), _) => match ok["exitCode"].as_i64() {
            Some(code) => format!("exit code {code}{after}"),
            None => format!("an answer{after}"),
        },
        (None, Some(0), None, code) => format!("`{code}`{after}"),
        (_, Some(code), ..) => format!("exit {code} ends the host"),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_crime_in_both_placements() {
    let mut table = String::from("| crime | `in-process` | `subprocess` |\n|---|---|---|\n");
    for (method, crime, amount) in CRIMES {
        let properties = json!({ "crime": crime, "millis": amount, "bytes": amount });
        // A host of its own for each: a crash in the first one would move the plugin.
        let hosts = [Host::sharing(), Host::sharing().apart()].map(|host| host.with("m.so", &misbehave()));
        let row = hosts.map(|host| outcome(&host.call(RUNNER, method, properties.clone())));
        table.push_str(&format!("| {crime} | {} | {} |\n", row[0], row[1]));
    }
    let readme = include_str!("../../../../plugins/misbehave/README.md");
    assert!(readme.contains(&table), "the README of plugins/misbehave has another table than:\n{table}");
}
