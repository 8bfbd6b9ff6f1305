//! A plugin written by hand, without the care of `export_plugin!`.

use serde_json::json;

use crate::host::{Host, RAW, raw};

fn host() -> Host {
    Host::sharing().with("raw.so", &raw())
}

#[test]
fn what_a_raw_plugin_does_wrong_in_its_future_is_an_error() {
    for (crime, code, message) in [
        ("panic-in-poll", "plugin::panic", "a future of plugin raw panicked outside its own threads"),
        ("tokio-time", "plugin::panic", "a future of plugin raw panicked outside its own threads"),
        ("wrong-json", "plugin::protocol", "a message across the plugin boundary has another shape"),
        ("unreadable-error", "plugin::protocol", "the plugin failed with 2 unreadable bytes"),
    ] {
        let ended = host().call(RAW, "run", json!({ "crime": crime }));
        assert_eq!((ended.error_code(), ended.alive), (code, true), "{crime}: {ended:?}");
        assert!(ended.message().contains(message), "{crime}: {ended:?}");
    }
}

#[test]
fn a_wrong_answer_of_a_synchronous_call_is_an_error() {
    let ended = host().call(RAW, "validate", json!({ "crime": "wrong-json" }));
    assert_eq!((ended.error_code(), ended.alive), ("plugin::protocol", true), "{ended:?}");
}

#[test]
fn a_future_that_blocks_while_it_is_polled_is_named() {
    let ended = host().call(RAW, "run", json!({ "crime": "block-in-poll" }));
    assert!(ended.alive, "{ended:?}");
    assert!(ended.stderr.contains("blocks a thread of the host plugin=\"raw\" call=\"poll\""), "{}", ended.stderr);
}

/// Why nobody writes the raw trait: these end the host, whatever it does.
#[test]
fn what_the_macro_prevents() {
    let ended = host().call(RAW, "validate", json!({ "crime": "panic-in-call" }));
    assert_eq!((ended.code, ended.alive), (Some(1), false), "{ended:?}");
    let ended = host().call(RAW, "run", json!({ "crime": "panic-in-drop" }));
    assert_eq!(ended.signal, Some(6), "{ended:?}");
}
