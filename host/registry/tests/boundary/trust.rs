//! Lock files, signatures and the allow list: each refusal says why, and nothing of a refused file runs.

use std::fs;

use minisign::KeyPair;
use switchyard_registry::{Gate, GateVerdict, Key, Lock, Options, Pattern, Policy, Registry, State, Status};

use crate::host::{Host, RUNNER, misbehave, raw};

fn open(host: &Host, policy: Policy) -> (Registry, Vec<Status>) {
    let registry = Registry::open(Options { policy, ..host.options() }, Vec::new());
    let rows = registry.plugins();
    (registry, rows)
}

fn locked() -> Policy {
    Policy { locked: true, ..Policy::default() }
}

fn codes(rows: &[Status]) -> Vec<&str> {
    let mut codes: Vec<&str> = rows.iter().filter_map(|row| row.code.as_deref()).collect();
    codes.dedup();
    codes
}

fn sign(host: &Host, name: &str, pair: &KeyPair) {
    let signature = minisign::sign(None, &pair.sk, fs::File::open(host.file(name)).unwrap(), Some("of the author"), None).unwrap();
    fs::write(host.file(&format!("{name}.minisig")), signature.to_string()).unwrap();
}

fn pair() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn key(pair: &KeyPair) -> Key {
    Key::parse(&pair.pk.to_box().unwrap().to_string()).unwrap()
}

#[test]
fn only_what_is_locked_is_used() {
    let host = Host::sharing().with("m.so", &misbehave());
    assert_eq!(codes(&open(&host, locked()).1), ["plugin::no_lock"]);
    let changes = open(&host, Policy::default()).0.lock().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].1[0].1.to_string(), "+ misbehave 0.1.0");
    let lock = fs::read_to_string(Lock::path(&host.directory())).unwrap();
    for part in ["\"sha256\"", "\"abi\": \"1.", "\"schemas\"", "\"version\": \"0.1.0\""] {
        assert!(lock.contains(part), "{part}: {lock}");
    }
    let (registry, rows) = open(&host, locked());
    assert!(codes(&rows).is_empty() && registry.runner(RUNNER).is_ok(), "{rows:?}");

    // Another file, other content, no content, no lock file.
    host.add("raw.so", &fs::read(raw()).unwrap());
    let (registry, rows) = open(&host, locked());
    assert_eq!(codes(&rows), ["plugin::not_locked"]);
    assert!(registry.runner(RUNNER).is_ok(), "the others are used");
    let mut other = fs::read(misbehave()).unwrap();
    other.push(0);
    host.add("m.so", &other);
    let (_, rows) = open(&host, locked());
    assert!(codes(&rows).contains(&"plugin::lock_mismatch"), "{rows:?}");
    let reason = rows.iter().find(|row| row.code.as_deref() == Some("plugin::lock_mismatch")).unwrap().reason.clone().unwrap();
    assert!(reason.contains("it is misbehave 0.1.0 with content") && reason.contains("pins misbehave 0.1.0"), "{reason}");
    fs::remove_file(host.file("raw.so")).unwrap();
    fs::remove_file(host.file("m.so")).unwrap();
    let (_, rows) = open(&host, locked());
    assert_eq!((codes(&rows), rows[0].state), (vec!["plugin::locked_absent"], State::Missing));
    host.add("m.so", &fs::read(misbehave()).unwrap());
    fs::write(Lock::path(&host.directory()), "{").unwrap();
    assert_eq!(codes(&open(&host, locked()).1), ["plugin::bad_lock"]);
}

#[test]
fn what_is_not_locked_is_never_run() {
    let host = Host::new().asking_for("segfault-in-load").with("m.so", &misbehave());
    assert_eq!(codes(&open(&host, locked()).1), ["plugin::no_lock"], "its constructor would have crashed the preflight");
    // The refusal says nothing about the content: without the lock it is tried.
    assert_eq!(codes(&open(&host, Policy::default()).1), ["plugin::crashed"]);
}

