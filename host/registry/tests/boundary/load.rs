//! Crimes while a library is loaded for the first time: they happen in the throw-away process, and the host reads about them.

use std::time::Duration;

use switchyard_registry::{GateVerdict, Registry, State};

use crate::host::{Host, RUNNER, misbehave};

#[test]
fn a_plugin_that_breaks_while_it_is_loaded_is_explained() {
    for (crime, gate, code, reason) in [
        ("segfault-in-load", "load", "plugin::crashed", "SIGSEGV while loading"),
        ("abort-in-load", "load", "plugin::crashed", "SIGABRT while loading"),
        ("exit-in-load", "load", "plugin::exited", "it ended its process with code 3 while loading"),
        ("hang-in-load", "load", "plugin::hung", "it did not answer within 1 s while loading"),
        ("segfault-in-init", "init", "plugin::crashed", "SIGSEGV while initialising"),
        ("abort-in-init", "init", "plugin::crashed", "SIGABRT while initialising"),
        ("exit-in-init", "init", "plugin::exited", "it ended its process with code 3 while initialising"),
        ("hang-in-init", "init", "plugin::hung", "it did not answer within 1 s while initialising"),
        ("panic-in-init", "init", "plugin::init_failed", "init panics"),
        ("bad-schema", "schema", "plugin::bad_schema", "the schema of dev.switchyard.test.Misbehave is invalid"),
    ] {
        let host = Host::new().asking_for(crime).with("m.so", &misbehave());
        let mut options = host.options();
        if crime.starts_with("hang") {
            options.preflight_timeout = Duration::from_secs(1);
        }
        let registry = Registry::open(options.clone(), Vec::new());
        let [row] = &host.rows(&registry, "m.so")[..] else { panic!("{crime}: one row is expected") };
        assert_eq!((row.state, row.code.as_deref()), (State::Refused, Some(code)), "{crime}: {row:?}");
        assert!(row.reason.as_ref().unwrap().contains(reason), "{crime}: {row:?}");
        assert!(registry.runner(RUNNER).is_err());

        let gates = registry.check(&host.file("m.so"));
        let last = gates.last().unwrap();
        assert_eq!((last.name.as_str(), last.verdict), (gate, GateVerdict::Failed), "{crime}: {gates:?}");
        assert!(gates[..gates.len() - 1].iter().all(|gate| gate.verdict == GateVerdict::Passed), "{crime}: {gates:?}");
    }
}

#[test]
fn what_a_plugin_prints_is_not_taken_for_an_answer() {
    let host = Host::new().asking_for("print-in-init").with("m.so", &misbehave());
    let registry = host.open();
    assert!(registry.plugins().iter().all(|row| row.state == State::Ready), "{:?}", registry.plugins());
}

#[test]
fn every_gate_of_a_good_plugin() {
    let host = Host::sharing().with("m.so", &misbehave());
    let gates = host.open().check(&host.file("m.so"));
    let names: Vec<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
    assert_eq!(names, ["file", "elf", "header", "api", "copy", "load", "layout", "init", "manifest", "schema"]);
    assert!(gates.iter().all(|gate| gate.verdict == GateVerdict::Passed), "{gates:?}");
}

#[test]
fn without_a_process_to_try_it_in_nothing_is_loaded() {
    let host = Host::new().with("m.so", &misbehave());
    let mut options = host.options();
    options.preflight = vec!["/nowhere/switchyard".into()];
    let registry = Registry::open(options, Vec::new());
    let row = &host.rows(&registry, "m.so")[0];
    assert_eq!(row.code.as_deref(), Some("plugin::no_preflight"), "{row:?}");
    // A broken installation says nothing about the plugin: it is tried again.
    assert!(host.open().runner(RUNNER).is_ok());
}

#[test]
fn a_check_tries_again_what_was_refused() {
    let host = Host::new().asking_for("hang-in-init").with("m.so", &misbehave());
    let mut options = host.options();
    options.preflight_timeout = Duration::from_millis(500);
    assert!(Registry::open(options, Vec::new()).runner(RUNNER).is_err());
    // It hung because the machine was busy, say.
    let host = host.asking_for("nothing");
    assert!(host.open().runner(RUNNER).is_err(), "a refusal is remembered, or every start would wait for it");
    assert_eq!(host.open().check(&host.file("m.so")).last().map(|gate| gate.verdict), Some(GateVerdict::Passed));
    assert!(host.open().runner(RUNNER).is_ok());
}
