//! What is remembered between starts, and what happens when it is broken, old or gone.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use switchyard_registry::{Lookout, Registry, State};

use crate::host::{Host, RUNNER, misbehave};

/// A registry that cannot preflight anything: it works only from memory.
fn from_memory(host: &Host) -> Registry {
    let mut options = host.options();
    options.preflight = vec!["/nowhere/switchyard".into()];
    Registry::open(options, Vec::new())
}

fn files(host: &Host, directory: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(host.cache().join(directory)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

fn is_ready(registry: &Registry) -> bool {
    registry.plugins().iter().all(|row| row.state == State::Ready) && registry.component(RUNNER).is_ok() && registry.runner(RUNNER).is_ok()
}

#[test]
fn a_start_with_nothing_new_runs_no_plugin() {
    let host = Host::new().with("m.so", &misbehave());
    assert!(is_ready(&host.open()));
    assert!(is_ready(&from_memory(&host)));
    // The same content under another name is known by its hash.
    fs::rename(host.file("m.so"), host.file("renamed.so")).unwrap();
    assert!(is_ready(&from_memory(&host)));
}

#[test]
fn broken_entries_are_redone() {
    let host = Host::new().with("m.so", &misbehave());
    assert!(is_ready(&host.open()));
    let index = files(&host, "").into_iter().find(|path| path.to_string_lossy().contains("index-")).unwrap();
    let verdict = files(&host, "verdicts").remove(0);
    let library = files(&host, "libraries").remove(0);
    let whole = fs::read(&library).unwrap();
    let spoil = |path: &PathBuf, bytes: &[u8]| {
        let _ = fs::remove_file(path);
        fs::write(path, bytes).unwrap();
    };
    for (name, broken) in [("cut", &b"{\"files\":"[..]), ("empty", b""), ("noise", b"\xff\xfe"), ("another shape", b"[1]")] {
        for path in [&index, &verdict] {
            spoil(path, broken);
            assert!(is_ready(&host.open()), "{name} {}", path.display());
        }
    }
    for (name, bytes) in [("cut", &whole[..whole.len() / 2]), ("empty", &[][..])] {
        spoil(&library, bytes);
        assert!(is_ready(&host.open()), "{name} private copy");
        assert_eq!(fs::read(&library).unwrap(), whole, "{name} private copy");
    }
    fs::remove_dir_all(host.cache()).unwrap();
    assert!(is_ready(&host.open()), "no cache at all");
}

#[test]
fn a_manifest_that_got_lost_after_the_start_is_made_again() {
    let host = Host::new().with("m.so", &misbehave());
    drop(host.open());
    let registry = host.open();
    fs::remove_file(files(&host, "verdicts").remove(0)).unwrap();
    assert_eq!(registry.component(RUNNER).unwrap().type_name, RUNNER);
}

#[test]
fn a_replaced_file_is_seen_and_the_running_host_is_not_harmed() {
    let host = Host::new().with("m.so", &misbehave());
    let registry = host.open();
    let runner = registry.runner(RUNNER).unwrap();
    // Written over in place, as `cp` does, with something else.
    fs::write(host.file("m.so"), b"not a library any more").unwrap();
    assert!(runner.validate(&serde_json::json!({})).is_ok(), "the host works on its private copy");
    assert_eq!(host.rows(&host.open(), "m.so")[0].code.as_deref(), Some("plugin::not_elf"));
}

#[test]
fn a_change_that_keeps_size_and_time_is_seen() {
    let host = Host::new().with("m.so", &misbehave());
    assert!(is_ready(&host.open()));
    let path = host.file("m.so");
    let time: SystemTime = fs::metadata(&path).unwrap().modified().unwrap();
    let size = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert_eq!(host.rows(&host.open(), "m.so")[0].code.as_deref(), Some("plugin::not_elf"));
}

/// Two months later: the file was replaced, and another host starts with the same cache.
#[test]
fn what_a_running_host_may_need_stays() {
    for serves in [true, false] {
        let host = Host::new().with("m.so", &misbehave());
        let registry = host.open();
        let lookout = serves.then(|| Lookout::start(&registry, |_| {}).unwrap());
        let copy = files(&host, "libraries").remove(0);
        let marks = || fs::read_dir(host.cache().join("used")).unwrap().count();
        while serves && marks() == 0 {
            std::thread::yield_now();
        }
        fs::File::open(&copy).unwrap().set_modified(SystemTime::now() - Duration::from_secs(60 * 24 * 3600)).unwrap();
        host.add("m.so", b"not a library any more");
        drop(host.open());
        assert_eq!(copy.exists(), serves, "a host that looks after its directories says what it needs");
        assert_eq!(registry.runner(RUNNER).is_ok(), serves);
        drop(lookout);
    }
}

#[test]
fn private_copies_are_for_the_host_alone() {
    let host = Host::new().with("m.so", &misbehave());
    assert!(is_ready(&host.open()));
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&host.cache().to_path_buf()), 0o700);
    assert_eq!(mode(&files(&host, "libraries")[0]), 0o500);
    fs::set_permissions(host.cache(), fs::Permissions::from_mode(0o777)).unwrap();
    let rows = host.open().plugins();
    assert_eq!(rows[0].code.as_deref(), Some("plugin::unsafe_cache"), "{rows:?}");
}

#[test]
fn a_note_beside_each_file_says_what_became_of_it() {
    let host = Host::sharing().with("m.so", &misbehave());
    host.add("text.so", b"no library");
    drop(host.open());
    let note = |name: &str| fs::read_to_string(host.file(&format!("{name}.status.json"))).unwrap();
    let good: serde_json::Value = serde_json::from_str(&note("m.so")).unwrap();
    assert_eq!((&good["components"][0]["type"], &good["components"][0]["state"]), (&RUNNER.into(), &"ready".into()));
    assert!(note("text.so").contains("it is a text file, not a shared library"));
    let written = fs::metadata(host.file("m.so.status.json")).unwrap().modified().unwrap();
    drop(host.open());
    assert_eq!(fs::metadata(host.file("m.so.status.json")).unwrap().modified().unwrap(), written, "nothing new, nothing written");
    let mut options = host.options();
    options.write_status = false;
    fs::remove_file(host.file("m.so.status.json")).unwrap();
    drop(Registry::open(options, Vec::new()));
    assert!(!host.file("m.so.status.json").exists());
}

#[test]
fn libraries_are_opened_at_first_use() {
    let host = Host::sharing().with("m.so", &misbehave());
    let registry = host.open();
    let state = |registry: &Registry| registry.plugins()[0].state;
    assert_eq!(state(&registry), State::Ready);
    registry.component(RUNNER).unwrap();
    assert_eq!(state(&registry), State::Ready, "describing a component opens nothing");
    registry.runner(RUNNER).unwrap();
    assert_eq!(state(&registry), State::Loaded);
    let eager = host.open();
    assert!(eager.load_all().is_empty());
    assert_eq!(state(&eager), State::Loaded);
}
