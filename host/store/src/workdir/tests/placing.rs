use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::workdir;
use crate::workdir::{FileMode, WorkDir, check_name};

#[test]
fn rule_2_8_files_are_put_with_their_folders() {
    let (_root, directory) = workdir();
    let table = [("a.txt", FileMode::Plain, 0o644), ("d/e/f.sh", FileMode::Executable, 0o755), ("./d//./key", FileMode::Private, 0o600)];
    for (name, mode, bits) in table {
        directory.write(name, b"content", mode).unwrap();
        let path = directory.path().join(name);
        assert_eq!(std::fs::read(&path).unwrap(), b"content");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, bits);
    }
    directory.make_directory("d/g/h").unwrap();
    assert!(directory.path().join("d/g/h").is_dir());
}

#[test]
fn rule_2_8_an_existing_file_is_replaced_and_its_twin_kept() {
    let (root, directory) = workdir();
    let twin = root.path().join("twin");
    std::fs::write(&twin, "old").unwrap();
    std::fs::hard_link(&twin, directory.path().join("a")).unwrap();
    directory.write("a", b"new", FileMode::Plain).unwrap();
    assert_eq!(std::fs::read(directory.path().join("a")).unwrap(), b"new");
    assert_eq!(std::fs::read(&twin).unwrap(), b"old");
}

#[test]
fn rule_2_8_no_name_leads_out() {
    let (root, directory) = workdir();
    let table = [
        ("", "workdir::name"),
        (".", "workdir::name"),
        ("/etc/passwd", "workdir::name"),
        ("../x", "workdir::name"),
        ("d/../../x", "workdir::name"),
        ("d/..", "workdir::name"),
        ("d/", "workdir::name"),
        ("a\0b", "workdir::name"),
        ("out/x", "workdir::link"),
        ("inside/x", "workdir::link"),
        ("file/x", "workdir::file"),
    ];
    symlink(root.path(), directory.path().join("out")).unwrap();
    std::fs::create_dir(directory.path().join("real")).unwrap();
    symlink("real", directory.path().join("inside")).unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    for (name, code) in table {
        let error = directory.write(name, b"", FileMode::Plain).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(directory.open(name).unwrap_err().code(), code, "{name}");
        assert_eq!(check_name(name).is_err(), code == "workdir::name", "{name}");
    }
    let left: Vec<_> = std::fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["run-1"]);
}

#[test]
fn a_link_in_the_place_of_a_file_is_replaced_but_never_read() {
    let (root, directory) = workdir();
    let secret = root.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    symlink(&secret, directory.path().join("a")).unwrap();
    assert_eq!(directory.open("a").unwrap_err().code(), "workdir::link");
    assert_eq!(directory.take("a", &root.path().join("taken")).unwrap_err().code(), "workdir::link");
    directory.write("a", b"new", FileMode::Plain).unwrap();
    assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
    assert_eq!(std::fs::read(directory.path().join("a")).unwrap(), b"new");
}

#[test]
fn taking_moves_the_file() {
    let (root, directory) = workdir();
    directory.write("d/a", b"content", FileMode::Plain).unwrap();
    let inode = directory.path().join("d/a").metadata().unwrap().ino();
    let target = root.path().join("taken");
    assert!(directory.take("d/a", &target).unwrap());
    assert_eq!(target.metadata().unwrap().ino(), inode);
    assert!(directory.open("d/a").is_err());
    assert_eq!(directory.take("d", &target).unwrap_err().code(), "workdir::name");
}

#[test]
fn a_directory_is_made_once() {
    let root = tempfile::tempdir().unwrap();
    let below = root.path().join("not/yet");
    WorkDir::create(&below, "run-1").unwrap();
    assert_eq!(WorkDir::create(&below, "run-1").unwrap_err().code(), "workdir::create");
    for id in ["", "..", "a/b"] {
        assert_eq!(WorkDir::create(&below, id).unwrap_err().code(), "workdir::name", "{id}");
    }
}