#[test]
fn signatures_are_checked_against_the_configured_keys() {
    let host = Host::sharing().with("m.so", &misbehave());
    let (author, stranger) = (pair(), pair());
    let policy = |require: bool| Policy { require_signatures: require, keys: vec![key(&author)], ..Policy::default() };
    assert_eq!(codes(&open(&host, policy(true)).1), ["plugin::unsigned"]);
    let (_, rows) = open(&host, policy(false));
    assert!(codes(&rows).is_empty() && rows[0].warnings.iter().any(|warning| warning == "it is not signed"), "{rows:?}");

    sign(&host, "m.so", &author);
    for _ in 0..2 {
        let (registry, rows) = open(&host, policy(true));
        assert!(codes(&rows).is_empty() && registry.runner(RUNNER).is_ok(), "{rows:?}");
    }
    let gates = Registry::open(Options { policy: policy(true), ..host.options() }, Vec::new()).check(&host.file("m.so"));
    let gate = gates.iter().find(|gate| gate.name == "signature").unwrap();
    assert!(gate.verdict == GateVerdict::Passed && gate.detail.contains("of the author"), "{gate:?}");

    sign(&host, "m.so", &stranger);
    for require in [true, false] {
        assert_eq!(codes(&open(&host, policy(require)).1), ["plugin::unknown_key"]);
    }
    // The author's signature of other bytes.
    host.add("other.so", b"something else");
    sign(&host, "other.so", &author);
    fs::rename(host.file("other.so.minisig"), host.file("m.so.minisig")).unwrap();
    fs::remove_file(host.file("other.so")).unwrap();
    for require in [true, false] {
        assert_eq!(codes(&open(&host, policy(require)).1), ["plugin::bad_signature"]);
    }
    fs::write(host.file("m.so.minisig"), "nonsense").unwrap();
    assert_eq!(codes(&open(&host, policy(true)).1), ["plugin::bad_signature"]);
    fs::remove_file(host.file("m.so.minisig")).unwrap();
    assert_eq!(codes(&open(&host, policy(true)).1), ["plugin::unsigned"], "a proof does not outlive its signature");
}

#[test]
fn an_allow_list_names_ids_and_types() {
    let host = Host::sharing().with("m.so", &misbehave()).with("raw.so", &raw());
    for (allowed, expected) in [
        (vec!["misbehave", "raw"], vec![]),
        (vec!["misbehave"], vec!["raw.so"]),
        (vec!["dev.switchyard.test.R*"], vec!["m.so"]),
        (vec![], vec!["m.so", "raw.so"]),
    ] {
        let policy = Policy { allow: Some(allowed.iter().map(|pattern| Pattern::new(*pattern)).collect()), ..Policy::default() };
        let (_, rows) = open(&host, policy);
        let refused: Vec<_> = rows.iter().filter(|row| row.state == State::Refused).collect();
        let names: Vec<_> = refused.iter().map(|row| row.file.as_ref().unwrap().file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, expected, "{allowed:?}: {rows:?}");
        assert!(refused.iter().all(|row| row.code.as_deref() == Some("plugin::not_allowed")), "{refused:?}");
    }
}

/// Nothing is asked of the code before lock and signature are known.
#[test]
fn the_gates_stand_in_their_order() {
    let host = Host::sharing().with("m.so", &misbehave());
    let author = pair();
    sign(&host, "m.so", &author);
    open(&host, Policy::default()).0.lock().unwrap();
    let allow = Some(vec![Pattern::new("misbehave")]);
    let policy = Policy { locked: true, require_signatures: true, keys: vec![key(&author)], allow };
    let names = |gates: &[Gate]| gates.iter().map(|gate| gate.name.clone()).collect::<Vec<_>>();
    let registry = Registry::open(Options { policy, ..host.options() }, Vec::new());
    let expected = ["file", "elf", "lock", "signature", "header", "api", "allow", "copy", "load", "layout", "init", "manifest", "schema"];
    assert_eq!(names(&registry.check(&host.file("m.so"))), expected);
    let bad = Policy { keys: vec![key(&pair())], ..Policy::default() };
    let registry = Registry::open(Options { policy: bad, ..host.options() }, Vec::new());
    let gates = registry.check(&host.file("m.so"));
    assert_eq!(names(&gates), ["file", "elf", "signature"]);
    assert_eq!(gates[2].verdict, GateVerdict::Failed);
}
