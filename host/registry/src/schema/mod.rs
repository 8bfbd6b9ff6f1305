//! JSON Schemas of components: checking properties before and after rendering, and one schema for whole flows.

mod coerce;
mod finding;
pub(crate) mod flow;
mod properties;
mod typed;

#[cfg(test)]
mod tests;

pub use finding::Finding;
pub use properties::Properties;

use switchyard_plugin_api::Manifest;

use crate::refusal::Refusal;

/// Refuses a manifest whose schemas are none: found here, not when the first flow is checked.
pub(crate) fn check_manifest(manifest: &Manifest) -> Result<(), Refusal> {
    for component in &manifest.components {
        for schema in std::iter::once(&component.schema).chain(&component.outputs) {
            Properties::new(schema.clone()).map_err(|error| {
                Refusal::new("plugin::bad_schema", format!("the schema of {} is invalid: {error}", component.type_name))
            })?;
        }
    }
    Ok(())
}
