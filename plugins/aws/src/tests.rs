use serde_json::{Value, json};
use switchyard_plugin_api::{Paths, Plan, PlanContext};

use crate::plugin;

const TYPE: &str = "io.kestra.plugin.aws.cli.AwsCLI";

fn plan(mut properties: Value) -> Plan {
    properties["commands"] = json!(["aws sts get-caller-identity", "true"]);
    let context = PlanContext { paths: Paths { working_dir: "/my wd".into(), ..Paths::default() }, ..PlanContext::default() };
    plugin().find_task(TYPE).unwrap().plan(&properties, &context).unwrap()
}

#[test]
fn plans() {
    let credentials =
        json!({"accessKeyId": "AK", "secretKeyId": "SK", "sessionToken": "ST", "region": "eu-central-1", "endpointOverride": "http://e"});
    let mut with_role = credentials.clone();
    for (name, value) in [
        ("stsRoleArn", "arn:aws:iam::1:role/r"),
        ("stsRoleExternalId", "x"),
        ("stsRoleSessionName", "s"),
        ("stsRoleSessionDuration", "PT1H"),
    ] {
        with_role[name] = value.into();
    }
    insta::assert_json_snapshot!([
        plan(json!({})),
        plan(credentials),
        plan(
            json!({"outputFormat": "YAML", "beforeCommands": ["x"], "compatibilityMode": true, "forcePathStyle": true, "stsEndpointOverride": "e"})
        ),
        plan(with_role),
        plan(json!({"stsRoleArn": "arn\nsource_profile = evil", "stsCredentialSource": "EC2_INSTANCE_METADATA"})),
    ]);
}

#[test]
fn every_source_and_format() {
    for source in ["ENVIRONMENT", "EC2_INSTANCE_METADATA", "ECS_CONTAINER"] {
        assert_eq!(plan(json!({"stsRoleArn": "a", "stsCredentialSource": source})).files.len(), 1);
    }
    for format in ["JSON", "TEXT", "TABLE", "YAML"] {
        assert_eq!(plan(json!({"outputFormat": format})).env["AWS_DEFAULT_OUTPUT"], format.to_lowercase());
    }
    assert!(plan(json!({})).user_env_wins);
}

#[test]
fn the_schema_is_closed_and_described() {
    let manifest = plugin().manifest();
    let component = manifest.components.iter().find(|component| component.type_name == TYPE).unwrap();
    assert_eq!(component.schema["required"], json!(["commands"]));
    assert_eq!(component.schema["additionalProperties"], json!(false));
    for (name, property) in component.schema["properties"].as_object().unwrap() {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    assert!(component.schema["properties"]["accessKeyId"].is_object());
    // Defaults of the package reach every component: each has to know what connects to AWS.
    let runner = manifest.components.iter().find(|component| component.type_name != TYPE).unwrap();
    for name in component.schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| name.starts_with("sts") || name.ends_with("KeyId") || name.ends_with("Override"))
    {
        assert!(name == "stsCredentialSource" || runner.schema["properties"][name].is_object(), "{name}");
    }
}
