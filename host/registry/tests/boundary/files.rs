//! Files that are no good plugin: each is reported with its reason, and the host runs the others.

use std::{fs, os::unix::fs::symlink, process::Command};

use switchyard_registry::{Directory, Error, Registry, State, Status};

use crate::host::{Host, RUNNER, misbehave};

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from.as_bytes()).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{from} is not in the library");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

fn with_byte(bytes: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] = value;
    bytes
}

#[test]
fn bad_files_are_explained_and_the_good_one_works() {
    let good = fs::read(misbehave()).unwrap();
    let half = good.len() / 2;
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("text.so", b"not a library\n".to_vec(), "plugin::not_elf", "it is a text file, not a shared library"),
        ("noise.so", vec![0, 159, 146, 150], "plugin::not_elf", "it is no ELF file"),
        ("empty.so", Vec::new(), "plugin::empty", "the file is empty"),
        ("magic.so", b"\x7fELF".to_vec(), "plugin::truncated", "cut off: it has 4 bytes"),
        ("eight.so", good[..8].to_vec(), "plugin::truncated", "cut off: it has 8 bytes"),
        ("half.so", good[..half].to_vec(), "plugin::truncated", "the library is cut off"),
        ("last.so", good[..good.len() - 1].to_vec(), "plugin::truncated", "the library is cut off"),
        ("aarch64.so", with_byte(&good, 18, 183), "plugin::other_architecture", "it is built for aarch64, the host runs on x86_64"),
        ("strange.so", with_byte(&good, 18, 250), "plugin::other_architecture", "it is built for machine 250"),
        ("i686.so", with_byte(&good, 4, 1), "plugin::other_architecture", "32-bit"),
        ("object.so", with_byte(&good, 16, 1), "plugin::not_a_library", "no shared library"),
        (
            "no-entry.so",
            replace(&good, "switchyard_plugin_root_v1", "switchyard_plugin_loot_v1"),
            "plugin::no_entry",
            "exports no `switchyard_plugin_root_v1`",
        ),
        ("no-header.so", replace(&good, "\0.switchyard\0", "\0.snitchyard\0"), "plugin::no_header", "it has no section `.switchyard`"),
        (
            "bad-header.so",
            replace(&good, "{\"switchyard\":1,", "{\"switchyard\"-1,"),
            "plugin::bad_header",
            "the header is not what plugin-api writes",
        ),
        ("new-header.so", replace(&good, "{\"switchyard\":1,", "{\"switchyard\":9,"), "plugin::bad_header", "format 9"),
        ("abort.so", replace(&good, "\"panic\":\"unwind\"", "\"panic\":\"abort\" "), "plugin::panic_abort", "built with panic=abort"),
        ("api-2.so", replace(&good, "\"api\":\"1.", "\"api\":\"2."), "plugin::api_mismatch", "it was built with plugin API 2."),
        ("api-0.so", replace(&good, "\"api\":\"1.", "\"api\":\"0."), "plugin::api_mismatch", "rebuild it with plugin API 1"),
        ("liar.so", replace(&good, "\"id\":\"misbehave\"", "\"id\":\"behaviour\""), "plugin::two_minds", "describe different plugins"),
    ];
    let host = Host::sharing().with("good.so", &misbehave());
    for (name, bytes, ..) in &cases {
        host.add(name, bytes);
    }
    let registry = host.open();
    for (name, _, code, reason) in &cases {
        let [row] = &host.rows(&registry, name)[..] else { panic!("{name}: one row is expected") };
        assert_eq!((row.state, row.code.as_deref()), (State::Refused, Some(*code)), "{name}: {row:?}");
        assert!(row.reason.as_ref().unwrap().contains(reason), "{name}: {row:?}");
    }
    assert!(registry.runner(RUNNER).is_ok(), "{:?}", host.rows(&registry, "good.so"));
}

