//! Modal.

#![forbid(unsafe_code)]

use switchyard_plugin_api::{prelude::*, script::ToolProperties};

const IMAGE: &str = "ghcr.io/kestra-io/modal";

/// Properties of `io.kestra.plugin.modal.cli.ModalCLI`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct Properties {
    #[serde(flatten)]
    tool: ToolProperties,
}

/// Runs Modal.
#[derive(Debug, Default)]
pub struct ModalCli;

impl Task for ModalCli {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.modal.cli.ModalCLI";

    fn describe(&self) -> Description {
        Description::new("Run Modal commands.")
            .docs(include_str!("docs.md"))
            .icon(include_str!("icon.svg"))
            .example("Run a function in the cloud.", include_str!("../examples/run.yaml"))
    }

    fn plan(&self, properties: &Properties, _: &PlanContext) -> Result<Plan, Error> {
        Ok(Plan { argv: properties.tool.argv(), image: Some(IMAGE.into()), ..Plan::default() })
    }
}

switchyard_plugin_api::export_plugin! {
    id: "modal",
    tasks: [ModalCli],
}

#[cfg(test)]
mod tests;
