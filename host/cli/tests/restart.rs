//! A server is restarted in place, by the command and by SIGHUP, while many tasks run: each is found again, and none runs twice. Names
//! with `docker_` need an engine. The large one is run by hand: `cargo nextest run --run-ignored only -E 'test(thousand)'`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use support::{Home, server::Server};

/// Many tasks that wait at a gate.
struct Crowd {
    /// Holds the gate, who has begun, and who has passed.
    out: PathBuf,
    processes: usize,
    containers: usize,
}

impl Crowd {
    fn new(home: &Home, processes: usize, containers: usize) -> Self {
        let out = home.folder.path().join("out");
        fs::create_dir(&out).unwrap();
        assert!(Command::new("mkfifo").arg(out.join("gate")).status().unwrap().success());
        Self { out, processes, containers }
    }

    fn count(&self) -> usize {
        self.processes + self.containers
    }

    fn flow(&self) -> String {
        let out = self.out.display();
        let docker = format!("{{type: io.kestra.plugin.scripts.runner.docker.Docker, pullPolicy: NEVER, volumes: ['{out}:/out']}}");
        let group = |id: &str, from: usize, to: usize, runner: &str, place: &str| {
            let values: Vec<String> = (from..to).map(|value| value.to_string()).collect();
            format!(
                "      - id: {id}\n        type: io.kestra.plugin.core.flow.ForEach\n        values: [{}]\n        concurrencyLimit: 0\n        tasks:\n          - id: wait_{id}\n            type: io.kestra.plugin.scripts.shell.Commands\n            containerImage: busybox:switchyard-test\n            taskRunner: {runner}\n            interpreter: [/bin/sh, -c]\n            commands: ['echo {{{{ taskrun.value }}}} >> {place}/begun; read -r line < {place}/gate; echo {{{{ taskrun.value }}}} >> {place}/passed']\n",
                values.join(", ")
            )
        };
        let mut groups = group("processes", 0, self.processes, "{type: io.kestra.plugin.core.runner.Process}", &out.to_string());
        if self.containers > 0 {
            groups += &group("containers", self.processes, self.count(), &docker, "/out");
        }
        format!("id: crowd\nnamespace: a.b\ntasks:\n  - id: all\n    type: io.kestra.plugin.core.flow.Parallel\n    tasks:\n{groups}")
    }

    fn lines(&self, file: &str) -> Vec<usize> {
        let text = fs::read_to_string(self.out.join(file)).unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    fn until_all_have_begun(&self) {
        while self.lines("begun").len() < self.count() {
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn open_gate(&self) {
        // Open for both, so that nobody misses the other; it stays open until all have passed.
        let mut gate = fs::OpenOptions::new().read(true).write(true).open(self.out.join("gate")).unwrap();
        gate.write_all("\n".repeat(self.count()).as_bytes()).unwrap();
        while self.lines("passed").len() < self.count() {
            thread::park_timeout(Duration::from_millis(20));
        }
    }
}

fn home(containers: bool) -> Home {
    let home = Home::new(if containers { &["scripts", "docker"] } else { &["scripts"] });
    home.file(
        "switchyard.yaml",
        "plugins:\n  configurations:\n    - type: io.kestra.plugin.scripts.runner.docker.Docker\n      values: {volume-enabled: true}\n",
    );
    home
}

fn is_complete(report: &Json, count: usize) {
    let recovery = &report["recovery"];
    let number = |name: &str| recovery[name].as_u64().unwrap();
    let all = ["attempts", "found", "lost", "twice", "submitted"].map(number);
    assert_eq!(all, [count as u64, count as u64, 0, 0, 0], "{report:#}");
}

fn every_task_is_found(processes: usize, containers: usize) {
    let home = home(containers > 0);
    let crowd = Crowd::new(&home, processes, containers);
    let count = crowd.count();
    let mut server = Server::start_as(&home, &["serve", "--slots", "2000"], &[]);
    let id = server.submit(&crowd.flow());
    crowd.until_all_have_begun();

    // By the command, which answers when all is known.
    let begun = Instant::now();
    let report: Json = serde_json::from_str(&server.ask(&["restart", "--json"]).expect(0).stdout()).unwrap();
    let by_command = begun.elapsed();
    is_complete(&report, count);
    // By the signal; the server says what it found.
    let begun = Instant::now();
    let running = server.running.as_mut().unwrap();
    running.until("running tasks:");
    running.signal("HUP");
    let said = running.until("running tasks:");
    let by_signal = begun.elapsed();
    assert!(said.contains(&format!("of {count} running tasks: found {count}, lost 0, started twice 0")), "{said}");
    // And once more, so that what was adopted is adopted again.
    let report: Json = serde_json::from_str(&server.ask(&["restart", "--json"]).expect(0).stdout()).unwrap();
    assert_eq!(report["generation"], 3);
    is_complete(&report, count);
    println!("{processes} processes, {containers} containers: restart {by_command:?}, SIGHUP {by_signal:?}");

    crowd.open_gate();
    let ended = server.end(&id);
    assert_eq!(ended["state"]["current"], "SUCCESS", "{}", ended["state"]);
    for file in ["begun", "passed"] {
        let mut numbers = crowd.lines(file);
        numbers.sort_unstable();
        assert_eq!(numbers, (0..count).collect::<Vec<_>>(), "{file}: each once");
    }
    let runs = ended["taskRunList"].as_array().unwrap();
    let waited: Vec<&Json> = runs.iter().filter(|run| run["taskId"].as_str().unwrap().starts_with("wait_")).collect();
    assert_eq!(waited.len(), count);
    assert!(waited.iter().all(|run| run["attempts"].as_array().unwrap().len() == 1));
    assert!(Path::new(&crowd.out).exists());
}

#[test]
fn a_restart_finds_a_hundred_processes_by_command_and_by_signal() {
    every_task_is_found(100, 0);
}

#[test]
fn docker_a_restart_finds_a_hundred_processes_and_five_containers() {
    every_task_is_found(100, 5);
}

#[test]
#[ignore = "takes minutes and a thousand processes; run by hand"]
fn docker_a_restart_finds_a_thousand_processes_and_fifty_containers() {
    every_task_is_found(1000, 50);
}
