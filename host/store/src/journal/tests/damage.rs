use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::record;
use crate::journal::{Journal, Options, Record, Write};

fn hasty() -> Options {
    Options { patience: Duration::ZERO, ..Options::default() }
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_refused_by_name() {
    type Prepare = fn(&std::path::Path);
    let table: [(&str, Prepare); 4] = [
        ("journal::corrupt", |path| {
            std::fs::write(path, "not a database\n".repeat(400)).unwrap();
        }),
        ("journal::foreign", |path| {
            let other = rusqlite::Connection::open(path).unwrap();
            other.execute_batch("CREATE TABLE t (x)").unwrap();
        }),
        ("journal::newer", |path| {
            drop(Journal::open(path.parent().unwrap(), hasty()).unwrap());
            let newer = rusqlite::Connection::open(path).unwrap();
            newer.pragma_update(None, "user_version", 99).unwrap();
        }),
        ("journal::open", |path| std::fs::create_dir(path).unwrap()),
    ];
    for (code, prepare) in table {
        let directory = tempfile::tempdir().unwrap();
        prepare(&directory.path().join("journal.db"));
        let error = Journal::open(directory.path(), hasty()).err().unwrap();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("journal.db"), "{error}");

        // Opened behind the caller's back, the same failure shows at the first write and at the first read.
        let journal = Journal::start(directory.path(), hasty());
        let refused = journal.append(record("e", 0)).await.unwrap_err();
        assert_eq!(refused.code(), "journal::stopped");
        assert!(refused.to_string().contains(&error.to_string()));
        assert_eq!(journal.load("e").await.unwrap_err().code(), code);
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Journal::open(&file.join("below"), hasty()).err().unwrap();
    assert_eq!(error.code(), "journal::directory", "{error}");
}

#[tokio::test]
async fn a_record_written_twice_fails_alone() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path(), hasty()).unwrap();
    journal.append(record("e", 0)).await.unwrap();
    let twice = journal.commit(vec![Write::Record(record("e", 1)), Write::Record(record("e", 0))]);
    let fine = journal.append(record("f", 0));
    let error = twice.await.unwrap_err();
    assert_eq!(error.to_string(), "record 0 of execution `e` is already in the journal; two hosts seem to run the same execution");
    fine.await.unwrap();
    // The refused submission left nothing behind.
    assert_eq!(journal.load("e").await.unwrap(), [record("e", 0)]);
    journal.append(record("e", 1)).await.unwrap();
}

const DIRECTORY: &str = "SWITCHYARD_TEST_FULL_JOURNAL";

/// Runs only as the child of the test below, where files may not grow beyond 256 KiB.
#[test]
fn writer_on_a_full_disk() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let journal = Journal::open(&directory, hasty()).unwrap();
    for seq in 0.. {
        let large = Record { payload: vec![b'x'; 10_000], ..record("e", seq) };
        if let Err(error) = journal.append(large).wait() {
            println!("{}: {error}", error.code());
            let next = journal.append(record("e", seq + 1)).wait().unwrap_err();
            println!("{}: {next}", next.code());
            println!("kept {seq}");
            return;
        }
    }
}

#[tokio::test]
async fn a_full_disk_stops_the_journal_and_keeps_a_prefix() {
    let directory = tempfile::tempdir().unwrap();
    let limited = "trap '' XFSZ; ulimit -f 512; exec \"$0\" --exact journal::tests::damage::writer_on_a_full_disk --nocapture";
    let output =
        Command::new("sh").args(["-c", limited]).arg(std::env::current_exe().unwrap()).env(DIRECTORY, directory.path()).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("journal::full: the disk of the journal"), "{output}");
    assert!(output.contains("journal::stopped: the journal takes no more writes"), "{output}");
    let kept = output.lines().find_map(|line| line.strip_prefix("kept ")).unwrap();
    let journal = Journal::open(directory.path(), hasty()).unwrap();
    assert_eq!(journal.load("e").await.unwrap().len().to_string(), kept);
}

#[tokio::test]
async fn a_locked_journal_is_retried_until_patience_ends() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path(), hasty()).unwrap();
    let other = rusqlite::Connection::open(directory.path().join("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = journal.append(record("e", 0)).await.unwrap_err();
    assert_eq!(error.code(), "journal::locked", "{error}");
    other.execute_batch("COMMIT").unwrap();

    let patient = Options { patience: Duration::from_secs(60), ..Options::default() };
    let journal = Journal::open(directory.path(), patient).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ticket = journal.append(record("e", 0));
    other.execute_batch("COMMIT").unwrap();
    ticket.await.unwrap();
    assert_eq!(journal.load("e").await.unwrap(), [record("e", 0)]);
}

#[tokio::test]
async fn a_closed_journal_says_so_and_can_be_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path(), hasty()).unwrap();
    journal.append_detached(record("e", 0));
    journal.close().unwrap();
    let error = journal.append(record("e", 1)).await.unwrap_err();
    assert_eq!(error.code(), "journal::closed");
    let journal = Journal::open(directory.path(), hasty()).unwrap();
    assert_eq!(journal.load("e").await.unwrap(), [record("e", 0)]);
}
