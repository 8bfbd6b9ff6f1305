use std::fs;

use super::{lines, log};
use crate::logs::{Mark, Source, Stream};

/// 20 KB of lines that share most of their text.
fn alike(from: u32) -> String {
    (from..from + 400).map(|number| format!("2026-11-27 worker finished item {number:05} without errors\n")).collect()
}

/// 20 KB of lines in which nothing repeats.
fn unlike() -> String {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 20
    };
    (0..500).map(|_| format!("{:011x}{:011x}{:011x}\n", next(), next(), next())).collect()
}

#[test]
fn large_appends_are_stored_small_and_read_like_any_other() {
    let (_directory, log) = log();
    let writer = log.attempt("a/0");
    // Lines go on from one frame to the next, packed or not.
    let text = alike(0) + "one " + "line\n" + &alike(400) + &unlike() + &alike(800);
    let cuts = [0, 20_000, 20_003, 41_000, 41_007, 75_000, text.len()];
    for piece in cuts.windows(2) {
        writer.append(Source::Stdout, 1, &text.as_bytes()[piece[0]..piece[1]]).unwrap();
    }
    let expected: Vec<_> = text.lines().map(|line| format!("a/0 Stdout 1 {line}")).collect();
    assert_eq!(lines(&log), expected);
    let stored = fs::metadata(log.path()).unwrap().len();
    assert!(stored < text.len() as u64 / 2, "{stored} of {} bytes", text.len());

    let mut reader = log.lines(10).unwrap();
    for (number, expected) in text.lines().enumerate() {
        let line = reader.next_line().unwrap().unwrap();
        if number % 97 == 0 || expected == "one line" {
            let mut whole = Vec::new();
            reader.whole(&line, |bytes| whole.extend_from_slice(bytes)).unwrap();
            assert_eq!(String::from_utf8_lossy(&whole), expected);
        }
    }
}

#[test]
fn what_does_not_get_smaller_is_stored_as_it_is() {
    let (_directory, log) = log();
    let writer = log.attempt("a/0");
    for _ in 0..20 {
        writer.append(Source::Stdout, 1, unlike().as_bytes()).unwrap();
    }
    let text = unlike().repeat(20);
    assert!(fs::metadata(log.path()).unwrap().len() > text.len() as u64);
    assert_eq!(lines(&log).len(), text.lines().count());
}

#[test]
fn a_mark_goes_with_packed_bytes() {
    let (_directory, log) = log();
    let writer = log.attempt("a/0");
    let mark = Mark { stdout: 20_000, stderr: 3, state: vec![7] };
    let text = alike(0) + "no end";
    writer.append_marked(Source::Stdout, 5, text.as_bytes(), &mark).unwrap();
    let marked = log.marked("a/0").unwrap().unwrap();
    assert_eq!((marked.stdout, marked.stderr, marked.time, marked.open), (20_000, 3, 5, vec![Stream::Stdout]));
    assert_eq!(lines(&log).last().unwrap(), "a/0 Stdout 5 no end");
}

#[test]
fn a_segment_of_before_is_read_and_written_on() {
    let (_directory, log) = log();
    log.attempt("a/0").append(Source::Stdout, 1, b"one\n").unwrap();
    let mut bytes = fs::read(log.path()).unwrap();
    bytes[7] = 1;
    fs::write(log.path(), bytes).unwrap();
    log.attempt("a/1").append(Source::Stdout, 2, alike(0).as_bytes()).unwrap();
    assert_eq!(lines(&log).len(), 401);
}

#[test]
fn damage_inside_a_packed_frame_is_shown_in_its_place() {
    let (_directory, log) = log();
    let writer = log.attempt("a/0");
    for text in ["before\n", &alike(0), "after\n"] {
        writer.append(Source::Stdout, 1, text.as_bytes()).unwrap();
    }
    let mut bytes = fs::read(log.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 200].fill(0xff);
    fs::write(log.path(), bytes).unwrap();
    let lines = lines(&log);
    assert_eq!((lines.len(), lines[0].as_str(), lines[2].as_str()), (3, "a/0 Stdout 1 before", "a/0 Stdout 1 after"));
    assert!(lines[1].contains("bytes of this log are damaged"), "{}", lines[1]);
}
