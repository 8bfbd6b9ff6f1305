//! Recordings of the plugin boundary: made, read, replayed.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use crate::stage::{PROCESS, SHELL, Stage};

const RUNNER: &str = "dev.switchyard.test.Misbehave";

/// One task; `more` are lines of the task, `runner` of its runner.
fn flow(stage: &Stage, runner: &str, more: &str, commands: &str) {
    stage.write(
        "flow.yaml",
        format!("id: flow\nnamespace: tests\ntasks:\n  - id: task\n    type: {SHELL}\n{more}    taskRunner: {{{runner}}}\n    commands: [{commands}]\n"),
    );
}

fn recordings(stage: &Stage) -> Vec<PathBuf> {
    fs::read_dir(stage.path("r")).map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

fn only(stage: &Stage) -> String {
    let found = recordings(stage);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].display().to_string()
}

#[test]
fn a_task_on_a_process_is_recorded_without_its_secrets_and_replayed() {
    let stage = Stage::new();
    flow(
        &stage,
        &format!("type: {PROCESS}"),
        "    env: {TOKEN: \"{{ secret('TOKEN') }}\"}\n    inputFiles: {in.txt: some text}\n",
        "'cat in.txt; echo $TOKEN; printf very; printf secret; exit 3'",
    );
    let secret = "dmVyeXNlY3JldA==";
    let ran = stage.finish(stage.command(["run", "flow.yaml", "--record", "r"]).env("SECRET_TOKEN", secret)).expect(1);
    assert!(!ran.stderr.contains("cannot"), "{}", ran.stderr);
    let file = only(&stage);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("verysecret") && !text.contains(secret) && text.contains("******"), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "for the host's user alone");

    let list = stage.switchyard(&["plugins", "recording", "r"]).expect(0).text();
    assert!(list.contains("tests.flow.task #0") && list.contains("FAILED"), "{list}");
    let shown = stage.switchyard(&["plugins", "recording", &file]).expect(0).text();
    for part in [
        "values are masked",
        "digest only",
        "plan io.kestra",
        "preview io.kestra",
        "phase      running",
        r#"{"exitCode":3}"#,
        "scripts 0.1.0",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let offline = stage.switchyard(&["plugins", "replay", &file]).expect(0).text();
    assert!(offline.contains("3 as recorded, 0 different, 1 not made") && offline.contains("`--real`"), "{offline}");
    // For real it lacks its file and its secret, and says so.
    let real = stage.switchyard(&["plugins", "replay", &file, "--real"]).expect(1).text();
    assert!(real.contains("files were missing") && real.contains("in.txt"), "{real}");
    stage.write("in.txt", "some text");
    let given = ["plugins", "replay", &file, "--real", "--files", ".", "--set", "/command/env/TOKEN=verysecret", "--write", "new.jsonl"];
    let real = stage.switchyard(&given).expect(0).text();
    assert!(real.contains("4 as recorded"), "{real}");
    let written = fs::read_to_string(stage.path("new.jsonl")).unwrap();
    assert!(!written.contains("verysecret"), "{written}");
    stage.switchyard(&["plugins", "replay", "new.jsonl", "--json"]).expect(0);

    let json = stage.switchyard(&["plugins", "replay", "r", "--json"]).expect(0).json();
    assert_eq!(json[0]["report"]["rows"][1]["verdict"], "passed", "{json}");
    let wrong = stage.switchyard(&["plugins", "replay", "flow.yaml"]).expect(2);
    assert!(wrong.stderr.contains("cli::not_a_recording") && wrong.stderr.contains("line 1"), "{}", wrong.stderr);
}

#[test]
fn only_what_fails_is_kept_where_that_is_asked_for() {
    let stage = Stage::new();
    let task = |id: &str, command: &str| {
        format!("  - {{id: {id}, type: {SHELL}, allowFailure: true, taskRunner: {{type: {PROCESS}}}, commands: [{command}]}}\n")
    };
    let tasks = [task("good", "'true'"), task("bad", "'false'"), task("worse", "'exit 4'")].concat();
    stage.write("flow.yaml", format!("id: flow\nnamespace: tests\ntasks:\n{tasks}"));
    stage.switchyard(&["run", "flow.yaml", "--record", "r", "--record-failed"]).expect(0);
    let names: Vec<String> = recordings(&stage).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.len() == 2 && names.iter().all(|name| !name.contains(".good.")), "{names:?}");
    // The configuration does the same, for some tasks, and forgets the oldest.
    fs::remove_dir_all(stage.path("r")).unwrap();
    stage.write("switchyard.yaml", "plugins:\n  record:\n    directory: r\n    tasks: [w*]\n    flows: [tests.*]\n    keep: 2\n");
    for _ in 0..3 {
        stage.switchyard(&["run", "flow.yaml"]).expect(0);
    }
    let names: Vec<String> = recordings(&stage).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.len() == 2 && names.iter().all(|name| name.contains(".worse.")), "{names:?}");
    for other in ["flows: [other.*]", "types: ['*.Docker']"] {
        fs::remove_dir_all(stage.path("r")).unwrap();
        stage.write("switchyard.yaml", format!("plugins:\n  record:\n    directory: r\n    {other}\n"));
        stage.switchyard(&["run", "flow.yaml"]).expect(0);
        fs::create_dir_all(stage.path("r")).unwrap();
        assert!(recordings(&stage).is_empty(), "{other}");
    }
}

