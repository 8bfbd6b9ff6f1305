//! The whole path as a user takes it: the built program, plugins from files, real processes.

#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, path::Path};

use serde_json::Value as Json;
use support::{Home, Running, shell};

/// The first example of the page that the product was ordered from.
const SEED_PROCESS: &str = r#"id: process_script_runner
namespace: myteam

tasks:
  - id: shell
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.core.models.script.types.ProcessTaskRunner
    commands:
      - echo "Hello World!"
"#;

#[test]
fn the_seeds_process_flow_runs_verbatim() {
    let ran = Home::new(&["scripts"]).flow(SEED_PROCESS, &[]).expect(0);
    assert_eq!(ran.said(), ["Hello World!"]);
}

#[test]
fn exit_codes() {
    let home = Home::new(&["scripts"]);
    for (flow, code) in [(shell("[\"true\"]"), 0), (shell("[\"exit 3\"]"), 1), ("nonsense".to_owned(), 2), (shell("1"), 2)] {
        home.flow(&flow, &[]).expect(code);
    }
    home.run(&["run", "absent.yaml"]).expect(2);
    home.run(&["no-such-command"]).expect(2);
}

#[test]
fn c19_every_name_of_the_process_runner() {
    let home = Home::new(&["scripts"]);
    for name in [
        "io.kestra.plugin.core.runner.Process",
        "io.kestra.core.models.tasks.runners.types.ProcessTaskRunner",
        "io.kestra.core.models.script.types.ProcessTaskRunner",
    ] {
        let flow = shell("[echo ok]").replace("io.kestra.plugin.core.runner.Process", name);
        assert_eq!(home.flow(&flow, &[]).expect(0).said(), ["ok"], "{name}");
    }
    let legacy = shell("[echo ok]").replace("taskRunner:\n      type: io.kestra.plugin.core.runner.Process", "runner: PROCESS");
    let said = home.flow(&legacy, &[]).expect(0).said();
    assert!(said.contains(&"ok".to_owned()), "{said:?}");
}

#[test]
fn json_output_is_exactly_one_document_and_logs_go_elsewhere() {
    let ran =
        Home::new(&["scripts"]).flow(&shell("[\"echo '::{\\\"outputs\\\":{\\\"k\\\":1}}::'\", \"echo seen\"]"), &["-o", "json"]).expect(0);
    let execution: Json = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(execution["state"]["current"], "SUCCESS");
    assert_eq!((&execution["namespace"], &execution["flowId"]), (&Json::from("a.b"), &Json::from("t")));
    let run = &execution["taskRunList"][0];
    assert_eq!((&run["taskId"], &run["state"]["current"], &run["outputs"]["vars"]["k"]), (&"x".into(), &"SUCCESS".into(), &1.into()));
    assert_eq!(run["attempts"].as_array().unwrap().len(), 1);
    assert!(ran.stderr().contains("seen"));
}

