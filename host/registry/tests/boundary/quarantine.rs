//! A plugin that harmed the host comes back in a process of its own, until it is released.

use serde_json::json;
use switchyard_registry::Isolation;

use crate::host::{Host, RUNNER, misbehave};

#[test]
fn what_ended_the_host_is_known_at_the_next_start() {
    for (method, crime, amount, reason) in [
        ("run", "segfault", 0, "it ended the host by SIGSEGV"),
        ("run", "abort", 0, "it ended the host by SIGABRT"),
        ("run", "take-memory", 1_u64 << 47, "it ended the host by SIGABRT"),
        ("run", "exit", 0, "it ended the host's process by itself"),
    ] {
        let host = Host::sharing().with("m.so", &misbehave());
        let properties = json!({ "crime": crime, "bytes": amount });
        assert!(!host.call(RUNNER, method, properties.clone()).alive, "{crime}");
        let rows = host.rows(&host.open(), "m.so");
        assert_eq!(rows[0].isolation, Some(Isolation::Subprocess), "{crime}: {rows:?}");
        assert_eq!(rows[0].quarantine.as_deref(), Some(reason), "{crime}");

        let again = host.call(RUNNER, method, properties);
        assert_eq!((again.error_code(), again.alive), ("plugin::process_died", true), "{crime}: {again:?}");
        assert!(again.stderr.contains("in quarantine") && again.stderr.contains(reason), "{}", again.stderr);

        let registry = host.open();
        assert!(!registry.release("docker").unwrap());
        assert!(registry.release("misbehave").unwrap());
        let rows = host.rows(&host.open(), "m.so");
        assert_eq!((rows[0].isolation, &rows[0].quarantine), (Some(Isolation::InProcess), &None), "{crime}");
    }
}

#[test]
fn what_blocked_the_host_is_known_at_the_next_start() {
    let host = Host::sharing().with("m.so", &misbehave());
    let ended = host.call(RUNNER, "validate", json!({ "crime": "block-in-validate", "millis": 800 }));
    assert!(ended.alive, "{ended:?}");
    let rows = host.rows(&host.open(), "m.so");
    let reason = rows[0].quarantine.clone().unwrap_or_default();
    assert!(reason.starts_with("its `validate` blocked a thread of the host for 0."), "{rows:?}");
}

/// Whoever kills the host from outside says nothing about its plugins.
#[test]
fn a_killed_host_blames_nobody() {
    let host = Host::sharing().with("m.so", &misbehave());
    assert!(host.call(RUNNER, "run", json!({ "crime": "panic-in-run" })).alive);
    assert_eq!(host.kill_while(RUNNER, json!({ "crime": "block-runtime", "millis": 600_000 })), Some(9));
    let rows = host.rows(&host.open(), "m.so");
    assert_eq!((rows[0].isolation, &rows[0].quarantine), (Some(Isolation::InProcess), &None));
}
