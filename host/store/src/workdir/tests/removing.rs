use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use super::workdir;
use crate::workdir::{FileMode, WorkDir, sweep};

#[test]
fn links_are_removed_and_not_followed() {
    let (root, directory) = workdir();
    std::fs::create_dir(root.path().join("keep")).unwrap();
    std::fs::write(root.path().join("keep/file"), "").unwrap();
    for link in ["a", "d/b"] {
        directory.write(format!("{link}.txt"), b"", FileMode::Plain).unwrap();
        symlink(root.path().join("keep"), directory.path().join(link)).unwrap();
    }
    directory.remove().unwrap();
    assert!(!directory.path().exists());
    assert!(root.path().join("keep/file").exists());
    directory.remove().unwrap();
}

#[test]
fn any_depth_and_width_is_removed() {
    let (_root, directory) = workdir();
    let deep = "cd \"$0\"; i=0; while [ $i -lt 600 ]; do mkdir dddddd; : > f; cd -P dddddd 2>/dev/null || exit 0; i=$((i+1)); done";
    assert!(Command::new("sh").args(["-c", deep]).arg(directory.path()).status().unwrap().success());
    for number in 0..30 {
        directory.write(format!("wide/{number}/f"), b"", FileMode::Plain).unwrap();
    }
    directory.remove().unwrap();
    assert!(!directory.path().exists());
}

const DIRECTORY: &str = "SWITCHYARD_TEST_READ_ONLY";

/// Runs only as the child of the test below, because root may do everything.
#[test]
fn removal_by_an_ordinary_user() {
    let Some(root) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let directory = WorkDir::create(&root, "run-1").unwrap();
    for name in ["d/e/f", "g/h", "i"] {
        directory.write(name, b"", FileMode::Plain).unwrap();
    }
    for (name, mode) in [("d/e", 0o500), ("d", 0o000), ("g", 0o600), ("", 0o500)] {
        let bits = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(directory.path().join(name), bits).unwrap();
    }
    directory.remove().unwrap();
    assert!(!directory.path().exists());
    println!("removed");
}

#[test]
fn directories_without_permissions_are_opened_up() {
    let root = tempfile::tempdir().unwrap();
    // The target directory may lie in a home that an ordinary user cannot enter.
    let open = tempfile::tempdir().unwrap();
    std::fs::set_permissions(open.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = open.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut child = Command::new(program);
    child
        .args(["--exact", "workdir::tests::removing::removal_by_an_ordinary_user", "--nocapture"])
        .env(DIRECTORY, root.path())
        .current_dir("/");
    if is_root() {
        std::os::unix::fs::chown(root.path(), Some(65_534), Some(65_534)).unwrap();
        child.uid(65_534).gid(65_534);
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("removed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn a_sweep_leaves_what_is_needed() {
    let root = tempfile::tempdir().unwrap();
    for id in ["a", "b", "c"] {
        WorkDir::create(root.path(), id).unwrap().write("d/f", b"", FileMode::Plain).unwrap();
    }
    std::fs::write(root.path().join("file"), "").unwrap();
    let swept = sweep(root.path(), |id| id == "b").unwrap();
    assert_eq!((swept.removed, swept.failed.len()), (2, 0));
    let mut left: Vec<_> = std::fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["b", "file"]);
    assert_eq!(sweep(&root.path().join("missing"), |_| false).unwrap().removed, 0);
}
