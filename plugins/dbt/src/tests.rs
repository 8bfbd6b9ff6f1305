//! The plans of all tasks, and what the schema says.

use serde_json::{Value, json};
use switchyard_plugin_api::{Paths, Plan, PlanContext};

use crate::plugin;

fn plan(task: &str, properties: &Value) -> Plan {
    let context = PlanContext { paths: Paths { working_dir: "/wd".into(), ..Paths::default() }, ..PlanContext::default() };
    plugin().find_task(&format!("io.kestra.plugin.dbt.cli.{task}")).unwrap().plan(properties, &context).unwrap()
}

#[test]
fn every_word() {
    let mut table = String::new();
    for task in ["Build", "Run", "Test", "Seed", "Snapshot", "Compile", "Deps", "List", "Freshness"] {
        table.push_str(&format!("{task}: {}\n", plan(task, &json!({})).argv[2].lines().last().unwrap()));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_property_of_a_word() {
    let mut table = String::new();
    for properties in [
        json!({}),
        json!({"failFast": true, "warnError": true, "debug": true}),
        json!({"projectDir": "/sub", "dbtPath": "my dbt", "thread": 4, "fullRefresh": true, "target": "prod", "selector": "nightly"}),
        json!({"select": ["a+", "tag:x y"], "exclude": ["b"], "profiles": {"p": {"target": "dev"}}}),
    ] {
        let plan = plan("Run", &properties);
        table.push_str(&format!("{properties}\n{}\n{:?}\n{:?}\n\n", plan.argv[2], plan.files, plan.env));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_command_line_task() {
    insta::assert_json_snapshot!([
        plan("DbtCLI", &json!({"commands": ["dbt deps", "echo done"]})),
        plan(
            "DbtCLI",
            &json!({"commands": ["dbt build"], "projectDir": "sub", "profiles": "p: {}", "logFormat": "NONE", "engine": "FUSION", "failFast": false, "beforeCommands": ["x"]})
        ),
    ]);
}

#[test]
fn the_setup() {
    insta::assert_json_snapshot!([
        plan("Setup", &json!({"profiles": {"p": 1}, "requirements": ["dbt-core<2", "dbt-duckdb"], "exitOnFailed": true})),
        plan("Setup", &json!({"profiles": "p: 1", "requirements": [], "pythonPath": "python3"})),
    ]);
}

#[test]
fn the_schemas_are_closed_and_described() {
    let components = plugin().manifest().components;
    assert_eq!(components.len(), 11);
    for component in components {
        let name = &component.type_name;
        assert_eq!(component.schema["additionalProperties"], json!(false), "{name}");
        for (property, schema) in component.schema["properties"].as_object().unwrap() {
            assert!(schema["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} {property}");
        }
        assert!(component.description.examples[0].flow.contains(name.as_str()), "{name}");
        assert_eq!(component.planned, name.ends_with("Setup"), "{name}");
    }
}
