//! The JSON Schema that editors use and the host's own check must agree.

use serde_json::Value;
use switchyard_model::{Flow, Sources, schema, yaml};

const FLOWS: [(&str, &str); 9] = [
    ("process", include_str!("flows/process_script_runner.yaml")),
    ("docker", include_str!("flows/docker_script_runner.yaml")),
    ("kubernetes", include_str!("flows/kubernetes_script_runner.yaml")),
    ("kubernetes python", include_str!("flows/kubernetes_python_runner.yaml")),
    ("aws", include_str!("flows/aws_batch_runner.yaml")),
    ("gcp", include_str!("flows/gcp_batch_runner.yaml")),
    ("azure", include_str!("flows/azure_batch_runner.yaml")),
    ("before 0.16", include_str!("flows/python_in_container.yaml")),
    ("flowables", include_str!("flows/flowables.yaml")),
];

fn read(text: &str) -> (Value, bool, String) {
    let mut sources = Sources::new();
    let source = sources.add("flow.yaml", text);
    let root = yaml::parse(&sources, source).unwrap_or_else(|found| panic!("{found}")).root;
    let (flow, found) = Flow::from_node(&root);
    (root.to_json(), flow.is_some(), found.display(&sources).to_string())
}

#[test]
fn what_the_host_accepts_the_editor_accepts() {
    let validator = jsonschema::validator_for(&schema::flow(&[])).unwrap();
    for (name, text) in FLOWS {
        let (json, accepted, found) = read(text);
        let complaints: Vec<String> = validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(accepted, "{name}: {found}");
        assert_eq!(complaints, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_the_host_refuses_for_its_shape_the_editor_refuses() {
    let validator = jsonschema::validator_for(&schema::flow(&[])).unwrap();
    for (name, lines) in [
        ("unknown property", "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: m, mesage: x}]"),
        ("unknown property under an old type name", "tasks: [{id: a, type: io.kestra.core.tasks.log.Log, mesage: x}]"),
        ("missing property", "tasks: [{id: a, type: io.kestra.plugin.core.log.Log}]"),
        ("wrong type", "tasks: [{id: a, type: io.kestra.plugin.core.flow.Parallel, concurrent: many, tasks: []}]"),
        ("wrong choice", "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: m, level: LOUD}]"),
        ("wrong child", "tasks: [{id: a, type: io.kestra.plugin.core.flow.Sequential, tasks: [{id: b}]}]"),
        ("wrong retry", "tasks: [{id: a, type: x.Y}]\nretry: {type: random, interval: PT1S}"),
        ("wrong input", "tasks: [{id: a, type: x.Y}]\ninputs: [{id: i, type: ARRAY}]"),
        ("wrong trigger", "tasks: [{id: a, type: x.Y}]\ntriggers: [{id: t, type: io.kestra.plugin.core.trigger.Schedule}]"),
        ("wrong id", "tasks: [{id: a, type: x.Y}]\noutputs: [{id: _x, value: v}]"),
        ("wrong top level", "tasks: [{id: a, type: x.Y}]\ntask: []"),
    ] {
        let (json, accepted, _) = read(&format!("id: f\nnamespace: n\n{lines}\n"));
        assert!(!accepted, "{name}: the host accepts it");
        assert!(!validator.is_valid(&json), "{name}: the editor accepts it");
    }
}
