//! The AWS CLI.

use switchyard_plugin_api::{prelude::*, script::ToolProperties};

use crate::{connection::Connection, role};

const IMAGE: &str = "amazon/aws-cli";

/// Properties of `io.kestra.plugin.aws.cli.AwsCLI`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct Properties {
    #[serde(flatten)]
    tool: ToolProperties,
    #[serde(flatten)]
    connection: Connection,
    /// Form of what the commands print.
    #[serde(default)]
    output_format: OutputFormat,
    /// Where the credentials for assuming the role come from, when no access key is given.
    #[serde(default)]
    sts_credential_source: Option<CredentialSource>,
}

/// Form of what the commands print.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum OutputFormat {
    #[default]
    Json,
    Text,
    Table,
    Yaml,
}

/// Where the credentials for assuming the role come from.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum CredentialSource {
    Environment,
    #[serde(rename = "EC2_INSTANCE_METADATA")]
    Ec2InstanceMetadata,
    EcsContainer,
}

/// Runs the AWS CLI.
#[derive(Debug, Default)]
pub struct AwsCli;

impl Task for AwsCli {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.aws.cli.AwsCLI";

    fn describe(&self) -> Description {
        Description::new("Run commands with the AWS CLI.")
            .docs(include_str!("docs.md"))
            .icon(include_str!("icon.svg"))
            .example("List instances, with credentials for the whole flow.", include_str!("../examples/cli.yaml"))
    }

    fn plan(&self, properties: &Properties, context: &PlanContext) -> Result<Plan, Error> {
        let mut plan = Plan { argv: properties.tool.argv(), user_env_wins: true, image: Some(IMAGE.into()), ..Plan::default() };
        let connection = &properties.connection;
        let format = match properties.output_format {
            OutputFormat::Json => "json",
            OutputFormat::Text => "text",
            OutputFormat::Table => "table",
            OutputFormat::Yaml => "yaml",
        };
        plan.env.insert("AWS_DEFAULT_OUTPUT".into(), format.into());
        for (name, value) in [("AWS_DEFAULT_REGION", &connection.region), ("AWS_ENDPOINT_URL", &connection.endpoint_override)] {
            plan.env.extend(value.clone().map(|value| (name.to_owned(), value)));
        }
        let prefix = if connection.sts_role_arn.is_some() { role::SOURCE } else { "AWS" };
        for (name, value) in [
            ("ACCESS_KEY_ID", &connection.access_key_id),
            ("SECRET_ACCESS_KEY", &connection.secret_key_id),
            ("SESSION_TOKEN", &connection.session_token),
        ] {
            plan.env.extend(value.clone().map(|value| (format!("{prefix}_{name}"), value)));
        }
        if let Some(arn) = &connection.sts_role_arn {
            role::assume(&mut plan, arn, connection, properties.sts_credential_source.map(CredentialSource::name), &context.paths);
        }
        Ok(plan)
    }
}

impl CredentialSource {
    fn name(self) -> &'static str {
        match self {
            Self::Environment => "Environment",
            Self::Ec2InstanceMetadata => "Ec2InstanceMetadata",
            Self::EcsContainer => "EcsContainer",
        }
    }
}
