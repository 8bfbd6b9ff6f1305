//! The journal of a process that was killed: a prefix, and nothing that was promised is missing.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::record;
use crate::journal::{Journal, Options};

const DIRECTORY: &str = "SWITCHYARD_TEST_JOURNAL";

/// Runs only as the child of the test below: writes until it is killed and says what was promised.
#[test]
fn writer_process() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let journal = Journal::open(&directory, Options::default()).unwrap();
    for seq in 0.. {
        for id in ["a", "b", "c"] {
            journal.append_detached(record(id, seq));
        }
        if seq % 50 == 0 {
            journal.flush().wait().unwrap();
            println!("durable {seq}");
        }
    }
}

/// Kills a writer after it promised `promises` times; gives the last promise that was read.
fn killed_writer(directory: &Path, promises: usize) -> u32 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "journal::tests::crash::writer_process", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let promised = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .filter_map(|line| line.unwrap().strip_prefix("durable ")?.parse().ok())
        .nth(promises)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    promised
}

#[tokio::test]
async fn killed_at_any_moment_it_leaves_a_prefix() {
    for promises in [0, 1, 5, 20, 60] {
        let directory = tempfile::tempdir().unwrap();
        let promised = killed_writer(directory.path(), promises);
        let journal = Journal::open(directory.path(), Options::default()).unwrap();
        let mut lengths = Vec::new();
        for id in ["a", "b", "c"] {
            let records = journal.load(id).await.unwrap();
            let expected: Vec<_> = (0..records.len()).map(|seq| record(id, u32::try_from(seq).unwrap())).collect();
            assert_eq!(records, expected, "no gap in {id}");
            assert!(records.len() > promised as usize, "{id} keeps what was promised");
            lengths.push(records.len());
        }
        // In the order of writing a came before b and b before c.
        assert!(lengths[0] >= lengths[1] && lengths[1] >= lengths[2], "{lengths:?}");
        assert!(lengths[0] - lengths[2] <= 1, "{lengths:?}");
        journal.append(record("d", 0)).await.unwrap();
    }
}
