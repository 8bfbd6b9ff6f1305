//! The plans, and the table.

use serde_json::{Map, Value, json};
use switchyard_plugin_api::{Plan, PlanContext};

use crate::{
    connector::Named,
    connectors::taps,
    plugin,
    tap::{Properties, Tap},
};

fn shown(plan: &Plan) -> String {
    let files: Vec<String> = plan
        .files
        .iter()
        .filter(|file| file.path.ends_with(".json"))
        .map(|file| format!("{}: {}", file.path, file.content.trim()))
        .collect();
    format!("{}\n{:?} {:?}\n{}\n\n", plan.argv[2], plan.env, plan.wanted, files.join("\n"))
}

fn read<N: Named>(written: Value, catalog: Option<&Value>) -> String {
    let properties: Properties<N::Config> = serde_json::from_value(written).unwrap();
    let tap = Tap::<N>::default();
    let state: Map<String, Value> = json!({"at": 1}).as_object().unwrap().clone();
    shown(&tap.discovery(&properties).unwrap()) + &shown(&tap.reading(&properties, catalog, &state).unwrap())
}

#[test]
fn plans_of_taps() {
    let catalog = json!({"streams": []});
    let text =
        read::<taps::GenericTap>(json!({"pipPackages": ["tap-x==1"], "configs": {"a": 1}, "streamsConfigurations": []}), Some(&catalog))
            + &read::<taps::GenericTap>(json!({"pipPackages": [], "command": "my tap", "configs": {}, "features": ["STATE"]}), None)
            + &read::<taps::PipelinewisePostgres>(
                json!({"username": "u", "dbName": "d", "port": 5432, "taskRunner": {"type": "x"}}),
                Some(&catalog),
            )
            + &read::<taps::Marketo>(json!({"clientId": "c"}), None);
    insta::assert_snapshot!(text);
}

#[test]
fn plans_of_targets() {
    let mut text = String::new();
    for (name, written) in [
        ("GenericTarget", json!({"from": "kestra:///a.jsonl", "pipPackages": ["target-x"], "configs": {"a": 1}})),
        ("Csv", json!({"from": "kestra:///a.jsonl", "delimiter": ";", "quoteCharacters": "'"})),
        ("PipelinewiseSnowflake", json!({"from": "kestra:///a.jsonl", "username": "u", "batchSizeRows": 5})),
    ] {
        let task = plugin().find_task(&format!("io.kestra.plugin.singer.targets.{name}")).unwrap();
        text.push_str(&shown(&task.plan(&written, &PlanContext::default()).unwrap()));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_connector_of_the_table() {
    let components = plugin().manifest().components;
    assert_eq!(components.len(), 29 + 1 + 10 + 1);
    let mut table = String::new();
    for component in components {
        let own = component.description.docs.lines().next().unwrap_or_default();
        table.push_str(&format!("{}: {own}\n", component.type_name.trim_start_matches("io.kestra.plugin.singer.")));
        assert!(component.description.examples[0].flow.contains(&component.type_name));
        assert!(component.schema["properties"]["stateName"]["description"].is_string());
    }
    insta::assert_snapshot!(table);
}
