use serde_json::{Value, json};
use switchyard_model::{Path, Sources, yaml};

use super::{Properties, check_manifest};

fn docker() -> Properties {
    Properties::new(json!({
        "type": "object",
        "properties": {
            "image": { "type": ["string", "null"], "description": "The image to run." },
            "pullPolicy": { "enum": ["ALWAYS", "IF_NOT_PRESENT", "NEVER"] },
            "cpu": {
                "anyOf": [
                    { "type": "object", "properties": { "cpus": { "type": "number" } }, "additionalProperties": false },
                    { "type": "null" }
                ]
            },
            "retries": { "type": "integer", "minimum": 0 },
            "privileged": { "type": "boolean" },
            "volumes": { "type": ["array", "null"], "items": { "type": "string" } },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
            "wait": { "type": ["string", "number"] }
        },
        "required": ["image"],
        "additionalProperties": false
    }))
    .unwrap()
}

#[test]
fn before_rendering_errors_point_at_their_line() {
    let mut sources = Sources::new();
    let text = "
image: [a]
cpuu: 1
cpu: {cpuss: 2}
pullPolicy: NEVERR
retries: many
privileged: 3
volumes: {a: b}
labels: {ok: 1, bad: [x]}
";
    let id = sources.add("flow.yaml", text);
    let node = yaml::parse(&sources, id).unwrap().root;
    let found = docker().check(&node.to_json());
    let mut lines: Vec<String> = found
        .iter()
        .map(|finding| {
            let violation = finding.violation(&node, &Path::Root.key("taskRunner"));
            let help = violation.help.as_ref().map(|help| format!(" [{help}]")).unwrap_or_default();
            format!("{} {}{help}", violation.code, violation.display(&sources))
        })
        .collect();
    lines.sort_by_key(|line| line.split(':').nth(3).and_then(|line| line.parse::<u32>().ok()));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    flow::wrong_type flow.yaml:2:8: taskRunner.image: expected a text, found a list of 1 [write one text; several lines go below a `|`]
    flow::unknown_property flow.yaml:3:1: taskRunner.cpuu: unknown property `cpuu` [did you mean `cpu`?]
    flow::unknown_property flow.yaml:4:7: taskRunner.cpu.cpuss: unknown property `cpuss` [did you mean `cpus`?]
    flow::not_allowed flow.yaml:5:13: taskRunner.pullPolicy: the text "NEVERR" is none of the allowed values [did you mean `NEVER`?]
    flow::wrong_type flow.yaml:6:10: taskRunner.retries: expected a whole number, found the text "many" [write digits without quotes, or an expression that gives them]
    flow::wrong_type flow.yaml:7:13: taskRunner.privileged: expected `true` or `false`, found `3`
    flow::wrong_type flow.yaml:8:10: taskRunner.volumes: expected a list, found a map [begin each item in a line of its own with `- `]
    flow::wrong_type flow.yaml:9:22: taskRunner.labels.bad: expected a text, found a list of 1 [write one text; several lines go below a `|`]
    "#);
}

#[test]
fn expressions_are_accepted_anywhere_before_rendering() {
    let properties = json!({
        "image": "{{ inputs.image }}",
        "pullPolicy": "{{ vars.policy }}",
        "cpu": "{{ vars.cpu }}",
        "retries": "{% if x %}1{% endif %}",
        "privileged": "{{ true }}",
        "volumes": ["{{ a }}"],
        "labels": "{{ labels }}"
    });
    assert_eq!(docker().check(&properties), []);
    let found = docker().accept(properties).unwrap_err();
    assert_eq!(found.len(), 5, "after rendering they are texts like others: {found:?}");
    let one = docker().check(&json!({ "image": "a", "retries": "{{ x }}", "cpu": { "cpus": "{{ x }}", "no": 1 } }));
    assert_eq!(one.iter().map(|finding| finding.pointer.as_str()).collect::<Vec<_>>(), ["/cpu/no"]);
}

