use std::{
    collections::BTreeMap,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::*;

#[test]
fn d7_k3_any_tree_has_the_length_that_was_promised() {
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
    let plan = Plan::new(root, &Layout { output_dir: Some("out".into()), ..Layout::default() }).unwrap();
    let mut bytes = Vec::new();
    plan.write(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, plan.length);
    assert_eq!(plan.content, 1 + 1000 + 512 + 70_000 + 9);
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
fn d7_k3_a_file_that_shrinks_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a"), "long enough").unwrap();
    let plan = Plan::new(directory.path(), &Layout::default()).unwrap();
    std::fs::write(directory.path().join("a"), "short").unwrap();
    let error = plan.write(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("became shorter"), "{error}");
}

#[test]
fn d8_an_owner_gets_the_hosts_permissions_below_the_root() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    std::fs::create_dir(root.join("d")).unwrap();
    std::fs::set_permissions(root.join("d"), std::fs::Permissions::from_mode(0o750)).unwrap();
    std::fs::write(root.join("d/secret"), "x").unwrap();
    std::fs::set_permissions(root.join("d/secret"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let layout = Layout { root: "tmp/wd".into(), output_dir: Some("out".into()), owner: Some(Owner { uid: 70_000, gid: 5_000_000 }) };
    let mut bytes = Vec::new();
    Plan::new(root, &layout).unwrap().write(&mut bytes).unwrap();
    let mut found = Vec::new();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (70_000, 5_000_000));
        found.push(format!("{} {:o}", entry.path().unwrap().display(), header.mode().unwrap()));
    }
    assert_eq!(found, ["tmp/wd/ 775", "tmp/wd/d 750", "tmp/wd/d/secret 600", "tmp/wd/out 775"]);
}
