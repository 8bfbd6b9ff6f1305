use super::{lines, log};
use crate::logs::{Logs, Source};

/// Cut at every byte, a segment gives the whole frames before the cut, and can be written again.
#[test]
fn torn_at_any_byte_the_whole_frames_remain() {
    let directory = tempfile::tempdir().unwrap();
    let path = {
        let log = Logs::new(directory.path()).execution("e1").unwrap();
        let (a, b) = (log.attempt("a/0"), log.attempt("b/0"));
        a.append(Source::Stdout, 1, b"one\n").unwrap();
        b.append(Source::Stdout, 2, b"two\n").unwrap();
        a.append(Source::Stdout, 3, b"three\n").unwrap();
        a.append(Source::Stdout, 4, &PACKED).unwrap();
        log.path().to_path_buf()
    };
    let long = format!("a/0 Stdout 4 {}", "=".repeat(1_000));
    let all = ["a/0 Stdout 1 one", "b/0 Stdout 2 two", "a/0 Stdout 3 three", &long];
    let bytes = std::fs::read(&path).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for length in 0..=bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let log = Logs::new(directory.path()).execution("e1").unwrap();
        let mut whole = lines(&log);
        assert_eq!(whole, all[..whole.len()], "cut at {length}");
        seen.insert(whole.len());
        log.attempt("b/0").append(Source::Stdout, 9, b"again\n").unwrap();
        whole.push("b/0 Stdout 9 again".to_owned());
        assert_eq!(lines(&log), whole, "written again after a cut at {length}");
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

/// One line that is stored packed.
const PACKED: [u8; 10_000] = {
    let mut line = [b'='; 10_000];
    line[9_999] = b'\n';
    line
};

#[test]
fn a_zeroed_tail_as_a_power_cut_leaves_it_is_cut() {
    let (_directory, log) = log();
    log.attempt("a/0").append(Source::Stdout, 1, b"one\n").unwrap();
    let path = log.path().to_path_buf();
    let logs = Logs::new(path.parent().unwrap().parent().unwrap());
    let whole = std::fs::metadata(&path).unwrap().len();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(whole + 4_000).unwrap();
    let again = logs.execution("e1").unwrap();
    assert_eq!(lines(&again), ["a/0 Stdout 1 one"]);
    again.attempt("a/1").append(Source::Stdout, 2, b"two\n").unwrap();
    assert_eq!(lines(&again), ["a/0 Stdout 1 one", "a/1 Stdout 2 two"]);
}

#[test]
fn a_file_that_is_no_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let log = Logs::new(directory.path()).execution("e1").unwrap();
    std::fs::create_dir_all(log.path().parent().unwrap()).unwrap();
    std::fs::write(log.path(), "something else").unwrap();
    assert_eq!(log.lines(10).err().unwrap().code(), "logs::foreign");
    let error = log.attempt("a").append(Source::Stdout, 1, b"x").unwrap_err();
    assert_eq!(error.code(), "logs::foreign");
    assert_eq!(std::fs::read(log.path()).unwrap(), b"something else");
}
