//! Packages that a Python task asks for. They come from the package index, so these run where it can be reached.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::{
    installed,
    place::{Place, command, entries, write_flow},
};

/// The helper package, unmodified: outputs, counters, timers, its logger.
#[test]
fn pypi_script_4_4_the_helper_package_works_as_it_is() {
    let lines = r#"dependencies: [kestra]
outputFiles: ["**"]
script: |
  from kestra import Kestra
  Kestra.outputs({"answer": 42, "text": "ä"})
  Kestra.counter("rows", 3, {"table": "a"})
  Kestra.counter("rows", 4, {"table": "a"})
  Kestra.timer("took", 1.5, {})
  Kestra.logger().warning("from the logger")
  print("plain")"#;
    let stage = Place::Process.stage();
    write_flow(&stage, &Place::Process.task("python.Script", lines));
    for round in ["installed", "kept"] {
        let ran = stage.finish(&mut with_index(command(&stage)));
        let document: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
        let task = &document["taskRunList"][0];
        assert_eq!(task["state"]["current"], "SUCCESS", "{round}: {}", ran.stderr);
        assert_eq!(task["outputs"]["vars"], json!({"answer": 42, "text": "ä"}), "{round}");
        assert_eq!(task["outputs"]["outputFiles"], json!({}), "nothing of ours is taken for the task's");
        let metrics = &task["attempts"][0]["metrics"];
        assert_eq!(metrics[0], json!({"name": "rows", "type": "counter", "value": 7.0, "tags": {"table": "a"}}), "{round}");
        assert_eq!((&metrics[1]["name"], &metrics[1]["type"]), (&json!("took"), &json!("timer")), "{round}");
        let log = entries(&ran.stderr);
        let said = |level: &str, part: &str| log.iter().any(|(its, text)| its == level && text.contains(part));
        assert!(said("INFO", "plain") && said("WARN", "from the logger"), "{round}: {}", ran.stderr);
        // The second round needs no index any more.
        let folder = stage.path("cache").join("switchyard/python");
        let kept = fs::read_dir(folder)
            .unwrap()
            .filter(|entry| {
                entry.as_ref().unwrap().path().join("kestra").exists() || entry.as_ref().unwrap().path().join("kestra.py").exists()
            })
            .count();
        assert_eq!(kept, 1, "{round}");
    }
}

#[test]
fn pypi_script_1_2_a_package_that_does_not_exist_fails_and_says_so() {
    let lines = "dependencies: [\"switchyard-no-such-package==0\"]\ncommands: [echo never]";
    let stage = Place::Process.stage();
    write_flow(&stage, &Place::Process.task("python.Commands", lines));
    let ran = stage.finish(&mut with_index(command(&stage)));
    assert!(ran.stderr.contains("the packages cannot be installed: switchyard-no-such-package==0"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("| never"), "{}", ran.stderr);
}

/// A wheel with one module, made by hand.
fn wheel(folder: &Path) {
    let program = r#"import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("tiny.py", "answer = 42\n")
    info = {"METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n", "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    for name, text in info.items(): wheel.writestr("tiny-1.dist-info/" + name, text)
    wheel.writestr("tiny-1.dist-info/RECORD", "tiny.py,,\ntiny-1.dist-info/METADATA,,\ntiny-1.dist-info/WHEEL,,\ntiny-1.dist-info/RECORD,,\n")
"#;
    let made = Command::new("python3").args(["-c", program]).arg(folder.join("tiny-1-py3-none-any.whl")).status();
    assert!(made.unwrap().success());
}

/// A pip that Python reads as it lies; `cargo xtask test` brings it.
fn pip(wheels: &Path) -> String {
    let names = fs::read_dir(wheels).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().find(|name| name.starts_with("pip-")).unwrap()
}

#[test]
fn docker_script_1_2_packages_are_kept_for_later_containers() {
    let stage = Place::Docker.stage();
    wheel(&stage.path("home"));
    let wheels = installed::python("aws").join("../../wheels");
    let allowed =
        "plugins:\n  configurations:\n    - type: io.kestra.plugin.scripts.runner.docker.Docker\n      values: {volume-enabled: true}\n";
    stage.write("switchyard.yaml", allowed);
    for (round, links) in [("installed", "/own"), ("kept", "/nowhere")] {
        // The Python of this machine, in a container.
        let task = format!(
            r#"  - id: x
    type: io.kestra.plugin.scripts.python.Script
    containerImage: busybox:switchyard-test
    taskRunner:
      type: io.kestra.plugin.scripts.runner.docker.Docker
      pullPolicy: NEVER
      volumes: ["/usr:/usr:ro", "/lib:/lib:ro", "/lib64:/lib64:ro", "{wheels}:/pip:ro", "{own}:/own:ro"]
    env: {{PATH: "/usr/bin:/bin", PYTHONPATH: "/pip/{pip}", PIP_NO_INDEX: "1", PIP_FIND_LINKS: "{links}"}}
    packageManager: PIP
    dependencies: [tiny]
    outputFiles: ["**"]
    script: |
      import tiny
      print(tiny.answer)
"#,
            wheels = fs::canonicalize(&wheels).unwrap().display(),
            own = stage.path("home").display(),
            pip = pip(&wheels),
        );
        write_flow(&stage, &task);
        let ran = stage.finish(command(&stage).args(["--data-dir", "data"]));
        let document: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
        let task = &document["taskRunList"][0];
        assert_eq!(task["state"]["current"], "SUCCESS", "{round}: {}", ran.stderr);
        assert_eq!(task["outputs"]["outputFiles"], json!({}), "nothing of ours is taken for the task's");
        assert!(entries(&ran.stderr).contains(&("INFO".to_owned(), "42".to_owned())), "{round}: {}", ran.stderr);
    }
}

/// The package index of the surroundings, which a stage otherwise hides.
fn with_index(mut command: Command) -> Command {
    let settings = std::env::vars().filter(|(name, _)| {
        let upper = name.to_ascii_uppercase();
        name.starts_with("PIP_")
            || name.starts_with("UV_")
            || upper.ends_with("_PROXY")
            || upper.contains("SSL_CERT")
            || upper.ends_with("CA_BUNDLE")
    });
    command.envs(settings);
    if let Some(home) = std::env::var_os("HOME") {
        // Its configuration of pip, and a uv that is there.
        command.env("HOME", home);
    }
    command
}
