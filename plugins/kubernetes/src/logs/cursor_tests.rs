use super::*;

const A: &str = "2026-01-01T00:00:01.100000000Z";
const B: &str = "2026-01-01T00:00:01.200000000Z";
const C: &str = "2026-01-01T00:00:02.300000000Z";

fn nanos(text: &str) -> i64 {
    i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
}

fn text(pieces: &[Piece]) -> String {
    pieces.iter().map(|p| String::from_utf8_lossy(&p.bytes).into_owned()).collect()
}

/// Reads a log in chunks of this size.
fn read(cursor: &mut Cursor, log: &str, chunk: usize) -> (Vec<Piece>, Vec<String>) {
    let (mut pieces, mut remarks) = (Vec::new(), Vec::new());
    for part in log.as_bytes().chunks(chunk) {
        cursor.feed(part, &mut pieces, &mut remarks);
    }
    cursor.finish(&mut pieces, &mut remarks);
    (pieces, remarks)
}

#[test]
fn kube_k15_lines_keep_their_bytes_and_times() {
    let log = format!("{A} one\n{A} \n{B}   \tindented  twice\n{B}\n{C} 2026 is no time\n{C} last");
    for chunk in [1, 2, 7, 31, 1000] {
        let (pieces, remarks) = read(&mut Cursor::new(Position::default(), 0), &log, chunk);
        assert_eq!(text(&pieces), "one\n\n  \tindented  twice\n\n2026 is no time\nlast", "{chunk}");
        assert_eq!(pieces.iter().map(|p| p.time).collect::<Vec<_>>(), [A, B, C].map(nanos), "{chunk}");
        assert_eq!(remarks, Vec::<String>::new());
    }
}

#[test]
fn kube_k15_a_long_line_is_one_with_and_without_times_in_its_middle() {
    let content: String = (0..40_000_u32).map(|n| char::from(b'a' + u8::try_from(n % 26).unwrap())).collect();
    let old = format!("{A} {}{B} {}{C} {}\n{C} next\n", &content[..16384], &content[16384..32768], &content[32768..]);
    let new = format!("{A} {content}\n{C} next\n");
    for log in [&old, &new] {
        for chunk in [1, 16384, 16400, 100_000] {
            let (pieces, _) = read(&mut Cursor::new(Position::default(), 0), log, chunk);
            assert!(text(&pieces) == format!("{content}\nnext\n"), "{chunk}");
        }
    }
    // What only looks like a time stays.
    let similar = format!("{A} {}2026-01-01Tx\n", &content[..16384]);
    let (pieces, _) = read(&mut Cursor::new(Position::default(), 0), &similar, 5);
    assert!(text(&pieces).ends_with("2026-01-01Tx\n"));
}

#[test]
fn kube_k14_nothing_is_lost_or_repeated_wherever_the_stream_breaks() {
    let lines = [(A, "one"), (A, "one"), (B, "two"), (B, ""), (B, "three"), (C, "four")];
    let log: String = lines.iter().map(|(time, line)| format!("{time} {line}\n")).collect();
    let expected = "one\none\ntwo\n\nthree\nfour\n";
    for cut in 0..log.len() {
        let mut cursor = Cursor::new(Position::default(), 0);
        let (mut pieces, mut remarks) = (Vec::new(), Vec::new());
        cursor.feed(&log.as_bytes()[..cut], &mut pieces, &mut remarks);
        let since = cursor.rewind();
        // The kubelet starts at a whole second.
        let start = log
            .lines()
            .take_while(|l| since.is_some_and(|s| nanos(&l[..30]).div_euclid(1_000_000_000) < s))
            .map(|l| l.len() + 1)
            .sum::<usize>();
        cursor.feed(&log.as_bytes()[start..], &mut pieces, &mut remarks);
        assert_eq!((text(&pieces).as_str(), remarks.as_slice()), (expected, [].as_slice()), "cut at {cut}");
        assert_eq!(cursor.position().bytes, expected.len() as u64);
    }
}

#[test]
fn kube_k18_another_host_goes_on_by_position_and_by_bytes() {
    let log = format!("{A} one\n{B} two\n{B} three\n{C} four\n");
    let all = "one\ntwo\nthree\nfour\n";
    for anchored in 0..=all.len() {
        // The position that an earlier host had saved, by reading so many bytes.
        let mut first = Cursor::new(Position::default(), 0);
        let mut taken = String::new();
        for byte in log.as_bytes() {
            let mut pieces = Vec::new();
            if taken.len() == anchored {
                break;
            }
            first.feed(&[*byte], &mut pieces, &mut Vec::new());
            taken.push_str(&text(&pieces));
        }
        // What it stored after that.
        for more in 0..=all.len() - anchored {
            let mut second = Cursor::new(first.position(), more as u64);
            second.rewind();
            let (pieces, _) = read(&mut second, &log, 9);
            assert_eq!(text(&pieces), all[anchored + more..], "{anchored} {more}");
        }
    }
}

#[test]
fn kube_k14_a_clock_that_is_set_back_loses_nothing() {
    let mut cursor = Cursor::new(Position::default(), 0);
    let (pieces, _) = read(&mut cursor, &format!("{C} one\n{A} two\n{B} three\n"), 64);
    assert_eq!(text(&pieces), "one\ntwo\nthree\n");
}

#[test]
fn kube_k14_the_kubelets_own_words_are_no_output() {
    let mut cursor = Cursor::new(Position::default(), 0);
    let (pieces, remarks) = read(&mut cursor, &format!("{A} one\nunable to retrieve container logs for containerd://abc\n"), 10);
    assert_eq!((text(&pieces).as_str(), remarks), ("one\n", vec!["unable to retrieve container logs for containerd://abc".to_owned()]));
}

#[test]
fn kube_k14_a_log_that_begins_later_than_it_did_is_told() {
    let line = |time: &str, text: &str| format!("{time} {text}\n");
    for (again, gap) in [
        (line(A, "one") + &line(B, "two"), false),
        (line(A, "one"), false),
        (String::new(), false),
        // The node has put the file with the first line away.
        (line(B, "two"), true),
        (line(C, "three"), true),
    ] {
        let mut cursor = Cursor::new(Position::default(), 0);
        read(&mut cursor, &line(A, "one"), 1000);
        cursor.rewind();
        let (_, remarks) = read(&mut cursor, &again, 7);
        assert_eq!(!remarks.is_empty(), gap, "{again}");
    }
}
