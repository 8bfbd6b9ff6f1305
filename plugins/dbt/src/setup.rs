//! Prepares a virtual environment with dbt.

use switchyard_plugin_api::{
    prelude::*,
    script::{ScriptProperties, quoted},
};

use crate::words::{environment, profiles_file};

/// Properties of `io.kestra.plugin.dbt.cli.Setup`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct Properties {
    /// Content of `profiles.yml`, as text or as a map.
    #[schemars(extend("type" = ["string", "object"]))]
    profiles: serde_json::Value,
    /// What pip installs, such as `dbt-duckdb`.
    requirements: Vec<String>,
    /// The Python that makes the environment.
    #[serde(default = "python")]
    python_path: String,
    /// Deprecated: it has no effect, use `failFast`.
    #[serde(default)]
    #[schemars(extend("deprecated" = true))]
    #[allow(dead_code, reason = "old flows may have it")]
    exit_on_failed: Option<bool>,
    #[serde(flatten)]
    script: ScriptProperties,
}

fn python() -> String {
    "python".into()
}

/// Prepares a virtual environment with dbt.
#[derive(Debug, Default)]
pub struct Setup;

impl Task for Setup {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.dbt.cli.Setup";

    fn describe(&self) -> Description {
        Description::new("Prepare a Python environment with dbt.")
            .docs(include_str!("setup.md"))
            .icon(include_str!("icon.svg"))
            .example("Install dbt and build a project.", include_str!("../examples/setup.yaml"))
    }

    fn plan(&self, properties: &Properties, context: &PlanContext) -> Result<Plan, Error> {
        let directory = if context.paths.working_dir.is_empty() { "." } else { &context.paths.working_dir };
        let requirements: Vec<_> = properties.requirements.iter().map(|requirement| quoted(requirement)).collect();
        let mut commands = vec![
            format!("{} -m venv --system-site-packages {} > /dev/null", properties.python_path, quoted(directory)),
            "./bin/pip install pip --upgrade > /dev/null".to_owned(),
        ];
        if !requirements.is_empty() {
            commands.push(format!("./bin/pip install {} > /dev/null", requirements.join(" ")));
        }
        Ok(Plan {
            argv: properties.script.argv(Some("set -e"), &commands),
            env: environment(),
            image: Some("python".into()),
            files: profiles_file(Some(&properties.profiles), ".profile/profiles.yml"),
            ..Plan::default()
        })
    }
}
