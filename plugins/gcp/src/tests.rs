use serde_json::json;
use switchyard_plugin_api::{Paths, PlanContext};

use crate::plugin;

#[test]
fn plans() {
    let task = plugin().find_task("io.kestra.plugin.gcp.cli.GCloudCLI").unwrap();
    let context = PlanContext { paths: Paths { working_dir: "/wd".into(), ..Paths::default() }, ..PlanContext::default() };
    let plan = |properties| task.plan(&properties, &context).unwrap();
    insta::assert_json_snapshot!([
        plan(json!({"commands": ["gcloud info", "gsutil ls"]})),
        plan(json!({"commands": ["x"], "beforeCommands": ["y"], "projectId": "p", "serviceAccount": "{\"type\": \"service_account\"}"})),
        plan(json!({"commands": ["x"], "serviceAccount": {"type": "service_account"}})),
        plan(json!({"commands": ["x"], "serviceAccount": ""})),
    ]);
}

#[test]
fn the_schema_is_closed_and_described() {
    let manifest = plugin().manifest();
    let component = manifest.components.iter().find(|component| component.type_name.ends_with("GCloudCLI")).unwrap();
    assert_eq!(component.schema["required"], json!(["commands"]));
    assert_eq!(component.schema["additionalProperties"], json!(false));
    for (name, property) in component.schema["properties"].as_object().unwrap() {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}
