use std::os::unix::fs::MetadataExt;

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::{Source, Storage, StorageUri, slug};
use crate::workdir::{Capture, FileMode, WorkDir};

fn uri(text: &str) -> StorageUri {
    text.parse().unwrap()
}

/// The same rules hold on a disk and in a bucket.
fn places() -> Vec<(tempfile::TempDir, Storage)> {
    let root = tempfile::tempdir().unwrap();
    let local = Storage::local(root.path().join("storage"));
    vec![(root, local), (tempfile::tempdir().unwrap(), Storage::memory())]
}

#[test]
fn rule_10_1_uris_are_checked() {
    let table = [
        ("kestra:///a/b.csv", "kestra:///a/b.csv"),
        ("kestra:////a", "kestra:///a"),
        ("kestra:///a b/ä#1%20", "kestra:///a b/ä#1%20"),
        ("kestra:///a/../b", "empty, `.` and `..` segments are not allowed"),
        ("kestra:///..", "empty, `.` and `..` segments are not allowed"),
        ("kestra:///a//b", "empty, `.` and `..` segments are not allowed"),
        ("kestra:///", "it names no file"),
        ("kestra:///a/", "it names no file"),
        ("kestra://host/a", "it has a host; write three slashes"),
        ("s3://a/b", "it does not begin with `kestra://`"),
        ("kestra:///a\0", "it contains a control character"),
    ];
    for (text, expected) in table {
        match text.parse::<StorageUri>() {
            Ok(uri) => assert_eq!(uri.to_string(), expected),
            Err(error) => {
                assert_eq!(error.code(), "storage::uri");
                assert!(error.to_string().contains(expected), "{error}");
            }
        }
    }
}

#[test]
fn rule_10_1_layout() {
    let file = StorageUri::task_file("company.team", "My_Flow", "exec", "Load  Data é!", "run", "a.csv");
    assert_eq!(file.unwrap().to_string(), "kestra:///company/team/my-flow/executions/exec/tasks/load-data-e/run/a.csv");
    let input = StorageUri::input_file("company", "f", "exec", "file", "a b.csv").unwrap();
    assert_eq!(input.path(), "/company/f/executions/exec/inputs/file/a%20b.csv");
    for (id, expected) in [("a__b--c", "a-b-c"), ("-a-", "a"), ("Ünïcode x", "unicode-x"), ("a.b", "ab")] {
        assert_eq!(slug(id), expected);
    }
}

#[tokio::test]
async fn files_are_put_read_listed_and_deleted() {
    for (_root, storage) in places() {
        let names = ["a b%20#1.csv", "d/e/x", "d/ä.txt"];
        for name in names {
            storage.put(&uri(&format!("kestra:///ns/{name}")), Bytes::from(name)).await.unwrap();
        }
        for name in names {
            let uri = uri(&format!("kestra:///ns/{name}"));
            assert!(storage.exists(&uri).await.unwrap());
            assert_eq!(storage.size(&uri).await.unwrap(), name.len() as u64);
            assert_eq!(storage.get(&uri).await.unwrap(), name);
            let pieces: Vec<Bytes> = storage.open(&uri).await.unwrap().try_collect().await.unwrap();
            assert_eq!(pieces.concat(), name.as_bytes());
        }
        let listed = storage.list(&uri("kestra:///ns")).await.unwrap();
        let listed: Vec<String> = listed.iter().map(|file| file.uri.to_string()).collect();
        assert_eq!(listed, names.map(|name| format!("kestra:///ns/{name}")));
        assert!(storage.delete(&uri("kestra:///ns/d/ä.txt")).await.unwrap());
        assert!(!storage.delete(&uri("kestra:///ns/d/ä.txt")).await.unwrap());
        assert_eq!(storage.delete_below(&uri("kestra:///ns")).await.unwrap(), 2);
        assert_eq!(storage.list(&uri("kestra:///ns")).await.unwrap(), []);
        let error = storage.get(&uri("kestra:///ns/d/e/x")).await.unwrap_err();
        assert_eq!(error.to_string(), "internal storage has no file `kestra:///ns/d/e/x`; it may have been purged with its execution");
        assert!(!storage.exists(&uri("kestra:///ns/d")).await.unwrap());
    }
}

#[tokio::test]
async fn files_are_moved_linked_and_copied() {
    for (root, storage) in places() {
        for (source, stays) in [(Source::Move, false), (Source::Link, true), (Source::Copy, true)] {
            let path = root.path().join("file");
            std::fs::write(&path, "content").unwrap();
            let inode = path.metadata().unwrap().ino();
            let uri = uri(&format!("kestra:///ns/{source:?}"));
            storage.put_file(&uri, &path, source).await.unwrap();
            assert_eq!(storage.get(&uri).await.unwrap(), "content");
            assert_eq!(path.exists(), stays, "{source:?}");
            if let Some(stored) = storage.local_path(&uri) {
                let shared = stored.metadata().unwrap().ino() == inode;
                assert_eq!(shared, source != Source::Copy, "{source:?}");
            }
        }
        let missing = root.path().join("missing");
        let error = storage.put_file(&uri("kestra:///ns/x"), &missing, Source::Move).await.unwrap_err();
        assert_eq!(error.code(), "storage::file");
        assert!(error.to_string().contains("missing"), "{error}");
    }
}

#[tokio::test]
async fn a_large_file_goes_up_in_parts_and_comes_down_whole() {
    let bytes: Vec<u8> = (0..20_000_000u32).map(|number| (number % 251) as u8).collect();
    for (root, storage) in places() {
        let path = root.path().join("file");
        std::fs::write(&path, &bytes).unwrap();
        let uri = uri("kestra:///ns/large");
        storage.put_file(&uri, &path, Source::Copy).await.unwrap();
        let directory = WorkDir::create(root.path(), "run").unwrap();
        let target = directory.new_file("in/large", FileMode::Plain).unwrap();
        assert_eq!(storage.get_to_file(&uri, target).await.unwrap(), bytes.len() as u64);
        assert!(std::fs::read(directory.path().join("in/large")).unwrap() == bytes);
    }
}

#[tokio::test]
async fn captured_files_are_stored() {
    for (root, storage) in places() {
        let directory = WorkDir::create(root.path(), "run").unwrap();
        for source in [Source::Move, Source::Copy] {
            directory.write("d/a.csv", b"content", FileMode::Plain).unwrap();
            let captured = directory.capture(&Capture::new(["d/*"])).unwrap();
            let uri = uri(&format!("kestra:///ns/{source:?}.csv"));
            storage.put_captured(&uri, &directory, &captured.files[0], source).await.unwrap();
            assert_eq!(storage.get(&uri).await.unwrap(), "content");
        }
        // Stored bytes do not change when the task goes on writing.
        directory.write("d/a.csv", b"changed", FileMode::Plain).unwrap();
        assert_eq!(storage.get(&uri("kestra:///ns/Copy.csv")).await.unwrap(), "content");
    }
}

#[test]
fn a_url_without_support_is_refused() {
    for url in ["ftp://host/x", "no url", "http://host/x"] {
        let error = Storage::at(url, []).err().unwrap();
        assert_eq!(error.code(), "storage::url", "{error}");
    }
    let storage = Storage::at("file:///data", []).unwrap();
    assert_eq!(storage.local_path(&uri("kestra:///a")).unwrap().to_str(), Some("/data/main/a"));
}
