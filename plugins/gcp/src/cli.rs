//! The gcloud CLI.

use switchyard_plugin_api::{PlanFile, prelude::*, script::ToolProperties};

const IMAGE: &str = "google/cloud-sdk";
/// The key lies here during the run; it is no output file.
const KEY: &str = ".switchyard-gcp-key.json";

/// Properties of `io.kestra.plugin.gcp.cli.GCloudCLI`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct Properties {
    #[serde(flatten)]
    tool: ToolProperties,
    /// Key of a service account, as JSON. Without it the credentials that are at hand where the command runs.
    #[serde(default)]
    #[schemars(extend("type" = ["string", "object", "null"]))]
    service_account: Option<serde_json::Value>,
    /// Project.
    #[serde(default)]
    project_id: Option<String>,
}

/// Runs the gcloud CLI.
#[derive(Debug, Default)]
pub struct GCloudCli;

impl Task for GCloudCli {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.gcp.cli.GCloudCLI";

    fn describe(&self) -> Description {
        Description::new("Run commands with the gcloud CLI.")
            .docs(include_str!("docs.md"))
            .icon(include_str!("icon.svg"))
            .example("Make a bucket and list all of them.", include_str!("../examples/cli.yaml"))
    }

    fn plan(&self, properties: &Properties, context: &PlanContext) -> Result<Plan, Error> {
        let mut plan = Plan { argv: properties.tool.argv(), user_env_wins: true, image: Some(IMAGE.into()), ..Plan::default() };
        let key = match &properties.service_account {
            None => None,
            Some(serde_json::Value::String(text)) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Some(other) => Some(other.to_string()),
        };
        if let Some(content) = key {
            let directory = &context.paths.working_dir;
            let path = if directory.is_empty() { KEY.to_owned() } else { format!("{directory}/{KEY}") };
            // Client libraries read the one, gcloud the other.
            plan.env.insert("GOOGLE_APPLICATION_CREDENTIALS".into(), path.clone());
            plan.env.insert("CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE".into(), path);
            plan.files.push(PlanFile { path: KEY.into(), content, executable: false });
        }
        plan.env.extend(properties.project_id.clone().map(|project| ("CLOUDSDK_CORE_PROJECT".to_owned(), project)));
        Ok(plan)
    }
}
