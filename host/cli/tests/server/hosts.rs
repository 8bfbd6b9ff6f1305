//! Several servers on one PostgreSQL, one of which is killed.

use std::{collections::BTreeSet, fs, process::Command, thread, time::Duration, time::Instant};

use serde_json::Value as Json;

use crate::{
    lines,
    support::{
        Home,
        server::{PATIENCE, Server},
    },
};

/// A home whose configuration names a database of its own.
fn shared(name: &str) -> (Home, String) {
    let server = std::env::var("SWITCHYARD_POSTGRES").expect("`cargo xtask test` starts a server and sets SWITCHYARD_POSTGRES");
    let database = format!("{name}_{}", std::process::id());
    let made = Command::new("psql").args([&format!("{server}/postgres"), "-qc", &format!("CREATE DATABASE {database}")]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let home = Home::new(&["scripts"]);
    let folder = home.folder.path().display().to_string();
    for directory in ["storage", "flows"] {
        fs::create_dir(home.folder.path().join(directory)).unwrap();
    }
    home.file(
        "switchyard.yaml",
        format!("journal: {{url: \"{server}/{database}\", lease: PT2S}}\nstorage: {{url: \"file://{folder}/storage\"}}\n"),
    );
    (home, folder)
}

const SHELL: &str = "type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {type: io.kestra.plugin.core.runner.Process}\n    ";

#[test]
fn postgres_three_servers_share_executions_and_one_is_killed() {
    let (home, folder) = shared("serve");
    let mut servers: Vec<Server<'_>> = ["one", "two", "three"].iter().map(|data| Server::start_at(&home, data, &[])).collect();
    let work = |id: &str| format!("  - id: {id}\n    {SHELL}commands: ['echo {{{{ inputs.n }}}} >> {folder}/{id}; echo said']\n");
    let flow = format!(
        "id: shared\nnamespace: a.b\ninputs: [{{id: n, type: STRING}}]\ntasks:\n{}  - {{id: wait, type: io.kestra.plugin.core.flow.Sleep, duration: PT3S}}\n{}",
        work("first"),
        work("second")
    );
    home.file("flow.yaml", flow);
    let mut ids = Vec::new();
    for number in 0..12_usize {
        let input = format!("n={number}");
        let ran = servers[number % 3].ask(&["run", "flow.yaml", "--server", "--detach", "-i", &input]).expect(0);
        ids.push(ran.stdout().trim().to_owned());
    }
    let waits = |id: &str| servers[1].show(id)["taskRunList"][1]["state"]["current"] == "RUNNING";
    let begun = Instant::now();
    while !ids.iter().all(|id| waits(id) || servers[1].show(id)["state"]["endDate"].is_string()) {
        assert!(begun.elapsed() < PATIENCE);
        thread::park_timeout(Duration::from_millis(20));
    }
    servers[0].kill();
    // Each server knows all of them, whoever runs them.
    for (number, id) in ids.iter().enumerate() {
        servers[1 + number % 2].until(id, "SUCCESS");
        let document = servers[2].show(id);
        let runs = document["taskRunList"].as_array().unwrap();
        assert_eq!(runs.len(), 3, "{document:#}");
        assert!(runs.iter().all(|run| run["attempts"].as_array().unwrap().len() == 1), "{document:#}");
    }
    // The log of an execution that ended elsewhere is there too.
    for (number, id) in ids.iter().enumerate() {
        let asked = &servers[1 + (number + 1) % 2];
        let begun = Instant::now();
        let logged = || asked.ask(&["logs", id]).expect(0).stdout().matches("said").count();
        while logged() == 0 {
            assert!(begun.elapsed() < PATIENCE, "{id}");
            thread::park_timeout(Duration::from_millis(50));
        }
    }
    for file in ["first", "second"] {
        let ran = lines(&home.folder.path().join(file));
        assert_eq!(ran.len(), ids.len(), "{file}: each ran once: {ran:?}");
        assert_eq!(ran.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
}

#[test]
fn postgres_commands_and_tasks_reach_executions_of_another_server() {
    let (home, _) = shared("reach");
    let one = Server::start_at(&home, "one", &[]);
    let two = Server::start_at(&home, "two", &[]);
    let paused = "id: p\nnamespace: a.b\ntasks:\n  - id: ask\n    type: io.kestra.plugin.core.flow.Pause\n    onResume: [{id: why, type: STRING}]\n  - id: tell\n    type: io.kestra.plugin.core.debug.Return\n    format: '{{ outputs.ask.onResume.why }}'\n";
    let (resumed, killed, by_task) = (one.submit(paused), one.submit(paused), one.submit(paused));
    for id in [&resumed, &killed, &by_task] {
        one.until(id, "PAUSED");
        two.until(id, "PAUSED");
    }
    let missing = two.ask(&["executions", "resume", &resumed]).expect(2).stderr();
    assert!(missing.contains("execution::resume_inputs"), "{missing}");
    two.ask(&["executions", "resume", &resumed, "-i", "why=because"]).expect(0);
    two.until(&resumed, "SUCCESS");
    assert_eq!(one.show(&resumed)["taskRunList"][1]["outputs"]["value"], "because");
    two.ask(&["executions", "kill", &killed]).expect(0);
    two.until(&killed, "KILLED");
    let killer = two.submit(&format!(
        "id: k\nnamespace: a.b\ntasks:\n  - {{id: kill, type: io.kestra.plugin.core.execution.Kill, executionId: {by_task}}}\n"
    ));
    two.until(&killer, "SUCCESS");
    two.until(&by_task, "KILLED");
    // Nor is a server needed where the command is given.
    let again = one.submit(paused);
    one.until(&again, "PAUSED");
    let away = home.folder.path().join("three").display().to_string();
    home.run(&["executions", "kill", &again, "--data-dir", &away]).expect(0);
    one.until(&again, "KILLED");
    assert!(home.run(&["executions", "list", "--data-dir", &away]).expect(0).stdout().contains(&again));
}

#[test]
fn postgres_limits_and_triggers_count_on_all_servers() {
    let (home, folder) = shared("limits");
    home.file(
        "flows/both.yaml",
        "id: both\nnamespace: a.b\ntasks:\n  - {id: x, type: io.kestra.plugin.core.debug.Return, format: '{{ trigger.outputs.v }}'}\ntriggers:\n  - id: after\n    type: io.kestra.plugin.core.trigger.Flow\n    preconditions:\n      id: all\n      flows:\n        - {namespace: a.b, flowId: left}\n        - {namespace: a.b, flowId: right}\n",
    );
    let one = Server::start_at(&home, "one", &["--flows", "flows"]);
    let two = Server::start_at(&home, "two", &["--flows", "flows"]);
    let limited = format!(
        "id: narrow\nnamespace: a.b\nconcurrency: {{limit: 1, behavior: QUEUE}}\ntasks:\n  - id: work\n    {SHELL}commands: ['echo in >> {folder}/order; sleep 0.4; echo out >> {folder}/order']\n"
    );
    let ids: Vec<String> = (0..4).map(|number| if number % 2 == 0 { &one } else { &two }.submit(&limited)).collect();
    for id in &ids {
        one.until(id, "SUCCESS");
    }
    let order = lines(&home.folder.path().join("order"));
    assert_eq!(order, ["in", "out"].repeat(4), "one at a time");
    let ends = |id: &str| {
        format!(
            "id: {id}\nnamespace: a.b\ntasks:\n  - {{id: x, type: io.kestra.plugin.core.debug.Return, format: x}}\noutputs:\n  - {{id: v, type: STRING, value: {id}}}\n"
        )
    };
    let both = |server: &Server<'_>| -> Vec<Json> {
        let listed = server.ask(&["executions", "list", "--flow", "both", "--output", "json"]).expect(0).stdout();
        serde_json::from_str(&listed).unwrap()
    };
    one.until(&one.submit(&ends("left")), "SUCCESS");
    assert!(both(&one).is_empty());
    two.until(&two.submit(&ends("right")), "SUCCESS");
    let begun = Instant::now();
    while both(&one).is_empty() {
        assert!(begun.elapsed() < PATIENCE);
    }
    two.until(both(&two)[0]["id"].as_str().unwrap(), "SUCCESS");
    // Off for all.
    let off = "id: off\nnamespace: a.b\ntasks:\n  - {id: t, type: io.kestra.plugin.core.trigger.Toggle, flowId: both, trigger: after, enabled: false}\n";
    one.until(&one.submit(off), "SUCCESS");
    for (server, flow) in [(&two, "left"), (&one, "right")] {
        server.until(&server.submit(&ends(flow)), "SUCCESS");
    }
    assert_eq!(both(&one).len(), 1, "the trigger is off");
}

#[test]
fn postgres_a_server_that_lost_its_lease_stops_its_work_and_joins_anew() {
    let (home, folder) = shared("fence");
    let mut one = Server::start_at(&home, "one", &[]);
    let two = Server::start_at(&home, "two", &[]);
    let flow = format!(
        "id: f\nnamespace: a.b\ntasks:\n  - {{id: first, type: io.kestra.plugin.core.debug.Return, format: x}}\n  - id: wait\n    type: io.kestra.plugin.core.flow.Pause\n    pauseDuration: PT6S\n  - id: work\n    {SHELL}commands: ['echo ran >> {folder}/ran']\n"
    );
    let id = one.submit(&flow);
    one.until(&id, "PAUSED");
    let running = one.running.as_mut().unwrap();
    running.signal("STOP");
    two.until(&id, "SUCCESS");
    running.signal("CONT");
    running.until("it joins them anew");
    running.until("serving");
    // It works for its users again.
    one.until(&one.submit(&flow.replace("PT6S", "PT0.1S")), "SUCCESS");
    assert_eq!(one.show(&id)["state"]["current"], "SUCCESS");
    assert_eq!(lines(&home.folder.path().join("ran")).len(), 2, "each ran once");
}

#[test]
fn postgres_a_queue_outlives_its_host() {
    let (home, _) = shared("queue");
    let mut one = Server::start_at(&home, "one", &[]);
    let two = Server::start_at(&home, "two", &[]);
    let flow = "id: narrow\nnamespace: a.b\nconcurrency: {limit: 1, behavior: QUEUE}\ntasks:\n  - {id: wait, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.5S}\n";
    let ids: Vec<String> = (0..5).map(|number| if number % 2 == 0 { &one } else { &two }.submit(flow)).collect();
    one.kill();
    for id in &ids {
        two.until(id, "SUCCESS");
    }
    let listed = two.ask(&["executions", "list", "--state", "queued"]).expect(0).stdout();
    assert_eq!(listed.lines().count(), 1, "nothing is left behind:\n{listed}");
}
