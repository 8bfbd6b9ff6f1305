//! No server runs: the commands act on the journal.

use std::{fs, process::Command};

use crate::{
    lines,
    support::{Home, Running, server::Server, shell},
};

#[test]
fn what_runs_is_killed_without_a_server() {
    let home = Home::new(&["scripts"]);
    let mut server = Server::start(&home);
    let pid = home.folder.path().join("pid");
    let id = server.submit(&shell(&format!("['echo $$ > {}; exec sleep 1000']", pid.display())));
    while lines(&pid).is_empty() {
        std::thread::yield_now();
    }
    server.stop();
    server.ask(&["executions", "kill", &id]).expect(0);
    assert_eq!(server.show(&id)["state"]["current"], "KILLED");
    // It may be a zombie where nobody collects orphans.
    let command = fs::read(format!("/proc/{}/cmdline", lines(&pid)[0])).unwrap_or_default();
    assert!(command.is_empty(), "its process has ended");
    let again = server.ask(&["executions", "kill", &id]).expect(2).stderr();
    assert!(again.contains("execution::over"), "{again}");
}

#[test]
fn what_waits_is_resumed_restarted_and_replayed_by_the_next_server() {
    let home = Home::new(&["scripts"]);
    let mut server = Server::start(&home);
    let folder = home.folder.path().display().to_string();
    let paused = server.submit(
        "id: p\nnamespace: a.b\ntasks:\n  - id: ask\n    type: io.kestra.plugin.core.flow.Pause\n    onResume: [{id: why, type: STRING}]\n  - id: tell\n    type: io.kestra.plugin.core.debug.Return\n    format: '{{ outputs.ask.onResume.why }}'\n",
    );
    let failed = server.submit(&shell(&format!("['echo ran >> {folder}/ran; test -e {folder}/ok']")));
    server.until(&paused, "PAUSED");
    server.until(&failed, "FAILED");
    server.stop();
    let missing = server.ask(&["executions", "resume", &paused]).expect(2).stderr();
    assert!(missing.contains("execution::resume_inputs"), "{missing}");
    let resumed = server.ask(&["executions", "resume", &paused, "-i", "why=because"]).expect(0).stderr();
    assert!(resumed.contains("switchyard serve"), "{resumed}");
    home.file("ok", "");
    let replayed = server.ask(&["executions", "replay", &failed]).expect(0).stdout().trim().to_owned();
    server.ask(&["executions", "restart", &failed]).expect(0);
    let twice = server.ask(&["executions", "restart", &failed]).expect(2).stderr();
    assert!(twice.contains("execution::not_over"), "{twice}");
    let nobody = server.ask(&["executions", "kill", "nobody"]).expect(2).stderr();
    assert!(nobody.contains("execution::unknown"), "{nobody}");
    assert!(server.ask(&["logs", "nobody"]).expect(2).stderr().contains("execution::unknown"));
    assert_eq!(lines(&home.folder.path().join("ran")).len(), 1, "nothing runs without a server");
    server.again();
    for id in [&paused, &failed, &replayed] {
        assert_eq!(server.end(id)["state"]["current"], "SUCCESS");
    }
    assert_eq!(lines(&home.folder.path().join("ran")).len(), 3);
    let labelled = |id: &str, key: &str| {
        let document = server.show(id);
        document["labels"].as_array().unwrap().iter().any(|label| label["key"] == key && label["value"] == "true")
    };
    assert!(labelled(&failed, "system.restarted"), "{:#}", server.show(&failed));
    assert!(labelled(&replayed, "system.replay") && !labelled(&paused, "system.restarted"));
}

#[test]
fn a_directory_that_a_run_uses_is_left_to_it() {
    let home = Home::new(&["scripts"]);
    let data = home.folder.path().join("data").display().to_string();
    let gate = home.folder.path().join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    home.file("flow.yaml", shell(&format!("['echo begun > {0}.begun; read -r line < {0}']", gate.display())));
    let running = Running::start(home.command(&["run", "flow.yaml", "--data-dir", &data]));
    while !home.folder.path().join("gate.begun").exists() {
        std::thread::yield_now();
    }
    let refused = home.run(&["executions", "kill", "x", "--data-dir", &data]).expect(1).stderr();
    assert!(refused.contains("store::in_use"), "{refused}");
    fs::write(&gate, "go\n").unwrap();
    assert_eq!(running.end().0, 0);
}

#[test]
fn what_is_paused_forced_or_changed_without_a_server_goes_on_so_with_the_next() {
    let home = Home::new(&["scripts"]);
    let mut server = Server::start(&home);
    let gate = home.folder.path().join("gate");
    let folder = home.folder.path().display();
    let waits = |id: &str, limit: &str| {
        format!(
            "id: {id}\nnamespace: a.b\n{limit}tasks:\n  - id: wait\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}\n    commands: ['echo begun >> {folder}/begun-{id}; while [ ! -e {} ]; do sleep 0.05; done']\n  - id: after\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}\n    commands: ['echo after >> {folder}/after-{id}']\n",
            gate.display()
        )
    };
    let held = server.submit(&waits("held", ""));
    let first = server.submit(&waits("one", "concurrency: {limit: 1}\n"));
    let queued = server.submit(&waits("one", "concurrency: {limit: 1}\n"));
    let failed = server.submit(&shell("['exit 3']"));
    server.until(&queued, "QUEUED");
    server.until(&failed, "FAILED");
    while lines(&home.folder.path().join("begun-held")).is_empty() || lines(&home.folder.path().join("begun-one")).is_empty() {
        std::thread::yield_now();
    }
    server.stop();
    server.ask(&["executions", "pause", &held]).expect(0);
    server.ask(&["executions", "force-run", &queued]).expect(0);
    server.ask(&["executions", "change-status", &failed, "success"]).expect(0);
    let unknown = server.ask(&["executions", "change-status", &failed, "running"]).expect(2).stderr();
    assert!(unknown.contains("cli::unknown_state"), "{unknown}");
    assert_eq!(
        (server.show(&held)["state"]["current"].as_str(), server.show(&failed)["state"]["current"].as_str()),
        (Some("PAUSED"), Some("SUCCESS"))
    );
    server.again();
    while lines(&home.folder.path().join("begun-one")).len() < 2 {
        std::thread::yield_now();
    }
    fs::write(&gate, "").unwrap();
    for id in [&first, &queued] {
        assert_eq!(server.end(id)["state"]["current"], "SUCCESS");
    }
    while server.show(&held)["taskRunList"][0]["state"]["current"] != "SUCCESS" {
        std::thread::yield_now();
    }
    assert_eq!(server.show(&held)["state"]["current"], "PAUSED");
    assert!(!home.folder.path().join("after-held").exists(), "nothing new begins");
    assert!(server.ask(&["executions", "pause", &held]).expect(2).stderr().contains("execution::not_running"));
    server.ask(&["executions", "resume", &held]).expect(0);
    assert_eq!(server.end(&held)["state"]["current"], "SUCCESS");
    server.ask(&["executions", "change-status", &held, "FAILED", "--task-run", "wait"]).expect(0);
    assert_eq!(server.end(&held)["state"]["current"], "FAILED");
    assert_eq!(lines(&home.folder.path().join("begun-held")).len(), 1, "its task ran once");
}
