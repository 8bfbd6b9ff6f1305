use super::{lines, log};
use crate::logs::{Level, Logs, Source};

#[test]
fn streams_are_cut_into_lines_and_share_their_arrival_time() {
    let (_directory, log) = log();
    let (a, b) = (log.attempt("a/0"), log.attempt("b/0"));
    a.append(Source::Stdout, 1, b"one\ntwo\nthr").unwrap();
    a.append(Source::Stderr, 2, b"warning\r\n\nrest").unwrap();
    b.append(Source::Stdout, 3, b"other\n").unwrap();
    a.append(Source::Message(Level::Info), 4, b"two\nlines\n").unwrap();
    a.append(Source::Stdout, 5, b"ee\n").unwrap();
    a.finish(6).unwrap();
    b.finish(7).unwrap();
    insta::assert_snapshot!(lines(&log).join("\n"), @r"
    a/0 Stdout 1 one
    a/0 Stdout 1 two
    a/0 Stderr 2 warning
    a/0 Stderr 2 
    b/0 Stdout 3 other
    a/0 Message(Info) 4 two
    lines
    a/0 Stdout 1 three
    a/0 Stderr 2 rest
    ");
}

#[test]
fn what_prints_nothing_has_no_file() {
    let (directory, log) = log();
    let writer = log.attempt("a/0");
    writer.append(Source::Stdout, 1, b"").unwrap();
    writer.finish(2).unwrap();
    assert_eq!(lines(&log), [""; 0]);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_long_line_is_shown_cut_and_given_whole() {
    let (_directory, log) = log();
    let (a, b) = (log.attempt("a/0"), log.attempt("b/0"));
    let mut expected = Vec::new();
    a.append(Source::Stdout, 1, b"first\n").unwrap();
    for part in 0..50u8 {
        let piece = vec![b'a' + part % 26; 70_000];
        expected.extend_from_slice(&piece);
        a.append(Source::Stdout, 2, &piece).unwrap();
        b.append(Source::Stdout, 2, b"in between\n").unwrap();
        a.append(Source::Stderr, 2, b"!").unwrap();
    }
    let many = vec![b'z'; 3_000_000];
    expected.extend_from_slice(&many);
    a.append(Source::Stdout, 2, &many).unwrap();
    a.append(Source::Stdout, 3, b"\nlast\n").unwrap();
    let mut reader = log.lines(10).unwrap().only(|name| name == "a/0");
    let mut found = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        found.push(line);
    }
    let shown: Vec<_> = found.iter().map(|l| (l.text.as_str(), l.cut, l.length)).collect();
    assert_eq!(shown, [("first", false, 5), ("aaaaaaaaaa", true, 6_500_000), ("last", false, 4)]);
    let mut whole = Vec::new();
    reader.whole(&found[1], |bytes| whole.extend_from_slice(bytes)).unwrap();
    assert!(whole == expected);
}

#[test]
fn a_cut_falls_between_characters_and_bad_bytes_stay_readable() {
    let table: [(&[u8], usize, &str, bool); 6] = [
        ("häuser".as_bytes(), 2, "h", true),
        ("häuser".as_bytes(), 3, "hä", true),
        ("häuser".as_bytes(), 7, "häuser", false),
        ("a😀b".as_bytes(), 4, "a", true),
        (b"a\xffb", 3, "a\u{fffd}b", false),
        (b"a\xff\xff\xff", 3, "a\u{fffd}\u{fffd}", true),
    ];
    for (bytes, cut, text, is_cut) in table {
        let (_directory, log) = log();
        let writer = log.attempt("a/0");
        writer.append(Source::Stdout, 1, bytes).unwrap();
        writer.append(Source::Stdout, 1, b"\n").unwrap();
        let line = log.lines(cut).unwrap().next_line().unwrap().unwrap();
        assert_eq!((line.text.as_str(), line.cut), (text, is_cut), "{bytes:?} cut at {cut}");
    }
}

#[test]
fn reading_goes_on_from_a_position() {
    let (_directory, log) = log();
    let writer = log.attempt("a/0");
    for number in 0..10 {
        writer.append(Source::Stdout, number, format!("{number}\n").as_bytes()).unwrap();
    }
    let mut reader = log.lines(100).unwrap();
    for _ in 0..4 {
        reader.next_line().unwrap().unwrap();
    }
    let mut later = log.lines(100).unwrap();
    later.seek(reader.position()).unwrap();
    let line = later.next_line().unwrap().unwrap();
    assert_eq!((&*line.attempt, line.text.as_str()), ("a/0", "4"));
}

#[tokio::test]
async fn a_follower_sees_what_is_written_and_then_the_end() {
    let (_directory, log) = log();
    let mut follower = log.follow(100).unwrap();
    let reading = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(line) = follower.next_line().await.unwrap() {
            seen.push(line.text);
        }
        seen
    });
    let writer = log.attempt("a/0");
    for text in ["one\n", "two\nthr", "ee\n", "no end"] {
        writer.append(Source::Stdout, 1, text.as_bytes()).unwrap();
        tokio::task::yield_now().await;
    }
    log.end();
    assert_eq!(reading.await.unwrap(), ["one", "two", "three", "no end"]);
}

#[test]
fn more_executions_than_open_files_take_turns() {
    let directory = tempfile::tempdir().unwrap();
    let logs = Logs::new(directory.path());
    let executions: Vec<_> = (0..600).map(|n| logs.execution(&format!("e{n}")).unwrap()).collect();
    let writers: Vec<_> = executions.iter().map(|log| log.attempt("a/0")).collect();
    for round in 0..2 {
        for writer in &writers {
            writer.append(Source::Stdout, round, b"line\n").unwrap();
        }
    }
    for log in &executions {
        assert_eq!(lines(log), ["a/0 Stdout 0 line", "a/0 Stdout 1 line"]);
    }
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 560, "{open} files are open");
}

#[test]
fn an_id_that_is_no_name_is_refused() {
    let logs = Logs::new("unused");
    for id in ["", "..", "a/b", ".hidden", "a\0"] {
        assert_eq!(logs.execution(id).err().unwrap().code(), "logs::name", "{id:?}");
    }
}
