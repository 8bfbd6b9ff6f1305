//! Properties of components in flows, with a real plugin.

use serde_json::json;
use switchyard_model::{Path, Sources, yaml};

use crate::host::{Host, RUNNER, TASK, misbehave};

#[test]
fn a_task_and_its_runner_are_checked_with_their_lines() {
    let registry = Host::sharing().with("m.so", &misbehave()).open();
    let mut sources = Sources::new();
    let text = format!(
        "
id: t
type: {TASK}
description: what every task has
timeout: PT5S
milliss: 3
crime: \"{{{{ inputs.crime }}}}\"
taskRunner:
  type: {RUNNER}
  crime: murder
  bytes: lots
"
    );
    let id = sources.add("flow.yaml", text);
    let node = yaml::parse(&sources, id).unwrap().root;
    let mut found = registry.check_node(&node, &Path::Root.key("tasks").index(0));
    found.sort();
    insta::assert_snapshot!(found.display(&sources), @r#"
    flow.yaml:6:1: tasks[0].milliss: unknown property `milliss`
    flow.yaml:10:10: tasks[0].taskRunner.crime: the text "murder" is none of the allowed values
    flow.yaml:11:10: tasks[0].taskRunner.bytes: expected a whole number, found the text "lots"
    "#);
}

#[test]
fn wrong_runner_types_are_told_at_their_place() {
    let registry = Host::sharing().with("m.so", &misbehave()).open();
    for (runner, code) in [
        ("{type: dev.switchyard.test.Misbehav}", "registry::unknown_type"),
        (&*format!("{{type: {TASK}}}"), "registry::wrong_kind"),
        ("{crime: nothing}", "flow::missing_property"),
        ("{type: [a]}", "flow::wrong_type"),
    ] {
        let mut sources = Sources::new();
        let id = sources.add("flow.yaml", format!("type: {TASK}\ntaskRunner: {runner}"));
        let node = yaml::parse(&sources, id).unwrap().root;
        let found = registry.check_node(&node, &Path::Root);
        let said: Vec<_> = found.iter().map(|violation| (violation.code, violation.path.as_str())).collect();
        assert_eq!(said, [(code, "taskRunner.type")], "{runner}");
    }
}

#[test]
fn rendered_properties_become_what_the_plugin_reads() {
    let registry = Host::sharing().with("m.so", &misbehave()).open();
    let accepted = registry.accept(RUNNER, json!({ "crime": "nothing", "millis": "12" }));
    assert_eq!(accepted, Ok(json!({ "crime": "nothing", "millis": 12 })));
    let error = registry.accept(RUNNER, json!({ "crime": "nothin", "millis": "soon" })).unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("flow::not_allowed", Some("/crime")), "{error}");
    assert!(
        error.to_string().contains("did you mean `nothing`?") && error.to_string().contains("/millis: expected a whole number"),
        "{error}"
    );
}

#[test]
fn the_flow_schema_knows_every_type_by_every_name() {
    let registry = Host::sharing().with("m.so", &misbehave()).open();
    let schema = registry.flow_schema();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let flow = |runner: serde_json::Value| json!({ "id": "f", "namespace": "n", "tasks": [{ "id": "t", "type": TASK, "crime": "nothing", "taskRunner": runner }] });
    for (runner, valid) in [
        (json!({ "type": RUNNER, "crime": "trace" }), true),
        (json!({ "type": RUNNER, "crime": "{{ vars.crime }}", "millis": "{{ 1 }}" }), true),
        (json!({ "type": RUNNER, "crime": "murder" }), false),
        (json!({ "type": "dev.switchyard.test.MisbehaveTaskRunner", "millis": "soon" }), false),
        (json!({ "type": RUNNER, "millis": "soon" }), false),
    ] {
        // The task itself brings no `taskRunner`; the runner is checked as the definition that editors follow.
        let definition = json!({ "$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": "#/$defs/taskRunner" });
        let runners = jsonschema::draft202012::new(&definition).unwrap();
        assert_eq!(runners.is_valid(&runner), valid, "{runner}");
    }
    assert!(!validator.is_valid(&flow(json!({}))), "this task takes no runner");
    let crime = schema.pointer("/$defs/dev.switchyard.test.Misbehave/properties/crime").unwrap();
    assert_eq!(
        (&crime["description"], &crime["markdownDescription"]),
        (&json!("Which crime to commit."), &json!("Which crime to commit."))
    );
}
