//! What a real YAML language server makes of `switchyard schema`: completion, mistakes, documentation.
//!
//! `cargo xtask test` installs the server; without it, `SWITCHYARD_YAML_LANGUAGE_SERVER` names its `server.js`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value as Json;

use crate::support::Home;

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/author/language_server.mjs");

fn server() -> PathBuf {
    if let Some(path) = env::var_os("SWITCHYARD_YAML_LANGUAGE_SERVER") {
        return path.into();
    }
    let cache = env::var_os("XDG_CACHE_HOME").map_or_else(|| env::home_dir().unwrap().join(".cache"), PathBuf::from);
    cache.join("switchyard/npm/node_modules/yaml-language-server/out/server/src/server.js")
}

/// What the server says about a document with `<|>` where the cursor is.
fn ask(home: &Home, document: &str) -> Json {
    let server = server();
    assert!(server.is_file(), "{} is missing; `cargo xtask test` installs it", server.display());
    let file = home.file("flow.yaml", document);
    let output = Command::new("node").arg(CLIENT).arg(&server).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn flow(runner: &str) -> String {
    format!(
        "# yaml-language-server: $schema=flow.schema.json\nid: a\nnamespace: b\ntasks:\n  - id: hello\n    \
         type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner:\n{runner}    commands:\n      - echo\n"
    )
}

#[test]
fn editor_completes_marks_and_explains_the_properties_of_each_runner() {
    let home = Home::new(&["scripts", "docker"]);
    let schema = home.run(&["schema"]);
    assert_eq!(schema.code(), 0, "{}", schema.stderr());
    home.file("flow.schema.json", schema.stdout());
    assert!(Path::new(CLIENT).is_file());
    let docker = "      type: io.kestra.plugin.scripts.runner.docker.Docker\n";
    let old = "      type: io.kestra.core.models.script.types.DockerTaskRunner\n";

    for runner in [docker, old] {
        let labels = ask(&home, &flow(&format!("{runner}      <|>\n")))["labels"].clone();
        for name in ["pullPolicy", "memory", "networkMode"] {
            assert!(labels.as_array().unwrap().iter().any(|label| label == name), "{name} is not offered below {runner}: {labels}");
        }
    }
    let process = ask(&home, &flow("      type: io.kestra.plugin.core.runner.Process\n      <|>\n"));
    assert!(!process["labels"].to_string().contains("pullPolicy"), "offered for a runner that has no such property: {process}");

    let types = ask(&home, &flow("      type: <|>\n"))["labels"].to_string();
    assert!(types.contains("docker.Docker") && types.contains("core.runner.Process"), "{types}");

    let typo = ask(&home, &flow(&format!("{docker}      pullPolice: ALWAYS<|>\n")))["diagnostics"].to_string();
    assert!(typo.contains("9: ") && typo.contains("pullPolice"), "{typo}");
    let value = ask(&home, &flow(&format!("{docker}      pullPolicy: SOMETIMES<|>\n")))["diagnostics"].clone();
    assert!(!value.as_array().unwrap().is_empty(), "a wrong value is not marked");
    let right = ask(&home, &flow(&format!("{docker}      pullPo<|>licy: ALWAYS\n      memory:\n        memory: 64MB\n")));
    assert_eq!(right["diagnostics"], Json::Array(Vec::new()));
    assert!(right["hover"].as_str().unwrap().contains("When to pull the image"), "{right}");
}
