//! The Azure CLI.

use switchyard_plugin_api::{
    prelude::*,
    script::{Lines, ToolProperties, quoted},
};

const IMAGE: &str = "mcr.microsoft.com/azure-cli";
/// The password reaches the login by this variable, so that it is in no logged command.
const PASSWORD: &str = "SWITCHYARD_AZURE_PASSWORD";

/// Properties of `io.kestra.plugin.azure.cli.AzCLI`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct Properties {
    #[serde(flatten)]
    tool: ToolProperties,
    /// User, or id of the service principal. Without it nobody logs in.
    #[serde(default)]
    username: Option<String>,
    /// Password, or secret of the service principal.
    #[serde(default)]
    password: Option<String>,
    /// Tenant; a service principal needs it.
    #[serde(default)]
    tenant: Option<String>,
    /// The user is a service principal.
    #[serde(default)]
    service_principal: bool,
}

/// Runs the Azure CLI.
#[derive(Debug, Default)]
pub struct AzCli;

impl Task for AzCli {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.azure.cli.AzCLI";

    fn describe(&self) -> Description {
        Description::new("Run commands with the Azure CLI.")
            .docs(include_str!("docs.md"))
            .icon(include_str!("icon.svg"))
            .example("List resource groups as a service principal.", include_str!("../examples/cli.yaml"))
    }

    fn plan(&self, properties: &Properties, _: &PlanContext) -> Result<Plan, Error> {
        let login = login(properties);
        let before: Vec<String> = login.iter().chain(properties.tool.before_commands.iter().flatten()).cloned().collect();
        let argv = Lines { before: &before, ..properties.tool.lines() }.argv();
        let mut plan = Plan { argv, image: Some(IMAGE.into()), ..Plan::default() };
        if login.is_some() {
            plan.env.extend(properties.password.clone().map(|password| (PASSWORD.to_owned(), password)));
        }
        Ok(plan)
    }
}

fn login(properties: &Properties) -> Option<String> {
    let given = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
    let mut command = format!("az login -u {}", quoted(&given(&properties.username)?));
    if given(&properties.password).is_some() {
        command.push_str(&format!(" -p \"${PASSWORD}\""));
    }
    if let Some(tenant) = given(&properties.tenant) {
        command.push_str(&format!(" --tenant {}", quoted(&tenant)));
    }
    if properties.service_principal {
        command.push_str(" --service-principal");
    }
    // Without a login the commands would act as whoever was logged in before.
    Some(format!("{command} || exit $?"))
}
