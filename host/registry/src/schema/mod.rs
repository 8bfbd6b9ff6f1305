//! JSON Schemas of components: checking properties before and after rendering, and one schema for whole flows.

use switchyard_plugin_api::Manifest;

use crate::refusal::Refusal;

/// Refuses a manifest whose schemas are none: found here, not when the first flow is checked.
pub(crate) fn check_manifest(manifest: &Manifest) -> Result<(), Refusal> {
    for component in &manifest.components {
        for schema in std::iter::once(&component.schema).chain(&component.outputs) {
            if let Err(error) = jsonschema::validator_for(schema) {
                return Err(Refusal::new("plugin::bad_schema", format!("the schema of {} is invalid: {error}", component.type_name)));
            }
        }
    }
    Ok(())
}
