//! A server that is killed, stopped and restarted while tasks run: nothing is lost, nothing runs twice. Names with `docker_` need an
//! engine. `SWITCHYARD_KILL_ROUNDS` sets how often the server is killed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs, path::Path, thread, time::Duration};

use serde_json::Value as Json;
use support::{Home, server::Server};

fn rounds(usual: usize) -> usize {
    std::env::var("SWITCHYARD_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// A moment later. What is tested is that no moment matters.
fn moment(round: usize) {
    thread::park_timeout(Duration::from_millis((round as u64 * 37) % 190));
}

fn loop_of(count: usize, runner: &str, commands: &str) -> String {
    let values: Vec<String> = (0..count).map(|value| value.to_string()).collect();
    format!(
        "id: loop\nnamespace: a.b\ntasks:\n  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n    values: [{}]\n    concurrencyLimit: 4\n    tasks:\n      - id: work\n        type: io.kestra.plugin.scripts.shell.Commands\n        containerImage: busybox:switchyard-test\n        taskRunner: {runner}\n        interpreter: [/bin/sh, -c]\n        commands: [{commands:?}]\n",
        values.join(", ")
    )
}

fn killed_again_and_again(home: &Home, flow: &str, count: usize, rounds: usize) {
    let ran = home.folder.path().join("out/ran");
    let mut server = Server::start(home);
    let id = server.submit(flow);
    for round in 0..rounds {
        let before = lines(&ran).len();
        let mut patience = 600;
        while lines(&ran).len() == before && before < count {
            moment(1);
            patience -= 1;
            assert!(patience > 0, "nothing happens: {:#}\n{}", server.show(&id), server.ask(&["logs", &id]).stdout());
        }
        moment(round);
        server.kill();
        server.again();
    }
    let ended = server.end(&id);
    assert_eq!(ended["state"]["current"], "SUCCESS", "{ended:#}\n{}", server.ask(&["logs", &id]).stdout());
    let mut numbers: Vec<usize> = lines(&ran).iter().map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>(), "each attempt ran once");
    for run in ended["taskRunList"].as_array().unwrap().iter().filter(|run| run["taskId"] == "work") {
        assert_eq!(run["attempts"].as_array().unwrap().len(), 1, "{run}");
        assert_eq!(run["outputs"]["vars"]["n"], run["value"], "{run}");
    }
    let log = server.ask(&["logs", &id]).expect(0).stdout();
    for number in 0..count {
        for part in ["begins", "ends"] {
            let found = log.lines().filter(|line| line.ends_with(&format!(" {part} {number}"))).count();
            assert_eq!(found, 1, "`{part} {number}` is logged once:\n{log}");
        }
    }
}

const WORK: &str = "n={{ taskrun.value }}; echo $n >> OUT/ran; echo begins $n; sleep 0.3; echo '::{\\\"outputs\\\":{\\\"n\\\":\\\"'$n'\\\"}}::'; echo ends $n";

fn work(out: &Path) -> String {
    WORK.replace("OUT", &out.display().to_string()).replace("\\\"", "\"")
}

#[test]
fn a_server_that_is_killed_again_and_again_runs_each_process_once() {
    let home = Home::new(&["scripts"]);
    let out = home.folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let rounds = rounds(6);
    let count = rounds * 5;
    let flow = loop_of(count, "{type: io.kestra.plugin.core.runner.Process}", &work(&out));
    killed_again_and_again(&home, &flow, count, rounds);
}

#[test]
fn docker_a_server_that_is_killed_again_and_again_runs_each_container_once() {
    let home = Home::new(&["scripts", "docker"]);
    home.file(
        "switchyard.yaml",
        "plugins:\n  configurations:\n    - type: io.kestra.plugin.scripts.runner.docker.Docker\n      values: {volume-enabled: true}\n",
    );
    let out = home.folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let rounds = rounds(4);
    let count = rounds * 4;
    let runner = format!("{{type: io.kestra.plugin.scripts.runner.docker.Docker, volumes: [\"{}:/out\"]}}", out.display());
    let flow = loop_of(count, &runner, &work(Path::new("/out")));
    killed_again_and_again(&home, &flow, count, rounds);
}

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
