//! Restarted, stopped, refused.

use std::{fs, path::Path, thread};

use serde_json::Value as Json;

use crate::{
    lines,
    support::{self, Home, server::Server},
};

#[test]
fn a_restart_finds_every_running_process() {
    let home = Home::new(&["scripts"]);
    let gate = home.folder.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let server = Server::start(&home);
    let count = 24;
    let tasks: String = (0..count)
        .map(|number| {
            format!(
                "      - id: t{number}\n        type: io.kestra.plugin.scripts.shell.Commands\n        taskRunner: {{type: io.kestra.plugin.core.runner.Process}}\n        commands: ['read -r line < {}; echo {number} >> {}']\n",
                gate.display(),
                home.folder.path().join("ran").display()
            )
        })
        .collect();
    let id = server.submit(&format!(
        "id: many\nnamespace: a.b\ntasks:\n  - id: all\n    type: io.kestra.plugin.core.flow.Parallel\n    tasks:\n{tasks}"
    ));
    let running = |wanted: usize| loop {
        let document = server.show(&id);
        let states: Vec<&str> =
            document["taskRunList"].as_array().unwrap().iter().filter_map(|run| run["state"]["current"].as_str()).collect();
        // The Parallel itself runs too; the rest waits for a place.
        if states.iter().filter(|state| **state == "RUNNING").count() > wanted {
            return;
        }
        thread::yield_now();
    };
    let slots = thread::available_parallelism().unwrap().get() * 4;
    running(count.min(slots));
    let report = server.ask(&["restart", "--json"]).expect(0).stdout();
    let report: Json = serde_json::from_str(&report).unwrap();
    assert_eq!(report["generation"], 1);
    assert_eq!((&report["recovery"]["lost"], &report["recovery"]["twice"]), (&0.into(), &0.into()), "{report:#}");
    assert_eq!(report["recovery"]["found"], report["recovery"]["attempts"], "{report:#}");
    assert_eq!(report["recovery"]["found"], count.min(slots), "{report:#}");
    // Open for both, so that nobody misses the other.
    let mut gate = fs::OpenOptions::new().read(true).write(true).open(&gate).unwrap();
    std::io::Write::write_all(&mut gate, "go\n".repeat(count).as_bytes()).unwrap();
    assert_eq!(server.end(&id)["state"]["current"], "SUCCESS");
    assert_eq!(lines(&home.folder.path().join("ran")).len(), count);
}

#[test]
fn tasks_of_a_keeper_that_is_gone_are_lost_with_a_word() {
    let home = Home::new(&["scripts"]);
    let mut server = Server::start(&home);
    let ran = home.folder.path().join("ran");
    let id = server.submit(&support::shell(&format!("['echo $$ >> {}; exec sleep 1000']", ran.display())));
    while lines(&ran).is_empty() {
        thread::yield_now();
    }
    let status = fs::read_dir("/proc").unwrap().flatten().find(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("--stay") && line.contains(&home.folder.path().display().to_string())
    });
    let keeper = status.unwrap().file_name().into_string().unwrap();
    server.kill();
    assert!(std::process::Command::new("kill").args(["-KILL", &keeper]).status().unwrap().success());
    server.again();
    let ended = server.end(&id);
    assert_eq!(ended["state"]["current"], "FAILED");
    let log = server.ask(&["logs", &id]).stdout();
    assert!(log.contains("process::lost"), "{log}");
    assert_eq!(lines(&ran).len(), 1, "it did not run again");
    // It may be a zombie where nobody collects orphans.
    let command = fs::read(Path::new("/proc").join(&lines(&ran)[0]).join("cmdline")).unwrap_or_default();
    assert!(command.is_empty(), "what still ran of it was ended");
}

#[test]
fn a_second_server_is_refused_and_told_the_first_ones_pid() {
    let home = Home::new(&[]);
    let server = Server::start(&home);
    let refused = server.ask(&["serve"]).expect(1).stderr();
    assert!(refused.contains("store::in_use") && refused.contains("(pid "), "{refused}");
    let run = server.ask(&["run", home.file("f.yaml", support::shell("['true']")).to_str().unwrap()]);
    assert_ne!(run.code(), 0);
}

#[test]
fn what_waits_for_somebody_waits_through_a_restart() {
    let home = Home::new(&[]);
    let mut server = Server::start(&home);
    let id = server.submit(
        "id: p\nnamespace: a.b\ntasks:\n  - id: ask\n    type: io.kestra.plugin.core.flow.Pause\n    onResume:\n      - id: why\n        type: STRING\n  - id: tell\n    type: io.kestra.plugin.core.debug.Return\n    format: '{{ outputs.ask.onResume.why }}'\n",
    );
    while server.show(&id)["state"]["current"] != "PAUSED" {
        thread::yield_now();
    }
    server.kill();
    server.again();
    assert_eq!(server.show(&id)["state"]["current"], "PAUSED");
    server.ask(&["executions", "resume", &id]).expect(2);
    server.ask(&["executions", "resume", &id, "-i", "why=because"]).expect(0);
    let ended = server.end(&id);
    assert_eq!(ended["state"]["current"], "SUCCESS");
    assert_eq!(ended["taskRunList"][1]["outputs"]["value"], "because");
    server.ask(&["executions", "kill", &id]).expect(2);
    let listed = server.ask(&["executions", "list", "--state", "success"]).expect(0).stdout();
    assert!(listed.contains(&id), "{listed}");
}

#[test]
fn a_restart_and_a_replay_run_what_is_needed_8_5() {
    let home = Home::new(&["scripts"]);
    let mut server = Server::start(&home);
    let folder = home.folder.path().display().to_string();
    let task = |id: &str, command: &str| {
        format!(
            "  - id: {id}\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}\n    commands: ['echo {id} >> {folder}/ran; {command}']\n"
        )
    };
    let flow = format!(
        "id: r\nnamespace: a.b\ntasks:\n{}{}{}",
        task("first", "true"),
        task("second", &format!("test -e {folder}/ok")),
        task("third", "true"),
    );
    let id = server.submit(&flow);
    assert_eq!(server.end(&id)["state"]["current"], "FAILED");
    home.file("ok", "");
    let ran = home.folder.path().join("ran");
    server.ask(&["executions", "restart", &id]).expect(0);
    let ended = server.end(&id);
    assert_eq!(ended["state"]["current"], "SUCCESS", "{ended:#}");
    assert_eq!(lines(&ran), ["first", "second", "second", "third"]);
    let attempts = |run: usize| ended["taskRunList"][run]["attempts"].as_array().unwrap().len();
    assert_eq!((attempts(0), attempts(1), attempts(2)), (1, 2, 1));
    server.ask(&["executions", "restart", &id]).expect(2);
    // What was restarted is read back like everything else.
    server.kill();
    server.again();
    assert_eq!(server.show(&id), ended);
    let other = server.ask(&["executions", "replay", &id, "--from", "third"]).expect(0).stdout().trim().to_owned();
    let replayed = server.end(&other);
    assert_eq!(replayed["state"]["current"], "SUCCESS", "{replayed:#}");
    assert_eq!((&replayed["parentId"], &replayed["originalId"]), (&Json::from(&*id), &Json::from(&*id)));
    assert_eq!(lines(&ran), ["first", "second", "second", "third", "third"]);
}