/// Both modes; what ended is compared with itself.
#[test]
fn crimes_are_recorded_and_committed_again() {
    for isolation in ["in-process", "subprocess"] {
        let stage = Stage::new();
        stage.bring("misbehave");
        stage.write("switchyard.yaml", format!("plugins: {{isolation: {isolation}}}\n"));
        for (crime, more, code, shown) in [
            ("panic-in-run", "", 1, "error [plugin::panic]"),
            ("invalid-utf8", "", 0, "good"),
            ("heed-cancellation", "    timeout: PT0.4S\n", 1, "Timeout, "),
        ] {
            let _ = fs::remove_dir_all(stage.path("r"));
            flow(&stage, &format!("type: {RUNNER}, crime: {crime}"), more, "'true'");
            stage.switchyard(&["run", "flow.yaml", "--record", "r"]).expect(code);
            let file = only(&stage);
            let text = stage.switchyard(&["plugins", "recording", &file, "--full"]).expect(0).text();
            assert!(text.contains(shown) && text.contains(isolation), "{crime} {isolation}: {text}");
            let other = if isolation == "subprocess" { "in-process" } else { "subprocess" };
            let again = stage.switchyard(&["plugins", "replay", &file, "--real", "--isolation", other]).expect(0).text();
            assert!(again.contains("4 as recorded"), "{crime} {isolation} {other}: {again}");
        }
    }
}

/// A crash of the host leaves the recording up to the crash; a replay survives it, and says what is different.
#[test]
fn a_crash_is_recorded_up_to_its_moment() {
    let stage = Stage::new();
    stage.bring("misbehave");
    flow(&stage, &format!("type: {RUNNER}, crime: exit"), "", "'true'");
    stage.switchyard(&["run", "flow.yaml", "--record", "r", "--record-failed"]).expect(7);
    let file = only(&stage);
    let shown = stage.switchyard(&["plugins", "recording", &file]).expect(0).text();
    assert!(shown.contains("the host ended first"), "{shown}");
    let replayed = stage.switchyard(&["plugins", "replay", &file, "--real"]).expect(1).text();
    for part in ["DIFFERS", "recorded none, since the host ended during the call", "plugin::process_died", "3 as recorded"] {
        assert!(replayed.contains(part), "{part}: {replayed}");
    }
    // In a process of its own the crash is an answer, and it is the same one again.
    fs::remove_dir_all(stage.path("r")).unwrap();
    stage.write("switchyard.yaml", "plugins: {isolation: subprocess}\n");
    stage.switchyard(&["run", "flow.yaml", "--record", "r", "--record-failed"]).expect(1);
    stage.switchyard(&["plugins", "replay", "r", "--real"]).expect(0);
}

#[test]
fn a_flood_does_not_fill_the_disk() {
    let stage = Stage::new();
    stage.bring("misbehave");
    stage.write("switchyard.yaml", "plugins:\n  record: {directory: r, only: all, size: 100KB}\n");
    flow(&stage, &format!("type: {RUNNER}, crime: flood-logs, bytes: 20000000"), "", "'true'");
    stage.switchyard(&["run", "flow.yaml", "--no-logs"]).expect(0);
    let file = only(&stage);
    let size = fs::metadata(&file).unwrap().len();
    assert!(size < 1 << 20, "{size}");
    let shown = stage.switchyard(&["plugins", "recording", &file]).expect(0).text();
    assert!(shown.contains("bytes of standard output and 0 of standard error are not in the file"), "{shown}");
    stage.switchyard(&["plugins", "replay", &file, "--real"]).expect(0);
}

/// Its command is run for real again, and everything before is compared without an engine.
#[test]
fn docker_a_container_is_recorded_and_replayed() {
    let stage = Stage::with_docker();
    let docker = "type: io.kestra.plugin.scripts.runner.docker.Docker, pullPolicy: NEVER";
    let more = "    containerImage: busybox:switchyard-test\n    inputFiles: {in.txt: some text}\n";
    flow(&stage, docker, more, "'cat in.txt; exit 3'");
    stage.switchyard(&["run", "flow.yaml", "--record", "r", "--record-failed", "--record-content", "1KB"]).expect(1);
    let file = only(&stage);
    let library = stage.path("plugins/libswitchyard_plugin_docker.so").display().to_string();
    let away = ["plugins", "replay", &file, "--plugin", &library];
    let offline = stage.finish(stage.command(away).env("DOCKER_HOST", "tcp://127.0.0.1:9")).expect(0).text();
    assert!(offline.contains("2 as recorded, 0 different, 2 not made"), "{offline}");
    let real = stage.switchyard(&["plugins", "replay", &file, "--plugin", &library, "--real"]).expect(0).text();
    assert!(real.contains("3 as recorded, 0 different, 1 not made"), "{real}");
    let gone = stage.finish(stage.command(away).arg("--real").env("DOCKER_HOST", "tcp://127.0.0.1:9")).expect(1).text();
    assert!(gone.contains("answer: recorded exit code 3, now the error docker::"), "{gone}");
}