#[test]
fn files_that_others_could_change_are_not_loaded() {
    let host = Host::sharing().with("good.so", &misbehave());
    for (name, mode) in [("world.so", 0o646), ("group.so", 0o664), ("all.so", 0o777)] {
        host.add(name, &fs::read(misbehave()).unwrap());
        host.chmod(name, mode);
    }
    fs::create_dir(host.file("directory.so")).unwrap();
    symlink("/nowhere/at-all.so", host.file("dangling.so")).unwrap();
    assert!(Command::new("mkfifo").arg(host.file("fifo.so")).status().unwrap().success());
    let registry = host.open();
    for (name, code, reason) in [
        ("world.so", "plugin::writable_by_others", "everybody may write it (mode 0646)"),
        ("group.so", "plugin::writable_by_others", "its group may write it (mode 0664)"),
        ("all.so", "plugin::writable_by_others", "everybody may write it (mode 0777)"),
        ("directory.so", "plugin::not_a_file", "it is not a regular file"),
        ("fifo.so", "plugin::not_a_file", "it is not a regular file"),
        ("dangling.so", "plugin::unreadable", "it cannot be read"),
    ] {
        let [row] = &host.rows(&registry, name)[..] else { panic!("{name}: one row is expected") };
        assert_eq!((row.state, row.code.as_deref()), (State::Refused, Some(code)), "{name}: {row:?}");
        assert!(row.reason.as_ref().unwrap().contains(reason), "{name}: {row:?}");
    }
    assert!(registry.runner(RUNNER).is_ok());
}

#[test]
fn a_file_that_becomes_writable_after_it_was_accepted_is_refused() {
    let host = Host::sharing().with("m.so", &misbehave());
    assert!(host.open().runner(RUNNER).is_ok());
    host.chmod("m.so", 0o666);
    assert_eq!(host.rows(&host.open(), "m.so")[0].code.as_deref(), Some("plugin::writable_by_others"));
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    let host = Host::sharing().with("m.so", &misbehave());
    if std::os::unix::fs::chown(host.file("m.so"), Some(12345), None).is_err() {
        // Only root can give files away; then nobody else's file can be here either.
        return;
    }
    let row = &host.rows(&host.open(), "m.so")[0];
    assert_eq!(row.code.as_deref(), Some("plugin::foreign_owner"), "{row:?}");
}

#[test]
fn directories() {
    let host = Host::sharing().with("m.so", &misbehave());
    let missing = host.directory().join("missing");
    let mut options = host.options();
    options.directories.push(Directory::explicit(&missing));
    options.directories.push(Directory::default_place(host.directory().join("not there either")));
    options.directories.push(Directory::explicit(host.file("m.so")));
    let registry = Registry::open(options, Vec::new());
    let rows: Vec<Status> = registry.plugins().into_iter().filter(|row| row.state == State::Missing).collect();
    let said: Vec<_> = rows.iter().map(|row| (row.file.clone().unwrap(), row.code.as_deref().unwrap())).collect();
    assert_eq!(said, [(missing, "plugin::no_directory"), (host.file("m.so"), "plugin::not_a_directory")]);
    assert!(registry.runner(RUNNER).is_ok());
}

#[test]
fn a_directory_that_others_may_write_is_not_looked_into() {
    let host = Host::sharing().with("m.so", &misbehave());
    host.chmod("", 0o777);
    let registry = host.open();
    let rows = registry.plugins();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].code.as_deref(), Some("plugin::writable_by_others"), "{rows:?}");
}

#[test]
fn an_unknown_type_is_told_with_its_nearest_and_the_directories() {
    let host = Host::sharing().with("m.so", &misbehave());
    host.add("text.so", b"no library");
    let registry = host.open();
    let Err(error) = registry.runner("dev.switchyard.test.Misbehaev") else { panic!("it is not known") };
    assert_eq!(error.code(), "registry::unknown_type");
    assert_eq!(error.to_string(), "there is no task runner `dev.switchyard.test.Misbehaev`");
    let help = error.help().unwrap();
    let directory = host.directory().display().to_string();
    assert_eq!(
        help,
        format!("did you mean `{RUNNER}`? searched: {directory}; 1 file there was refused, `switchyard plugins list` says why")
    );
    let Err(Error::UnknownType { nearest, .. }) = registry.runner("org.elsewhere.runner.MisbehaveTaskRunner") else {
        panic!("it is not known")
    };
    assert_eq!(nearest, [RUNNER], "the same name in another package");
    let Err(error) = registry.task(RUNNER) else { panic!("a runner is no task") };
    assert_eq!((error.code(), error.to_string()), ("registry::wrong_kind", format!("`{RUNNER}` is a task runner, not a task")));
}