#[test]
fn texts_become_what_the_schema_wants() {
    for (name, written, expected) in [
        ("retries", json!("3"), json!(3)),
        ("retries", json!(" 3 "), json!(3)),
        ("retries", json!(3.0), json!(3)),
        ("retries", json!("3.0"), json!(3)),
        ("privileged", json!("true"), json!(true)),
        ("privileged", json!("False"), json!(false)),
        ("image", json!(2.5), json!("2.5")),
        ("image", json!(true), json!("true")),
        ("image", json!("3"), json!("3")),
        ("cpu", json!({ "cpus": "1.5" }), json!({ "cpus": 1.5 })),
        ("cpu", json!(r#"{"cpus": "2"}"#), json!({ "cpus": 2 })),
        ("cpu", json!(""), json!(null)),
        ("volumes", json!(r#"["a", 1]"#), json!(["a", "1"])),
        ("volumes", json!([1, "b"]), json!(["1", "b"])),
        ("labels", json!({ "port": 8080 }), json!({ "port": "8080" })),
        ("wait", json!("PT1S"), json!("PT1S")),
        ("wait", json!("5"), json!("5")),
    ] {
        let mut properties = json!({ "image": "a" });
        properties[name] = written.clone();
        let accepted = docker().accept(properties).map(|mut accepted| accepted[name].take());
        assert_eq!(accepted, Ok(expected), "{name}: {written}");
    }
}

#[test]
fn what_cannot_be_converted_is_refused() {
    for (name, written, message) in [
        ("retries", json!("many"), "expected a whole number, found the text \"many\""),
        ("retries", json!("1.5"), "expected a whole number, found the text \"1.5\""),
        ("retries", json!(-1), "-1 is less than the minimum of 0"),
        ("privileged", json!("yes"), "expected `true` or `false`, found the text \"yes\""),
        ("cpu", json!("[1]"), "expected a map, found the text \"[1]\""),
        ("cpu", json!(2), "expected a map, found `2`"),
        ("volumes", json!("a"), "expected a list, found the text \"a\""),
        ("labels", json!("{broken"), "expected a map, found the text \"{broken\""),
    ] {
        let mut properties = json!({ "image": "a" });
        properties[name] = written.clone();
        let found = docker().accept(properties).unwrap_err();
        let found: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(found, [message], "{name}: {written}");
    }
}

#[test]
fn an_error_of_a_task_names_type_and_property() {
    let found = docker().accept(json!({ "pullPolicy": "SOMETIMES" })).unwrap_err();
    let errors: Vec<String> = found.iter().map(|finding| finding.error("x.Docker").to_string()).collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    x.Docker: the text "SOMETIMES" is none of the allowed values (property /pullPolicy); allowed are `ALWAYS`, `IF_NOT_PRESENT`, `NEVER`
    x.Docker: `image` is required (property /image); The image to run.
    "#);
}

#[test]
fn schemas_that_are_none() {
    for schema in [json!({ "type": "nonsense" }), json!(true), json!({ "properties": 3 }), Value::Null] {
        assert!(Properties::new(schema.clone()).is_err(), "{schema}");
    }
}

#[test]
fn names_that_no_flow_could_write_are_refused() {
    for (name, code) in [("org.example.Name", None), ("Name", None), ("", Some("plugin::bad_type")), ("a name", Some("plugin::bad_type"))] {
        let manifest = json!({
            "plugin": { "id": "x", "version": "1.0.0", "api": "1.0.0", "rustc": "", "target": "", "panic": "unwind" },
            "components": [{ "kind": "task", "type": name, "schema": { "type": "object" } }]
        });
        let refused = check_manifest(&serde_json::from_value(manifest).unwrap()).err();
        assert_eq!(refused.map(|refusal| refusal.code), code.map(str::to_owned), "{name:?}");
    }
}
