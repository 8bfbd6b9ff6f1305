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

/// Refuses a manifest whose schemas are none, or with names that no flow could write: found here, not when the first flow is checked.
pub(crate) fn check_manifest(manifest: &Manifest) -> Result<(), Refusal> {
    for component in &manifest.components {
        let name = &component.type_name;
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let reason = format!("{name:?} is no name of a type: it is empty, or has blanks");
            return Err(Refusal::new("plugin::bad_type", reason)
                .with_help("write `TYPE` like `org.example.runner.Name`, with a part of your own in front"));
        }
        for schema in std::iter::once(&component.schema).chain(&component.outputs) {
            Properties::new(schema.clone()).map_err(|error| {
                Refusal::new("plugin::bad_schema", format!("the schema of {} is invalid: {error}", component.type_name))
            })?;
        }
    }
    Ok(())
}
