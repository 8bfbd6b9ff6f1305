use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::workdir;
use crate::workdir::{Capture, FileMode};

#[test]
fn rule_2_11_output_files() {
    let (root, directory) = workdir();
    for name in ["a.csv", "b.txt", ".hidden.csv", "d/c.csv", "d/e/f.csv", "d/e/g.txt", "script.py", ".ours/key"] {
        directory.write(name, name.as_bytes(), FileMode::Plain).unwrap();
    }
    std::fs::write(root.path().join("outside.csv"), "secret").unwrap();
    symlink(root.path().join("outside.csv"), directory.path().join("link.csv")).unwrap();
    symlink(root.path(), directory.path().join("up")).unwrap();
    std::fs::create_dir(directory.path().join("x.csv")).unwrap();
    let absolute = directory.path().join("a.csv");
    let own_path = format!("{}/d/*.csv", directory.path().display());
    let by_glob = format!("glob:{}/*.txt", directory.path().display());
    let by_regex = format!("regex:{}/d/.*[fg]\\..*", directory.path().display());
    let table: [(&[&str], &str); 19] = [
        (&["*.csv"], ".hidden.csv a.csv"),
        (&["**/*.csv"], "d/c.csv d/e/f.csv"),
        (&["**.csv"], ".hidden.csv a.csv d/c.csv d/e/f.csv"),
        (&["d"], ""),
        (&["d/"], ""),
        (&["x.csv"], ""),
        (&["./a.csv"], "a.csv"),
        (&["././d/*.csv"], "d/c.csv"),
        (&["/a.csv"], "a.csv"),
        (&[absolute.to_str().unwrap()], "a.csv"),
        (&[&own_path], "d/c.csv"),
        (&[&by_glob], "b.txt"),
        (&["glob:**/*.txt"], "b.txt d/e/g.txt"),
        (&[&by_regex], "d/e/f.csv d/e/g.txt"),
        (&["*.csv", "a.*", "a.csv"], ".hidden.csv a.csv"),
        (&["script.py", "*.py", "**key"], ""),
        (&["up/*.csv", "*/outside.csv", "**outside**"], ""),
        (&["*.nothing"], ""),
        (&[], ""),
    ];
    for (patterns, expected) in table {
        let capture = Capture::new(patterns.iter().copied()).without(["script.py", ".ours/"]);
        let captured = directory.capture(&capture).unwrap();
        let keys: Vec<&str> = captured.files.iter().map(|file| file.key.as_str()).collect();
        assert_eq!(keys.join(" "), expected, "{patterns:?}");
        assert_eq!(captured.warnings, [""; 0], "{patterns:?}");
        for file in captured.files {
            assert_eq!(file.size, file.key.len() as u64);
        }
    }
}

#[test]
fn rule_2_11_what_was_asked_for_by_name_and_is_not_taken_is_told() {
    let (root, directory) = workdir();
    symlink(root.path(), directory.path().join("up")).unwrap();
    let patterns = ["missing.csv", "d/missing.csv", "up", "up/x", "../x"];
    let captured = directory.capture(&Capture::new(patterns)).unwrap();
    assert_eq!(captured.files, []);
    let warnings: Vec<_> = captured.warnings.iter().map(|w| w.replace(&root.path().display().to_string(), "ROOT")).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r"
    outputFiles: `missing.csv` was not created by the task
    outputFiles: `d/missing.csv` was not created by the task
    outputFiles: `up` is or passes through a symbolic link, which could lead out of the working directory; use a real file or directory
    outputFiles: `up/x` is or passes through a symbolic link, which could lead out of the working directory; use a real file or directory
    outputFiles: `../x` cannot name a file of a working directory: `..` leads out of it; use a relative path such as `data/input.csv`
    ");
}

#[test]
fn rule_2_11_names_that_are_no_text_are_taken() {
    let (_root, directory) = workdir();
    for name in [&b"a\xff.csv"[..], b"a\xfe.csv", "ä.csv".as_bytes()] {
        directory.write(std::ffi::OsStr::from_bytes(name), b"x", FileMode::Plain).unwrap();
    }
    let captured = directory.capture(&Capture::new(["*.csv"])).unwrap();
    let keys: Vec<&str> = captured.files.iter().map(|file| file.key.as_str()).collect();
    assert_eq!(keys, ["a%FE.csv", "a%FF.csv", "ä.csv"]);
    for file in &captured.files {
        directory.open(&file.name).unwrap();
    }
}

#[test]
fn a_pipe_is_passed_over_and_a_bad_pattern_refused() {
    let (_root, directory) = workdir();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let captured = directory.capture(&Capture::new(["*", "pipe"])).unwrap();
    assert_eq!(captured.files, []);
    assert_eq!(captured.warnings.len(), 1, "{:?}", captured.warnings);
    let error = directory.capture(&Capture::new(["a{b"])).unwrap_err();
    assert_eq!(error.code(), "workdir::glob");
    let error = directory.capture(&Capture::new(["regex:("])).unwrap_err();
    assert_eq!(error.code(), "workdir::glob");
}
