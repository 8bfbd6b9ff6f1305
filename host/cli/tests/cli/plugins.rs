//! `plugins` and `schema`: what is there, and why something is not.

use serde_json::Value as Json;

use crate::stage::{PROCESS, SHELL, Stage};

const DOCKER: &str = "io.kestra.plugin.scripts.runner.docker.Docker";

#[test]
fn broken_files_have_their_reasons_and_harm_nobody() {
    let stage = Stage::new();
    let whole = std::fs::read(stage.path("plugins/libswitchyard_plugin_scripts.so")).unwrap();
    for (name, content) in [("text.so", b"no library".as_slice()), ("empty.so", b""), ("truncated.so", &whole[..whole.len() / 2])] {
        stage.write(&format!("plugins/{name}"), content);
    }
    let rows = stage.switchyard(&["plugins", "list", "--json"]).expect(0).json();
    let rows = rows.as_array().unwrap();
    let mut reasons = Vec::new();
    for row in rows.iter().filter(|row| row["state"] == "refused") {
        let name = row["file"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(stage.path(format!("plugins/{name}.status.json")).is_file(), "{name} has no note beside it");
        reasons.push(format!("{name} [{}]: {}", row["code"].as_str().unwrap(), row["reason"].as_str().unwrap()));
    }
    reasons.sort();
    // Sizes are those of this build.
    let shown = reasons.join("\n").replace(&whole.len().to_string(), "[WHOLE]").replace(&(whole.len() / 2).to_string(), "[HALF]");
    insta::assert_snapshot!(shown);
    let shell = rows.iter().find(|row| row["type"] == SHELL).unwrap();
    assert_eq!((&shell["kind"], &shell["plugin"], &shell["state"]), (&"task".into(), &"scripts".into(), &"ready".into()));

    stage.shell(&["echo works"]);
    assert_eq!(stage.switchyard(&["run", "flow.yaml"]).expect(0).log(), ["works"]);
    let table = stage.switchyard(&["plugins", "list"]).expect(0).shown();
    for line in [&*reasons[0], "searched: [DIR]/plugins"] {
        let (name, reason) = line.split_once(' ').unwrap();
        let reason = reason.split_once("]: ").map_or(reason, |(_, reason)| reason);
        assert!(table.contains(name) && table.contains(reason), "{line} is not in\n{table}");
    }
}

#[test]
fn a_check_takes_a_file_through_every_gate() {
    let stage = Stage::with_docker();
    let good = stage.switchyard(&["plugins", "check", "plugins/libswitchyard_plugin_docker.so", "--json"]).expect(0).json();
    let gates = good.as_array().unwrap();
    assert!(gates.len() > 4 && gates.iter().all(|gate| gate["verdict"] == "passed"), "{good}");
    stage.write("plugins/text.so", "no library");
    let bad = stage.switchyard(&["plugins", "check", "plugins/text.so"]).expect(1).shown();
    assert!(bad.contains("FAILED") && bad.ends_with("plugins/text.so would be refused\n"), "{bad}");
}

#[test]
fn a_type_is_shown_by_each_of_its_names() {
    let stage = Stage::with_docker();
    for name in [DOCKER, "io.kestra.plugin.scripts.runner.docker.DockerTaskRunner"] {
        let shown = stage.switchyard(&["plugins", "show", name, "--json"]).expect(0).json();
        assert_eq!(shown["type"], DOCKER, "{name}");
        assert!(shown["schema"]["properties"]["pullPolicy"].is_object(), "{name}");
    }
    let text = stage.switchyard(&["plugins", "show", DOCKER]).expect(0).text();
    for part in ["also: io.kestra.plugin.scripts.runner.docker.DockerTaskRunner", "\nProperties\n", "cpu.cpus", "\nExample: "] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn an_empty_directory_still_has_the_process_runner() {
    let stage = Stage::bare();
    let rows = stage.switchyard(&["plugins", "list", "--json"]).expect(0).json();
    let types: Vec<&Json> = rows.as_array().unwrap().iter().map(|row| &row["type"]).collect();
    assert_eq!(types, [PROCESS]);
}

#[test]
fn a_directory_that_does_not_exist_is_named() {
    let stage = Stage::bare();
    let ran = stage.switchyard(&["plugins", "list", "--plugins", "absent"]).expect(0);
    assert!(ran.text().contains("absent missing"), "{}", ran.text());
}

#[test]
fn the_schema_knows_every_runner() {
    let schema = Stage::with_docker().switchyard(&["schema"]).expect(0).json();
    let mut names = Vec::new();
    constants(&schema, &mut names);
    for name in [PROCESS, DOCKER, SHELL, "io.kestra.plugin.scripts.runner.docker.DockerTaskRunner"] {
        assert!(names.contains(&name), "{name} is no value of a `type`");
    }
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"), "{}", schema["$schema"]);
}

/// What `const` and `enum` allow.
fn constants<'a>(schema: &'a Json, found: &mut Vec<&'a str>) {
    match schema {
        Json::Object(map) => {
            found.extend(map.get("const").and_then(Json::as_str));
            found.extend(map.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str));
            map.values().for_each(|value| constants(value, found));
        }
        Json::Array(items) => items.iter().for_each(|item| constants(item, found)),
        _ => {}
    }
}
