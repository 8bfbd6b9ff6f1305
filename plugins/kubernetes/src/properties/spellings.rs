//! Other names of properties.

use serde_json::Value;
use switchyard_plugin_api::schemars::Schema;

/// Other names of properties are part of the schema: what reads them is not the only one that checks them.
fn also(schema: &mut Schema, names: &[(&str, &str)]) {
    let Some(Value::Object(properties)) = schema.as_object_mut().and_then(|s| s.get_mut("properties")) else { return };
    for (former, name) in names {
        let Some(mut property) = properties.get(*name).cloned() else { continue };
        if let Some(property) = property.as_object_mut() {
            property.insert("deprecated".to_owned(), true.into());
            property.insert("description".to_owned(), format!("Another name of `{name}`.").into());
        }
        properties.insert((*former).to_owned(), property);
    }
}

pub fn properties(schema: &mut Schema) {
    also(schema, &[("waitForLogInterval", "waitForLogs"), ("fileSidecarSpec", "fileSideCarSpec"), ("filesVolume", "fileVolume")]);
}

pub fn config(schema: &mut Schema) {
    let names = [("caCert", "caCertData"), ("clientCert", "clientCertData"), ("clientKey", "clientKeyData"), ("oAuthToken", "oauthToken")];
    also(schema, &names);
}

pub fn resources(schema: &mut Schema) {
    also(schema, &[("requests", "request"), ("limits", "limit")]);
}

pub fn volume(schema: &mut Schema) {
    also(schema, &[("claim", "claimName")]);
}

#[cfg(test)]
mod tests {
    use switchyard_plugin_api::TypedRunner;

    #[test]
    fn kube_k32_every_spelling_is_in_the_schema() {
        let schema = TypedRunner::new(crate::runner::Kubernetes).component().schema.to_string();
        for name in [
            "waitForLogInterval",
            "fileSidecarSpec",
            "caCert",
            "clientCert",
            "clientKey",
            "oAuthToken",
            "requests",
            "limits",
            "filesVolume",
            "claim",
        ] {
            assert!(schema.contains(&format!("\"{name}\":{{")), "{name}");
        }
    }
}
