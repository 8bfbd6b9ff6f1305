//! Lines, one by one.

use serde_json::json;
use switchyard_plugin_api::{Event, Level, LogStream, Metric, MetricKind};

use super::{LIMITS, Part, Told, capture};

fn text(level: Level, text: &str) -> Part {
    Part::Text(level, text.to_owned())
}

fn message(level: Level, message: &str) -> Part {
    Part::Event(Event::Message { level, message: message.to_owned() })
}

fn metric(name: &str, kind: MetricKind, value: f64, tags: &[(&str, &str)]) -> Part {
    let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Part::Event(Event::Metric(Metric { name: name.to_owned(), kind, value, tags }))
}

fn stdout(bytes: &[u8]) -> (Told, serde_json::Value) {
    let (told, outputs) = capture(LogStream::Stdout, &[], LIMITS, [bytes]);
    (told, outputs.into())
}

/// The only warning about a malformed frame.
fn warning(told: &Told) -> &str {
    match told.parts.as_slice() {
        [Part::Event(Event::Message { level: Level::Warn, message })] => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn conformance_23_frames() {
    let printed = concat!(
        "::{\"outputs\":{\"a\":1,\"b\":1}}::\n",
        " ::{\"outputs\":{\"c\":1}}::\n",
        "::{\"outputs\":{\"d\":1}}::::{\"outputs\":{\"e\":1}}::\n",
        "::{bad}::\n",
        "::{\"foo\":1,\"outputs\":{\"f\":null}}::\n",
    );
    let (told, outputs) = stdout(printed.as_bytes());
    assert_eq!(outputs, json!({"a": 1, "b": 1, "d": 1, "f": null}));
    let [first, Part::Event(Event::Message { level: Level::Warn, message })] = told.parts.as_slice() else { panic!("{told:?}") };
    assert_eq!(*first, text(Level::Info, " ::{\"outputs\":{\"c\":1}}::\n"));
    assert!(message.starts_with("Invalid outputs") && message.ends_with("It began with: {bad}"), "{message}");
}

#[test]
fn conformance_23_outputs_of_both_streams_merge_by_key() {
    let mut told = Told::default();
    let mut capture = super::Capture::new(&mut told, switchyard_store::masking::Masker::default());
    capture.push(LogStream::Stdout, 1, b"::{\"outputs\":{\"a\":{\"x\":1},\"b\":1}}::\n");
    capture.push(LogStream::Stderr, 2, b"::{\"outputs\":{\"a\":{\"y\":2}}}::\n");
    assert_eq!(serde_json::Value::from(capture.finish()), json!({"a": {"y": 2}, "b": 1}));
    assert_eq!(told.parts, []);
}

#[test]
fn lines_that_are_frames() {
    for (line, outputs) in [
        ("::{}::", json!({})),
        ("::{\"outputs\":{\"k\":[1,{\"x\":\"y\"}]}}::\r\n", json!({"k": [1, {"x": "y"}]})),
        ("::{\"outputs\":{\"k\":1}}::", json!({"k": 1})),
        ("::{\"outputs\":null,\"metrics\":null,\"logs\":null,\"assets\":[],\"otlp\":{}}::\n", json!({})),
        ("::{ \"outputs\" : {\"k\":\"\u{e9}}::\"} }::\n", json!({"k": "\u{e9}}::"})),
        // A progress line that is overwritten ends before the frame.
        ("\r\r\n::{\"outputs\":{\"k\":1}}::\r::{\"outputs\":{\"l\":1}}::\r", json!({"k": 1, "l": 1})),
    ] {
        let (told, found) = stdout(line.as_bytes());
        assert_eq!(found, outputs, "{line:?}");
        assert!(!told.parts.iter().any(|part| matches!(part, Part::Text(_, text) if text.contains("outputs"))), "{line:?}");
    }
}

#[test]
fn lines_that_only_look_like_frames() {
    for line in [
        " ::{\"outputs\":{\"k\":1}}::\n",
        "\t::{}::\n",
        "x::{}::\n",
        "::{}:: \n",
        "::{}::x\n",
        "::{}:\n",
        "::{\n",
        "::{::\n",
        "::\n",
        "{\"outputs\":{}}\n",
        "::[]::\n",
        "::{\"outputs\":\n{\"k\":1}}::\n",
        "::{\"outputs\":{\"k\":\"\u{2028}\"}}::\n",
        "::{\"outputs\":{\"k\":\"\u{85}\"}}::\n",
        "2024-01-01 ::{\"outputs\":{}}::\n",
    ] {
        let (told, outputs) = stdout(line.as_bytes());
        let bytes: String = line.bytes().map(char::from).collect();
        assert_eq!((told.parts, outputs), (vec![text(Level::Info, &bytes)], json!({})), "{line:?}");
    }
}

#[test]
fn malformed_frames_are_rejected_whole_with_a_warning() {
    for (json, part) in [
        ("{bad}", "key must be a string"),
        ("{\"outputs\":1}", "invalid type: integer `1`, expected a map"),
        ("{\"outputs\":{\"k\":1},\"metrics\":{}}", "expected a sequence"),
        ("{\"metrics\":[{\"name\":\"n\",\"type\":\"histogram\",\"value\":1}]}", "unknown variant `histogram`"),
        ("{\"metrics\":[{\"type\":\"counter\",\"value\":1}]}", "missing field `name`"),
        ("{\"metrics\":[{\"name\":\"n\",\"type\":\"counter\",\"value\":\"PT1S\"}]}", "the value of metric `n` is \"PT1S\", not a number"),
        ("{\"metrics\":[{\"name\":\"n\",\"type\":\"timer\",\"value\":\"soon\"}]}", "a duration such as PT1.5S"),
        ("{\"metrics\":[{\"name\":\"n\",\"type\":\"counter\",\"value\":1,\"tags\":{\"t\":[]}}]}", "tag `t` of metric `n`"),
        ("{\"outputs\":{\"k\":1},\"logs\":[{\"level\":\"info\",\"message\":\"m\"}]}", "unknown variant `info`"),
    ] {
        let (told, outputs) = stdout(format!("::{json}::\n").as_bytes());
        assert!(warning(&told).contains(part), "{json}: {}", warning(&told));
        assert_eq!(outputs, json!({}), "{json}");
    }
}

#[test]
fn a_warning_shows_the_first_200_characters() {
    let (told, _) = stdout(format!("::{{{}}}::\n", "\u{e9}".repeat(500)).as_bytes());
    assert!(warning(&told).ends_with(&format!("began with: {{{}", "\u{e9}".repeat(199))));
}

#[test]
fn metrics_and_logs() {
    let (told, _) = stdout(
        concat!(
            r#"::{"metrics":[{"name":"rows","type":"counter","value":3,"tags":{"a":"b","n":1}},{"name":"t","type":"timer","value":1.5}]}::"#,
            "\n",
            r#"::{"metrics":[{"name":"t","type":"timer","value":"PT2S"},{"name":"g","type":"gauge","value":-1,"description":"d"}]}::"#,
            "\n",
            r#"::{"logs":[{"level":"TRACE","message":"fine"},{"message":"lost"},{"level":"ERROR","message":7}]}::"#,
            "\n",
        )
        .as_bytes(),
    );
    assert_eq!(
        told.parts,
        [
            metric("rows", MetricKind::Counter, 3.0, &[("a", "b"), ("n", "1")]),
            metric("t", MetricKind::Timer, 1.5, &[]),
            metric("t", MetricKind::Timer, 2.0, &[]),
            metric("g", MetricKind::Gauge, -1.0, &[]),
            message(Level::Trace, "fine"),
            message(Level::Warn, "Invalid log: it has no level: lost"),
            message(Level::Error, "7"),
        ]
    );
}

#[test]
fn marks_switch_the_level_of_standard_output_only() {
    let printed = b"a\n##kestra:log:debug##\nb\n::{\"outputs\":{\"k\":1}}::\nc\r\n##kestra:log:info##\r\nd\n ##kestra:log:debug##\ne";
    let (told, outputs) = stdout(printed);
    assert_eq!(told.parts, [text(Level::Info, "a\n"), text(Level::Debug, "b\nc\r\n"), text(Level::Info, "d\n ##kestra:log:debug##\ne")]);
    assert_eq!(outputs, json!({"k": 1}));
    let (told, _) = capture(LogStream::Stderr, &[], LIMITS, [&b"##kestra:log:debug##\nb\n"[..]]);
    assert_eq!(told.parts, [text(Level::Error, "##kestra:log:debug##\nb\n")]);
}

#[test]
fn the_first_mark_comes_early_and_the_second_whenever() {
    let filler = "x\n".repeat(600_000);
    for chunk in [1 << 17, 1 << 22] {
        let printed = format!("##kestra:log:debug##\n{filler}##kestra:log:info##\n{filler}##kestra:log:debug##\n");
        let (told, _) = capture(LogStream::Stdout, &[], LIMITS, printed.as_bytes().chunks(chunk));
        let [Part::Text(Level::Debug, before), Part::Text(Level::Info, after)] = told.parts.as_slice() else {
            panic!("in chunks of {chunk}")
        };
        assert!(*before == filler && *after == format!("{filler}##kestra:log:debug##\n"), "in chunks of {chunk}");
    }
}

#[test]
fn conformance_24_bytes_are_kept_as_they_are() {
    let printed = [b"x".repeat(100_000), b"\n\xff\n1\r2\r3\n\n\0last".to_vec()].concat();
    let (told, _) = stdout(&printed);
    let bytes: String = printed.iter().map(|&byte| char::from(byte)).collect();
    assert_eq!(told.parts, [text(Level::Info, &bytes)]);
}

#[test]
fn a_chunk_without_frames_is_one_call() {
    let chunk = b"a line with ::{ in it\nand more\n".repeat(1000);
    for _ in 0..3 {
        let (told, _) = capture(LogStream::Stdout, &[], LIMITS, [&chunk[..], &chunk[..]]);
        assert_eq!(told.calls, 2);
    }
}

#[test]
fn a_line_that_is_written_word_by_word_is_one_call() {
    let (told, _) = capture(LogStream::Stdout, &[], LIMITS, [&b"done\nwaiting"[..], b" ", b"for", b"\n", b"no end"]);
    assert_eq!((told.parts, told.calls), (vec![text(Level::Info, "done\nwaiting for\nno end")], 3));
}

#[test]
fn long_lines_pass_in_pieces() {
    let chunk = vec![b'x'; 1 << 16];
    let (told, _) = capture(LogStream::Stdout, &["hunter2hunter2"], LIMITS, std::iter::repeat_n(&chunk[..], 100));
    assert!(told.calls >= 50, "{}", told.calls);
    assert!(matches!(told.parts.as_slice(), [Part::Text(Level::Info, text)] if text.len() == 100 << 16));
}

#[test]
fn a_frame_beyond_the_cap_is_text() {
    let limits = (40, 16);
    for (size, frame) in [(40, true), (41, false)] {
        let line = format!("::{{\"outputs\":{{\"k\":\"{}\"}}}}::", "x".repeat(size - 24));
        assert_eq!(line.len(), size);
        for chunk in [1, 7, 100] {
            let printed = format!("{line}\nafter\n");
            let (told, outputs) = capture(LogStream::Stdout, &[], limits, printed.as_bytes().chunks(chunk));
            assert_eq!(outputs.is_empty(), !frame, "{size} in chunks of {chunk}");
            let expected = if frame { "after\n" } else { &printed };
            assert_eq!(told.parts, [text(Level::Info, expected)], "{size} in chunks of {chunk}");
        }
    }
}

#[test]
fn conformance_25_secrets_are_masked_in_text_and_messages_and_not_in_outputs() {
    let printed = concat!(
        "it is hunter2hunter2, hunter2hunter2\n",
        "::{\"outputs\":{\"k\":\"hunter2hunter2\"},\"logs\":[{\"level\":\"INFO\",\"message\":\"hunter2hunter2!\"}]}::\n",
        "::{hunter2hunter2}::\n",
        "no end: hunter2hunter2",
    );
    for chunk in 1..printed.len() {
        let (told, outputs) = capture(LogStream::Stdout, &["hunter2hunter2", "hunter3"], LIMITS, printed.as_bytes().chunks(chunk));
        assert_eq!(serde_json::Value::from(outputs), json!({"k": "hunter2hunter2"}));
        let [before, logged, Part::Event(Event::Message { message: warning, .. }), after] = told.parts.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(*before, text(Level::Info, "it is ******, ******\n"));
        assert_eq!(*logged, message(Level::Info, "******!"));
        assert!(warning.ends_with("It began with: {******}"), "{warning}");
        assert_eq!(*after, text(Level::Info, "no end: ******"));
    }
}
