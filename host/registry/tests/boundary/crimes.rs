//! What a plugin made with `export_plugin!` can do wrong while it works: the host lives, and says who did what.

use serde_json::{Value, json};

use crate::host::{Ended, Host, RUNNER, TASK, misbehave};

fn commit(type_name: &str, method: &str, properties: Value) -> Ended {
    Host::sharing().with("m.so", &misbehave()).call(type_name, method, properties)
}

fn survived(ended: &Ended) {
    assert!(ended.alive && ended.code == Some(0), "the host should have lived: {ended:?}");
}

#[test]
fn panics_are_errors_of_their_call() {
    for (type_name, method, crime, message) in [
        (RUNNER, "validate", "panic-in-validate", "validate panics"),
        (RUNNER, "paths", "panic-in-paths", "paths panics"),
        (RUNNER, "preview", "panic-in-preview", "preview panics"),
        (RUNNER, "run", "panic-in-run", "run panics"),
        (RUNNER, "run", "panic-with-number", "a panic without a message"),
        (TASK, "plan", "panic-in-plan", "plan panics"),
        (TASK, "task", "panic-in-run", "run panics"),
    ] {
        let ended = commit(type_name, method, json!({ "crime": crime }));
        assert_eq!(ended.error_code(), "plugin::panic", "{crime}: {ended:?}");
        assert!(ended.message().contains(message) && ended.message().contains(".rs:"), "{crime}: {}", ended.message());
        assert!(ended.error.as_ref().unwrap()["backtrace"].as_str().is_some_and(|text| text.contains("plugins/misbehave/src")));
        assert!(ended.stderr.contains("ERROR plugin::misbehave: panicked at"), "the host's log tells it: {}", ended.stderr);
        if type_name == RUNNER {
            survived(&ended);
        }
    }
}

#[test]
fn a_panic_in_a_spawned_task_or_thread_is_told() {
    for crime in ["panic-in-spawned-task", "panic-on-thread"] {
        let ended = commit(RUNNER, "run", json!({ "crime": crime }));
        survived(&ended);
        assert_eq!(ended.ok.as_ref().unwrap()["details"]["joined"], true, "{crime}: {ended:?}");
        assert!(ended.stderr.contains("ERROR plugin::misbehave: panicked at"), "{crime}: {}", ended.stderr);
    }
}

#[test]
fn a_panic_while_a_future_is_dropped_is_contained() {
    let ended = commit(RUNNER, "run", json!({ "crime": "panic-in-drop" }));
    survived(&ended);
    assert_eq!(ended.error_code(), "plugin::panic", "{ended:?}");
}

/// In the host's own process nothing can contain these; that is what `isolation: subprocess` is for.
#[test]
fn what_only_another_process_can_contain() {
    for (crime, signal, code) in [("segfault", Some(11), None), ("abort", Some(6), None), ("exit", None, Some(7))] {
        let ended = commit(RUNNER, "run", json!({ "crime": crime }));
        assert_eq!((ended.signal, ended.code), (signal, code), "{crime}: {ended:?}");
    }
    let ended = commit(RUNNER, "run", json!({ "crime": "take-memory", "bytes": 1_u64 << 47 }));
    assert_eq!(ended.signal, Some(6), "no memory: {ended:?}");
}

#[test]
fn a_blocked_runtime_is_named_and_blocks_only_itself() {
    let ended = commit(RUNNER, "run", json!({ "crime": "block-runtime", "millis": 1500 }));
    survived(&ended);
    assert!(ended.stderr.contains("own threads do not answer") && ended.stderr.contains("plugin=\"misbehave\""), "{}", ended.stderr);
    assert!(ended.stderr.contains("answers again"), "{}", ended.stderr);
}

#[test]
fn a_slow_synchronous_call_is_named_while_it_lasts_and_after() {
    let ended = commit(RUNNER, "validate", json!({ "crime": "block-in-validate", "millis": 800 }));
    survived(&ended);
    assert!(ended.stderr.contains("blocks a thread of the host plugin=\"misbehave\" call=\"validate\""), "{}", ended.stderr);
    assert!(ended.stderr.contains("took long plugin=\"misbehave\" call=\"validate\""), "{}", ended.stderr);
}

#[test]
fn logs_of_any_size_and_content_pass() {
    for (crime, bytes) in [("invalid-utf8", 14), ("flood-logs", 100 << 20)] {
        let ended = commit(RUNNER, "run", json!({ "crime": crime, "bytes": bytes }));
        survived(&ended);
        assert_eq!(ended.log_bytes, bytes, "{crime}");
    }
}

#[test]
fn cancellation_is_a_request() {
    let ended = commit(RUNNER, "run", json!({ "crime": "heed-cancellation" }));
    survived(&ended);
    assert_eq!(ended.ok.as_ref().unwrap()["details"]["graceMs"], 1500, "{ended:?}");
    let ended = commit(RUNNER, "run", json!({ "crime": "ignore-cancellation", "millis": 50 }));
    survived(&ended);
    assert_eq!(ended.ok.as_ref().unwrap()["exitCode"], 0, "ignoring it harms nobody: {ended:?}");
}

#[test]
fn timers_and_processes_of_its_own_runtime_work() {
    let ended = commit(RUNNER, "run", json!({ "crime": "tokio-time", "millis": 20 }));
    assert_eq!(ended.ok.as_ref().unwrap()["details"]["waited"], true, "{ended:?}");
    let ended = commit(RUNNER, "run", json!({ "crime": "spawn-process" }));
    assert_eq!(ended.ok.as_ref().unwrap()["exitCode"], 0, "{ended:?}");
}

#[test]
fn tracing_events_arrive_with_their_fields_and_spans() {
    let ended = commit(RUNNER, "run", json!({ "crime": "trace" }));
    survived(&ended);
    assert!(
        ended.stderr.contains("INFO plugin::misbehave: an event of the plugin target=switchyard_plugin_misbehave::crime"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains(r#""loot":"cookies","count":3"#), "{}", ended.stderr);
    assert!(ended.stderr.contains("WARN plugin::misbehave: an event with a target target=elsewhere"), "{}", ended.stderr);
}

#[test]
fn two_plugins_with_a_runtime_each_work_side_by_side() {
    let host = Host::sharing().with("m.so", &misbehave()).with("raw.so", &crate::host::raw());
    assert!(host.call(RUNNER, "run", json!({ "crime": "spawn-process" })).alive);
    assert!(host.call(crate::host::RAW, "run", json!({})).alive);
}
