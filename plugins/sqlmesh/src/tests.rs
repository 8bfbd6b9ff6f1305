use serde_json::json;
use switchyard_plugin_api::PlanContext;

use crate::plugin;

#[test]
fn plans() {
    let task = plugin().find_task("io.kestra.plugin.sqlmesh.cli.SQLMeshCLI").unwrap();
    let plan = |properties| task.plan(&properties, &PlanContext::default()).unwrap();
    insta::assert_json_snapshot!([
        plan(json!({"commands": ["sqlmesh plan --auto-apply", "sqlmesh audit"]})),
        plan(json!({"commands": ["sqlmesh run"], "beforeCommands": ["pip list"]})),
    ]);
}

#[test]
fn the_schema_is_closed_and_described() {
    let component = &plugin().manifest().components[0];
    assert_eq!(component.schema["required"], json!(["commands"]));
    assert_eq!(component.schema["additionalProperties"], json!(false));
    for name in
        ["commands", "beforeCommands", "taskRunner", "containerImage", "docker", "env", "inputFiles", "outputFiles", "namespaceFiles"]
    {
        assert!(component.schema["properties"][name]["description"].is_string(), "{name}");
    }
    assert!(component.description.examples[0].flow.contains(&component.type_name));
}
