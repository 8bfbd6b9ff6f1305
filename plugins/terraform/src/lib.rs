//! Terraform.

#![forbid(unsafe_code)]

use switchyard_plugin_api::{
    prelude::*,
    script::{Lines, ToolProperties},
};

const IMAGE: &str = "hashicorp/terraform";

/// Properties of `io.kestra.plugin.terraform.cli.TerraformCLI`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct Properties {
    #[serde(flatten)]
    tool: ToolProperties,
    /// Stop at the first failing command, so that nothing is applied after a plan that failed.
    #[serde(default = "yes")]
    fail_fast: bool,
}

/// Runs Terraform.
#[derive(Debug, Default)]
pub struct TerraformCli;

impl Task for TerraformCli {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.terraform.cli.TerraformCLI";

    fn describe(&self) -> Description {
        Description::new("Run Terraform commands.")
            .docs(include_str!("docs.md"))
            .icon(include_str!("icon.svg"))
            .example("Plan and apply a configuration.", include_str!("../examples/apply.yaml"))
    }

    fn plan(&self, properties: &Properties, _: &PlanContext) -> Result<Plan, Error> {
        let exit_on_error = properties.fail_fast.then_some("set -e");
        let argv = Lines { exit_on_error, ..properties.tool.lines() }.argv();
        Ok(Plan { argv, image: Some(IMAGE.into()), ..Plan::default() })
    }
}

fn yes() -> bool {
    true
}

switchyard_plugin_api::export_plugin! {
    id: "terraform",
    tasks: [TerraformCli],
}

#[cfg(test)]
mod tests;
