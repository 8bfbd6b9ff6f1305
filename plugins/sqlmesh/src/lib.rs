//! SQLMesh.

#![forbid(unsafe_code)]

use switchyard_plugin_api::{prelude::*, script::ToolProperties};

const IMAGE: &str = "ghcr.io/kestra-io/sqlmesh";

/// Properties of `io.kestra.plugin.sqlmesh.cli.SQLMeshCLI`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct Properties {
    #[serde(flatten)]
    tool: ToolProperties,
}

/// Runs SQLMesh.
#[derive(Debug, Default)]
pub struct SqlMeshCli;

impl Task for SqlMeshCli {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.sqlmesh.cli.SQLMeshCLI";

    fn describe(&self) -> Description {
        Description::new("Run SQLMesh commands.")
            .docs(include_str!("docs.md"))
            .icon(include_str!("icon.svg"))
            .example("Plan and apply a project of the namespace files.", include_str!("../examples/plan.yaml"))
    }

    fn plan(&self, properties: &Properties, _: &PlanContext) -> Result<Plan, Error> {
        Ok(Plan { argv: properties.tool.argv(), image: Some(IMAGE.into()), ..Plan::default() })
    }
}

switchyard_plugin_api::export_plugin! {
    id: "sqlmesh",
    tasks: [SqlMeshCli],
}

#[cfg(test)]
mod tests;
