use serde_json::json;
use switchyard_plugin_api::PlanContext;

use crate::plugin;

#[test]
fn plans() {
    let task = plugin().find_task("io.kestra.plugin.azure.cli.AzCLI").unwrap();
    let plan = |properties| task.plan(&properties, &PlanContext::default()).unwrap();
    insta::assert_json_snapshot!([
        plan(json!({"commands": ["az group list", "true"], "password": "without a user"})),
        plan(
            json!({"commands": ["x"], "beforeCommands": ["y"], "username": "it's me", "password": "p", "tenant": "t", "servicePrincipal": true})
        ),
        plan(json!({"commands": ["x"], "username": "u"})),
    ]);
}

#[test]
fn the_schema_is_closed_and_described() {
    let manifest = plugin().manifest();
    let component = manifest.components.iter().find(|component| component.type_name.ends_with("AzCLI")).unwrap();
    assert_eq!(component.schema["required"], json!(["commands"]));
    assert_eq!(component.schema["additionalProperties"], json!(false));
    for (name, property) in component.schema["properties"].as_object().unwrap() {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}
