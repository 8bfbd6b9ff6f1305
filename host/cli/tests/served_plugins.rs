//! A server notices what becomes of its plugin directories, says what a restart would make of it, and is not disturbed by it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
};

use serde_json::Value as Json;
use support::{Home, server::Server};

const LIBRARY: &str = "libswitchyard_plugin_scripts.so";
const SHELL: &str = "io.kestra.plugin.scripts.shell.Commands";

fn built(plugin: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_switchyard")).with_file_name(format!("libswitchyard_plugin_{plugin}.so"))
}

/// Puts a file there as `install` does, with its rights.
fn drop_in(home: &Home, name: &str, content: &[u8], mode: u32) {
    let staged = home.file("staged", content);
    fs::set_permissions(&staged, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(staged, home.plugins().join(name)).unwrap();
}

fn misbehaving(crime: &str) -> String {
    let runner = format!("type: dev.switchyard.test.Misbehave\n      crime: {crime}");
    support::shell("['true']").replace("type: io.kestra.plugin.core.runner.Process", &runner)
}

/// The rows of `plugins list --json` of a file.
fn rows(server: &Server<'_>, name: &str) -> Vec<Json> {
    let listed: Json = serde_json::from_str(&server.ask(&["plugins", "list", "--json"]).expect(0).stdout()).unwrap();
    let of_file = |row: &&Json| row["file"].as_str().is_some_and(|file| file.ends_with(name));
    listed.as_array().unwrap().iter().filter(of_file).cloned().collect()
}

fn note(home: &Home, name: &str) -> Json {
    serde_json::from_slice(&fs::read(home.plugins().join(format!("{name}.status.json"))).unwrap()).unwrap()
}

/// Waits until the note beside a file says this state.
fn until_noted(home: &Home, name: &str, state: &str) -> Json {
    for _ in 0..20_000 {
        let read = fs::read(home.plugins().join(format!("{name}.status.json"))).unwrap_or_default();
        let note: Json = serde_json::from_slice(&read).unwrap_or_default();
        if note["components"][0]["state"] == state {
            return note;
        }
        thread::park_timeout(std::time::Duration::from_millis(3));
    }
    panic!("{name} is never {state}: {:?}", note(home, name));
}

#[test]
fn every_kind_of_change_is_told_and_a_running_task_goes_on() {
    let home = Home::new(&["scripts"]);
    let scripts = fs::read(built("scripts")).unwrap();
    let gate = home.folder.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let mut server = Server::start(&home);
    let id = server.submit(&support::shell(&format!("['echo begun; read -r line < {}; echo $line']", gate.display())));
    let running = server.running.as_mut().unwrap();

    // A good file.
    drop_in(&home, "misbehave.so", &fs::read(built("misbehave")).unwrap(), 0o755);
    let line = running.until("misbehave.so");
    assert!(line.contains("misbehave 0.1.0 passed every check; active after restart"), "{line}");
    // A text, a library that everybody may write, another content of what is loaded.
    drop_in(&home, "text.so", b"no library", 0o755);
    running.until_error("text.so: refused: it is a text file");
    drop_in(&home, "open.so", &scripts, 0o777);
    running.until_error("open.so: refused: everybody may write it");
    let changed = [&*scripts, b"\0"].concat();
    drop_in(&home, LIBRARY, &changed, 0o755);
    let line = running.until(LIBRARY);
    assert!(line.contains("active after restart, until then scripts 0.1.0 is"), "{line}");

    let table = server.ask(&["plugins", "list"]).expect(0).stdout();
    for part in [
        "active after restart",
        "until then scripts 0.1.0 is active",
        "text.so refused: it is a text file",
        "compared with what the server",
    ] {
        assert!(table.contains(part), "{part} is not in\n{table}");
    }
    let shell = rows(&server, LIBRARY).into_iter().find(|row| row["type"] == SHELL).unwrap();
    assert_eq!(shell["state"], "active-after-restart");
    assert_eq!(until_noted(&home, LIBRARY, "active-after-restart")["components"].as_array().unwrap().len(), rows(&server, LIBRARY).len());
    assert_eq!(until_noted(&home, "open.so", "refused")["components"][0]["code"], "plugin::writable_by_others");
    let status: Json = serde_json::from_str(&fs::read_to_string(home.plugins().join("text.so.status.json")).unwrap()).unwrap();
    assert_eq!((&status["components"][0]["state"], &status["components"][0]["code"]), (&"refused".into(), &"plugin::not_elf".into()));
    // A command is another host, and leaves the word to the server.
    home.run(&["plugins", "list"]).expect(0);
    assert_eq!(note(&home, LIBRARY)["components"][0]["state"], "active-after-restart");

    // Removed, and back as it was.
    fs::remove_file(home.plugins().join(LIBRARY)).unwrap();
    let running = server.running.as_mut().unwrap();
    running.until_error("removed; scripts 0.1.0 stays active until a restart");
    assert_eq!(rows(&server, LIBRARY)[0]["state"], "gone-after-restart");
    assert_eq!(until_noted(&home, LIBRARY, "gone-after-restart")["server"], server.pid());
    drop_in(&home, LIBRARY, &scripts, 0o755);
    server.running.as_mut().unwrap().until("a restart changes nothing about it any more");
    assert_ne!(rows(&server, LIBRARY)[0]["state"], "active-after-restart");

    // All the while the task ran with what was loaded.
    fs::write(&gate, "on\n").unwrap();
    let ended = server.end(&id);
    assert_eq!(ended["state"]["current"], "SUCCESS", "{ended:#}");
    assert_eq!(ended["taskRunList"][0]["attempts"].as_array().unwrap().len(), 1);
    // And a restart does what was said.
    server.ask(&["restart"]).expect(0);
    let misbehave = rows(&server, "misbehave.so");
    assert!(!misbehave.is_empty() && misbehave.iter().all(|row| row["state"] == "ready"), "{misbehave:?}");
    assert_eq!(until_noted(&home, "misbehave.so", "ready")["server"], server.pid());
}

#[test]
fn a_directory_that_comes_later_and_one_that_goes_are_noticed() {
    let home = Home::new(&[]);
    let later = home.folder.path().join("above/later");
    let mut server = Server::start_with(&home, &[("SWITCHYARD_PLUGINS", &format!("{}:{}", home.plugins().display(), later.display()))]);
    server.running.as_mut().unwrap().until_error("above/later missing: the directory does not exist");
    fs::create_dir_all(&later).unwrap();
    fs::set_permissions(&later, fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(built("misbehave"), later.join("late.so")).unwrap();
    let line = server.running.as_mut().unwrap().until("late.so");
    assert!(line.contains("active after restart"), "{line}");
    server.ask(&["restart"]).expect(0);
    fs::remove_dir_all(&later).unwrap();
    server.running.as_mut().unwrap().until_error("late.so: removed; misbehave 0.1.0 stays active until a restart");
}

/// Exit code and document of `plugins preview`.
fn preview(server: &Server<'_>, arguments: &[&str]) -> (i32, Json) {
    let ran = server.ask(&[&["plugins", "preview", "--output", "json"], arguments].concat());
    (ran.code(), serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| panic!("{error}: {}{}", ran.stdout(), ran.stderr())))
}

#[test]
fn a_preview_tells_what_a_restart_would_lose_and_why() {
    let home = Home::new(&["scripts"]);
    let scripts = fs::read(built("scripts")).unwrap();
    let gate = home.folder.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let process = format!(
        "{}  - id: tell\n    type: io.kestra.plugin.core.log.Log\n    message: done\n",
        support::shell(&format!("['read -r line < {}; echo $line']", gate.display()))
    );
    fs::create_dir(home.folder.path().join("flows")).unwrap();
    home.file("flows/good.yaml", &process);
    home.file("flows/broken.yaml", "id: broken\nnamespace: a.b\ntasks:\n  - id: x\n    type: no.such.Type\n");
    let mut server = Server::start_with(&home, &[]);
    let id = server.submit(&process);
    server.until_running(&id, 1);

    // Nothing has changed; a flow that was broken before does not break.
    let (code, document) = preview(&server, &["--flows", "flows"]);
    assert_eq!((code, &document["against"], &document["breaks"]), (0, &"server".into(), &false.into()), "{document:#}");
    assert_eq!(document["flows"], 3, "two files, and what runs: {document:#}");
    let run = &document["runs"][0];
    assert_eq!((&run["execution"], &run["taskId"], &run["fate"]), (&Json::from(&*id), &"x".into(), &"found".into()));
    assert!(run["by"].as_str().unwrap().starts_with("core "), "{run}");

    // A gain is no loss, and another build is none either; a new file that is refused is one.
    drop_in(&home, "misbehave.so", &fs::read(built("misbehave")).unwrap(), 0o755);
    drop_in(&home, LIBRARY, &[&*scripts, b"\0"].concat(), 0o755);
    let (code, document) = preview(&server, &[]);
    let fates: Vec<&Json> = document["types"].as_array().unwrap().iter().map(|change| &change["fate"]).collect();
    assert_eq!(code, 0, "{document:#}");
    assert!(fates.contains(&&"gained".into()) && fates.contains(&&"changed".into()) && !fates.contains(&&"lost".into()), "{document:#}");
    drop_in(&home, "text.so", b"no library", 0o755);
    assert_eq!(preview(&server, &[]).0, 1);
    fs::remove_file(home.plugins().join("text.so")).unwrap();

    // The tasks' plugin goes.
    fs::remove_file(home.plugins().join(LIBRARY)).unwrap();
    let ran = server.ask(&["plugins", "preview", "--flows", "flows"]).expect(1);
    let folder = home.folder.path().join("flows").display().to_string();
    let text = ran.stdout().replace(&folder, "flows");
    for part in [
        "compared with what the server that runs",
        &format!("{LIBRARY}: removed; scripts 0.1.0 stays active until a restart"),
        &format!("{SHELL}: lost, scripts 0.1.0 brought it"),
        "3 flows checked, 2 would break",
        "flows/good.yaml:5:11: ",
        "a.b.t:5:11: ",
        &format!("it runs: {id}"),
        "task runs under way: 1; found again: 0, not: 1",
        &format!("{id} x (a.b.t): left to itself: its flow would be invalid"),
        "a restart would lose or break something",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // A restart does that: the execution waits. It would go on with the plugin back; without it nothing more is lost.
    server.ask(&["restart"]).expect(1);
    let (code, document) = preview(&server, &[]);
    assert_eq!((code, document["runs"].as_array().unwrap().len()), (0, 0), "{document:#}");
    drop_in(&home, LIBRARY, &scripts, 0o755);
    let (code, document) = preview(&server, &[]);
    assert_eq!((code, &document["runs"][0]["fate"]), (0, &"found".into()), "{document:#}");
    server.ask(&["restart"]).expect(0);
    server.until_running(&id, 1);
    fs::remove_file(home.plugins().join(LIBRARY)).unwrap();
    // The same where no server runs: what the last one had counts, and its journal.
    let running = server.running.take().unwrap();
    running.signal("TERM");
    running.end();
    let (code, document) = preview(&server, &[]);
    assert_eq!((code, &document["against"]), (1, &"last-server".into()), "{document:#}");
    assert_eq!((&document["runs"][0]["fate"], &document["runs"][0]["execution"]), (&"left".into(), &Json::from(&*id)), "{document:#}");
    drop_in(&home, LIBRARY, &scripts, 0o755);
    let (code, document) = preview(&server, &[]);
    assert_eq!((code, &document["runs"][0]["fate"]), (0, &"found".into()), "{document:#}");
    server.again();
    fs::write(&gate, "on\n").unwrap();
    assert_eq!(server.end(&id)["state"]["current"], "SUCCESS");
}

#[test]
fn what_the_host_does_itself_begins_anew_and_an_empty_place_has_nothing_to_lose() {
    let home = Home::new(&[]);
    let ran = home.run(&["plugins", "preview", "--data-dir", "nowhere"]).expect(0).stdout();
    assert!(ran.contains("no server has run on this data directory") && ran.contains("task runs under way: 0"), "{ran}");
    let server = Server::start(&home);
    let id = server.submit("id: s\nnamespace: a.b\ntasks:\n  - id: s\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT1H\n");
    server.until_running(&id, 1);
    let (code, document) = preview(&server, &[]);
    assert_eq!((code, &document["runs"][0]["fate"]), (0, &"renewed".into()), "{document:#}");
    for (arguments, code, says) in [
        (&["--flows", "absent"][..], 2, "cli::unreadable"),
        (&["--flows", "plugins"], 2, "cli::no_flows"),
        (&["--output", "xml"], 2, "possible values: text, json"),
    ] {
        let ran = server.ask(&[&["plugins", "preview"], arguments].concat()).expect(code);
        assert!(ran.stderr().contains(says), "{arguments:?}: {}", ran.stderr());
    }
    server.ask(&["executions", "kill", &id]).expect(0);
    server.end(&id);
}

#[test]
fn what_plugins_cost_is_told_for_both_placements() {
    for (isolation, apart) in [("in-process", false), ("subprocess", true)] {
        let home = Home::new(&["scripts", "misbehave"]);
        home.file("switchyard.yaml", format!("plugins:\n  isolation:\n    default: {isolation}\n"));
        home.run(&["plugins", "usage", "--data-dir", "data"]).expect(2);
        let server = Server::start(&home);
        assert!(server.ask(&["plugins", "usage"]).expect(0).stdout().contains("no library is open"));
        let id = server.submit(&support::shell("['true']"));
        assert_eq!(server.end(&id)["state"]["current"], "SUCCESS");
        let usage: Json = serde_json::from_str(&server.ask(&["plugins", "usage", "--output", "json"]).expect(0).stdout()).unwrap();
        let scripts = &usage[0];
        assert_eq!((&scripts["plugin"], &scripts["isolation"], &scripts["running"]), (&"scripts".into(), &isolation.into(), &0.into()));
        assert!(scripts["calls"].as_u64().unwrap() > 0, "{usage:#}");
        assert_eq!(scripts["pid"].is_u64() && scripts["memoryKib"].as_u64() > Some(0), apart, "{usage:#}");
        assert!(scripts["polls"].is_u64() && scripts["threadLocal"].as_u64() > Some(0), "{usage:#}");
        // An error is counted by its code.
        let id = server.submit(&misbehaving("panic-in-run"));
        server.end(&id);
        let table = server.ask(&["plugins", "usage"]).expect(0).stdout();
        assert!(table.contains("scripts 0.1.0") && table.contains(isolation), "{table}");
        assert!(table.contains("misbehave errors: plugin::panic 1"), "{table}");
    }
}

/// What blocked the server is known before the restart that isolates it.
#[test]
fn a_preview_names_what_would_be_in_quarantine() {
    let home = Home::new(&["scripts", "misbehave"]);
    let server = Server::start(&home);
    let preview = || server.ask(&["plugins", "preview"]).expect(0).stdout();
    assert!(preview().contains("a restart would change nothing"));
    // It ends another host, which shares what is known about plugins.
    home.flow(&misbehaving("exit"), &[]).expect(7);
    let said = preview();
    for part in [
        "where plugins run",
        "misbehave 0.1.0: in quarantine after a restart, in a process of its own: it ended the host's process by itself",
        "`switchyard plugins release misbehave` ends it",
        "a restart would break nothing",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    server.ask(&["plugins", "release", "misbehave"]).expect(0);
    assert!(preview().contains("a restart would change nothing"));
}

/// The notes beside the libraries are the first server's word, and the second one says so.
#[test]
fn two_servers_with_one_directory_do_not_argue() {
    let home = Home::new(&["scripts"]);
    let note = || fs::read_to_string(home.plugins().join("libswitchyard_plugin_scripts.so.status.json")).unwrap();
    let first = Server::start(&home);
    let word = note();
    let mut second = Server::start_at(&home, "other", &[]);
    second.running.as_mut().unwrap().until_error("another server has the same plugins");
    assert_eq!(note(), word);
    drop(first);
    second.stop();
}
