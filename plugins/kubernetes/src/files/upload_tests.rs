use std::{
    collections::BTreeMap,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::*;

/// The archive in one piece, without the stream's byte in front of each chunk.
fn packed(plan: Plan, directory: PathBuf) -> (Vec<u8>, Sum) {
    let (sender, mut receiver) = mpsc::channel(1000);
    let sum = std::thread::spawn(move || pack(&plan, &directory, sender)).join().unwrap().unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = receiver.blocking_recv() {
        assert_eq!(chunk[0], STDIN);
        bytes.extend_from_slice(&chunk[1..]);
    }
    (bytes, sum)
}

#[test]
fn kube_k3_any_tree_has_the_length_that_was_promised() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let long = "x".repeat(200);
    for (name, content) in [
        ("a.txt", "a".to_owned()),
        ("with space/ü\nnewline", "b".repeat(1000)),
        (&*format!("deep/{long}/{long}"), "c".repeat(512)),
        ("empty.txt", String::new()),
        ("exactly-100-bytes/".to_owned().as_str().trim_end_matches('/'), "d".repeat(70_000)),
    ] {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    std::fs::create_dir(root.join("empty")).unwrap();
    std::fs::write(root.join("run.sh"), "#!/bin/sh").unwrap();
    std::fs::set_permissions(root.join("run.sh"), std::fs::Permissions::from_mode(0o700)).unwrap();
    symlink("a.txt", root.join("link")).unwrap();
    symlink(&long, root.join("long-link")).unwrap();
    let plan = Plan::new(root, Some("out")).unwrap();
    let (promised, content) = (plan.length, plan.content);
    let (bytes, sum) = packed(plan, root.to_owned());
    assert_eq!((bytes.len() as u64, sum.bytes), (promised, promised));
    assert_eq!(content, 1 + 1000 + 512 + 70_000 + 9);
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        found.insert(name, (entry.header().entry_type(), entry.header().mode().unwrap(), content.len()));
    }
    use tar::EntryType::{Directory, Regular, Symlink};
    for (name, expected) in [
        ("./a.txt", (Regular, 0o666, 1)),
        ("./with space/ü\nnewline", (Regular, 0o666, 1000)),
        (&*format!("./deep/{long}/{long}"), (Regular, 0o666, 512)),
        ("./empty.txt", (Regular, 0o666, 0)),
        ("./empty", (Directory, 0o777, 0)),
        ("./out", (Directory, 0o777, 0)),
        ("./run.sh", (Regular, 0o777, 0o11)),
        ("./link", (Symlink, 0o777, 0)),
        ("./long-link", (Symlink, 0o777, 0)),
    ] {
        assert_eq!(found.get(name), Some(&expected), "{name}");
    }
}

#[test]
fn kube_k3_a_file_that_shrinks_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a"), "long enough").unwrap();
    let plan = Plan::new(directory.path(), None).unwrap();
    std::fs::write(directory.path().join("a"), "short").unwrap();
    let (sender, _receiver) = mpsc::channel(1000);
    let root = directory.path().to_owned();
    let error = std::thread::spawn(move || pack(&plan, &root, sender)).join().unwrap().unwrap_err();
    assert!(error.to_string().contains("became shorter"), "{error}");
}

#[test]
fn the_containers_count_is_read_from_a_whole_line() {
    assert_eq!(verdict("unpacked sha256 ab"), None);
    assert_eq!(verdict("noise\nunpacked sha256 ab\n"), Some(("sha256".to_owned(), "ab".to_owned())));
}