#[test]
fn inputs_from_values_and_files() {
    let home = Home::new(&["scripts"]);
    home.file("data.txt", "from the file");
    let flow = format!(
        "inputs: [{{id: who, type: STRING}}, {{id: file, type: FILE}}]\n{}",
        shell("[\"echo {{ inputs.who }}\", \"cat data.txt\"]") + "    inputFiles: {data.txt: \"{{ inputs.file }}\"}\n"
    );
    let ran = home.flow(&flow, &["-i", "who=me", "-i", "file=@data.txt"]).expect(0);
    assert_eq!(ran.said(), ["me", "from the file"]);
    let missing = home.flow(&flow, &["-i", "who=me"]).expect(2);
    assert!(missing.stderr().contains("file"), "{}", missing.stderr());
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_place_and_a_hint() {
    let flow = shell("[\"true\"]")
        .replace("      type: io", "      cpuss: 1\n      type: io")
        .replace("    commands", "    comands: []\n    commands");
    let ran = Home::new(&["scripts"]).flow(&flow, &[]).expect(2);
    let told = ran.stderr();
    assert!(told.contains("flow.yaml:7:7") && told.contains("unknown property `cpuss`"), "{told}");
    assert!(told.contains("flow.yaml:9:5") && told.contains("did you mean `commands`?"), "{told}");
}

#[test]
fn an_unknown_runner_is_answered_with_the_nearest_and_the_directories() {
    let home = Home::new(&["scripts"]);
    let told = home.flow(&shell("[\"true\"]").replace("runner.Process", "runner.Proces"), &[]).expect(2).stderr();
    assert!(told.contains("did you mean `io.kestra.plugin.core.runner.Process`?"), "{told}");
    assert!(told.contains(&home.plugins().display().to_string()), "{told}");
}

#[test]
fn hostile_texts_are_refused_with_a_place() {
    let home = Home::new(&[]);
    let deep = "[".repeat(100_000);
    let large = format!("id: t\nnamespace: a\nx: \"{}\"", "y".repeat(9 << 20));
    for (name, text) in [("garbage", "\u{1}{]: - \t"), ("deep", deep.as_str()), ("large", large.as_str()), ("empty", "")] {
        let ran = home.flow(text, &[]).expect(2);
        assert!(ran.stderr().contains("flow.yaml"), "{name}: {}", ran.stderr());
    }
    home.file("bytes.yaml", b"id: \xff\xfe");
    assert!(home.run(&["run", "bytes.yaml"]).expect(2).stderr().contains("UTF-8"));
}

#[test]
fn output_of_every_kind_arrives() {
    let home = Home::new(&["scripts"]);
    // One line of 100 MB: shown whole, in bounded memory.
    let ran = home.flow(&shell("[\"head -c 100000000 /dev/zero | tr '\\\\0' x\"]"), &[]).expect(0);
    assert_eq!(ran.0.stdout.iter().filter(|byte| **byte == b'x').count(), 100_000_000 + 1, "all of it, and the task's name");
    let invalid = home.flow(&shell("[\"printf 'a\\\\377b\\\\n'\"]"), &[]).expect(0);
    assert!(invalid.0.stdout.windows(3).any(|bytes| bytes == b"a\xffb"), "{}", invalid.stdout());
    let closed = home.flow(&shell("[\"exec >&- 2>&-; exit 7\"]"), &["-o", "json"]).expect(1);
    let execution: Json = serde_json::from_str(&closed.stdout()).unwrap();
    assert_eq!(execution["taskRunList"][0]["outputs"]["exitCode"], 7);
}

#[test]
fn a_grandchild_that_holds_the_pipe_does_not_hold_the_task() {
    let ran = Home::new(&["scripts"]).flow(&shell("[\"setsid sleep 60 & echo left $!\"]"), &[]).expect(0);
    let said = ran.said();
    let left = said.iter().find_map(|line| line.strip_prefix("left ")).unwrap();
    // It was left alone; it is ours to end, and it alone.
    assert!(std::process::Command::new("kill").arg(left).status().unwrap().success(), "process {left} is gone");
}

#[test]
fn signals_end_the_tasks_and_their_children_first() {
    for signal in ["INT", "TERM"] {
        let home = Home::new(&["scripts"]);
        home.file("flow.yaml", shell("[\"sleep 300 & echo child $!; wait\"]"));
        let mut running = Running::start(home.command(&["run", "flow.yaml"]));
        let line = running.until("child ");
        let pid = line.trim().rsplit(' ').next().unwrap().to_owned();
        running.signal(signal);
        let (code, told) = running.end();
        assert_eq!(code, 130, "{told}");
        let state = fs::read_to_string(Path::new("/proc").join(&pid).join("stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{signal}: process {pid} is still there: {state}");
    }
}

#[test]
fn broken_files_are_listed_with_their_reasons_and_the_others_work() {
    let home = Home::new(&["scripts"]);
    let good = fs::read(home.plugins().join("libswitchyard_plugin_scripts.so")).unwrap();
    for (name, bytes) in [("text.so", &b"hello"[..]), ("empty.so", b""), ("cut.so", &good[..good.len() / 2])] {
        fs::write(home.plugins().join(name), bytes).unwrap();
    }
    let ran = home.run(&["plugins", "list", "--json"]).expect(0);
    let rows: Json = serde_json::from_str(&ran.stdout()).unwrap();
    let text = rows.to_string();
    for name in ["text.so", "empty.so", "cut.so"] {
        assert!(text.contains(name), "{text}");
        assert!(home.plugins().join(format!("{name}.status.json")).is_file(), "{name} has no status file");
    }
    assert_eq!(home.flow(SEED_PROCESS, &[]).expect(0).said(), ["Hello World!"]);
    let check = home.run(&["plugins", "check", "plugins/cut.so"]);
    assert_ne!(check.code(), 0, "{}", check.stdout());
}

#[test]
fn plugins_and_schema_describe_what_is_loaded() {
    let home = Home::new(&["scripts", "docker"]);
    let shown = home.run(&["plugins", "show", "io.kestra.plugin.scripts.runner.docker.DockerTaskRunner"]).expect(0).stdout();
    for word in ["pullPolicy", "memory", "io.kestra.plugin.scripts.runner.docker.Docker"] {
        assert!(shown.contains(word), "{word} is missing: {shown}");
    }
    let schema: Json = serde_json::from_str(&home.run(&["schema"]).expect(0).stdout()).unwrap();
    let text = schema.to_string();
    for word in ["io.kestra.plugin.core.runner.Process", "io.kestra.plugin.scripts.runner.docker.Docker", "pullPolicy"] {
        assert!(text.contains(word), "{word} is missing from the schema");
    }
}

#[test]
fn a_missing_engine_is_named_with_its_socket() {
    let home = Home::new(&["scripts", "docker"]);
    let flow = shell("[\"true\"]").replace("io.kestra.plugin.core.runner.Process", "io.kestra.plugin.scripts.runner.docker.Docker")
        + "    containerImage: busybox\n";
    home.file("flow.yaml", flow);
    let output = home.command(&["run", "flow.yaml"]).env("DOCKER_HOST", "unix:///nonexistent/engine.sock").output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("/nonexistent/engine.sock"), "{told}");
}

#[test]
fn docker_the_seeds_flow_runs_verbatim() {
    let seed = r#"id: docker_script_runner
namespace: myteam

tasks:
  - id: shell
    type: io.kestra.plugin.scripts.shell.Commands
    containerImage: centos
    taskRunner:
      type: io.kestra.plugin.scripts.runner.docker.DockerTaskRunner
      cpu:
        cpus: 1
    commands:
      - echo "Hello World!"
"#;
    // Nothing can be pulled here; the image's name is all that the flow knows of it.
    let tagged = std::process::Command::new("docker").args(["tag", "busybox:switchyard-test", "centos"]).status().unwrap();
    assert!(tagged.success(), "the image busybox:switchyard-test is missing; `cargo xtask test` imports it");
    let home = Home::new(&["scripts", "docker"]);
    assert_eq!(home.flow(seed, &[]).expect(0).said(), ["Hello World!"]);
    let dry = home.flow(seed, &["--dry-run"]).expect(0).stdout();
    assert!(dry.contains("\"NanoCpus\": 1000000000") && dry.contains("\"Image\": \"centos:latest\""), "{dry}");
}
