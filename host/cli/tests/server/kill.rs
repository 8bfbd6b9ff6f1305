//! Killed at any moment.

use std::{fs, path::Path, thread, time::Duration};

use crate::{
    lines,
    support::{Home, server::Server},
};

fn rounds(usual: usize) -> usize {
    std::env::var("SWITCHYARD_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
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

/// Every kind of flowable at once.
const ALL: &str = r#"id: all
namespace: a.b
tasks:
  - id: par
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - id: each
        type: io.kestra.plugin.core.flow.ForEach
        values: [VALUES]
        concurrencyLimit: 2
        tasks:
          - {id: a, SHELL, commands: ['echo each-{{ taskrun.value }} >> OUT; sleep 0.2']}
      - id: loop
        type: io.kestra.plugin.core.flow.Loop
        values: [VALUES]
        tasks:
          - {id: b, SHELL, commands: ['echo loop-{{ item.value }} >> OUT; sleep 0.2']}
      - id: until
        type: io.kestra.plugin.core.flow.LoopUntil
        condition: "{{ outputs.c.vars.n >= COUNT }}"
        checkFrequency: {interval: PT0.1S}
        tasks:
          - {id: c, SHELL, commands: ['echo until >> OUT.until; n=$(wc -l < OUT.until); echo until-$n >> OUT; sleep 0.1; echo "::{\"outputs\":{\"n\":$n}}::"']}
      - id: calls
        type: io.kestra.plugin.core.flow.ForEach
        values: [VALUES]
        tasks:
          - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: a.b, flowId: child, inputs: {v: '{{ taskrun.value }}'}, wait: true}
      - id: dirs
        type: io.kestra.plugin.core.flow.ForEach
        values: [VALUES]
        tasks:
          - id: dir
            type: io.kestra.plugin.core.flow.WorkingDirectory
            tasks:
              - {id: d, SHELL, commands: ['echo dir-{{ taskrun.value }} >> OUT; echo kept > f; sleep 0.1']}
              - {id: e, SHELL, commands: ['cat f; echo read-{{ taskrun.value }} >> OUT']}
      - id: tries
        type: io.kestra.plugin.core.flow.ForEach
        values: [VALUES]
        tasks:
          - {id: f, SHELL, retry: {type: constant, interval: PT0.2S, maxAttempts: 3}, commands: ['echo try-{{ taskrun.value }}-{{ taskrun.attemptsCount }} >> OUT; sleep 0.1; test {{ taskrun.attemptsCount }} -ge 1']}
      - id: pauses
        type: io.kestra.plugin.core.flow.ForEach
        values: [VALUES]
        tasks:
          - {id: pause, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT0.3S}
          - {id: g, SHELL, commands: ['echo paused-{{ taskrun.value }} >> OUT']}
"#;
const CHILD: &str = "id: child\nnamespace: a.b\ninputs: [{id: v, type: STRING}]\ntasks:\n  - {id: h, SHELL, commands: ['echo call-{{ inputs.v }} >> OUT; sleep 0.2']}\n";
const SHELL: &str =
    "type: io.kestra.plugin.scripts.shell.Commands, taskRunner: {type: io.kestra.plugin.core.runner.Process}, interpreter: [/bin/sh, -c]";

#[test]
fn a_server_that_is_killed_again_and_again_runs_each_attempt_of_all_flowables_once() {
    let home = Home::new(&["scripts"]);
    let rounds = rounds(5);
    let count = rounds + 1;
    let out = home.folder.path().join("ran");
    let written = |text: &str| {
        let values: Vec<String> = (0..count).map(|value| value.to_string()).collect();
        let text = text.replace("SHELL", SHELL).replace("VALUES", &values.join(", "));
        text.replace("COUNT", &count.to_string()).replace("OUT", &out.display().to_string())
    };
    fs::create_dir(home.folder.path().join("flows")).unwrap();
    home.file("flows/child.yaml", written(CHILD));
    let mut server = Server::start_at(&home, "data", &["--flows", "flows"]);
    let id = server.submit(&written(ALL));
    for round in 0..rounds {
        let before = lines(&out).len();
        let mut patience = 600;
        while lines(&out).len() == before && server.show(&id)["state"]["endDate"].is_null() {
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
    let mut ran = lines(&out);
    ran.sort_unstable();
    let mut expected: Vec<String> = (0..count)
        .flat_map(|n| ["each", "loop", "call", "dir", "read", "paused"].map(|what| format!("{what}-{n}")))
        .chain((1..=count).map(|n| format!("until-{n}")))
        .chain((0..count).flat_map(|n| [format!("try-{n}-0"), format!("try-{n}-1")]))
        .collect();
    expected.sort_unstable();
    assert_eq!(ran, expected, "each attempt ran once");
}
