//! Any commands of dbt.

use switchyard_plugin_api::{prelude::*, script::ScriptProperties};

use crate::{
    command,
    follow::{self, Keep},
    project::Project,
    words::{IMAGE, environment, profiles_file},
};

const FUSION_IMAGE: &str = "ghcr.io/kestra-io/dbt-fusion";

/// Properties of `io.kestra.plugin.dbt.cli.DbtCLI`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct Properties {
    /// The commands, given to one shell together. Those that begin with `dbt` get `--project-dir`, `--log-format` and `--log-path`
    /// unless they have them.
    commands: Vec<String>,
    /// Content of `profiles.yml`.
    #[serde(default)]
    #[schemars(extend("type" = ["string", "object", "null"]))]
    profiles: Option<serde_json::Value>,
    /// Directory of the project, relative to the working directory.
    #[serde(default)]
    project_dir: Option<String>,
    /// Make task runs of the results of the nodes.
    #[serde(default = "yes")]
    parse_run_results: bool,
    /// What dbt prints: `JSON` becomes log lines with their levels. `NONE` adds no flag.
    #[serde(default)]
    log_format: LogFormat,
    /// Which dbt. It decides the image when the task names none.
    #[serde(default)]
    engine: Engine,
    /// Where to keep `manifest.json` after the run, in the KV store.
    #[serde(default)]
    store_manifest: Option<Place>,
    /// Where to take `manifest.json` from before the run, in the KV store, so that `--select state:modified` and `--defer` can compare.
    #[serde(default)]
    load_manifest: Option<Place>,
    #[serde(flatten)]
    script: ScriptProperties,
}

/// A place in the KV store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Place {
    /// Key.
    key: String,
    /// Namespace whose store it is.
    namespace: String,
}

/// What dbt prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum LogFormat {
    #[default]
    Json,
    Text,
    Debug,
    None,
}

/// Which dbt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Engine {
    #[default]
    Core,
    Fusion,
}

fn yes() -> bool {
    true
}

/// Runs dbt.
#[derive(Debug, Default)]
pub struct DbtCli;

impl Task for DbtCli {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.dbt.cli.DbtCLI";
    const PLANNED: bool = false;

    fn describe(&self) -> Description {
        Description::new("Run commands of dbt.")
            .docs(include_str!("cli.md"))
            .icon(include_str!("icon.svg"))
            .example("Clone a project and build it with DuckDB.", include_str!("../examples/cli.yaml"))
            .example("Build only what has changed since the last run.", include_str!("../examples/state.yaml"))
    }

    fn plan(&self, properties: &Properties, _: &PlanContext) -> Result<Plan, Error> {
        let mut flags = Vec::new();
        flags.extend(properties.project_dir.clone().filter(|dir| !dir.is_empty()).map(|dir| ("--project-dir", dir)));
        let format = match properties.log_format {
            LogFormat::Json => Some("json"),
            LogFormat::Text => Some("text"),
            LogFormat::Debug => Some("debug"),
            LogFormat::None => None,
        };
        flags.extend(format.map(|format| ("--log-format", format.to_owned())));
        flags.push(("--log-path", "logs".to_owned()));
        let commands: Vec<String> = properties.commands.iter().map(|line| command::with_flags(line, &flags)).collect();
        let image = match properties.engine {
            Engine::Core => IMAGE,
            Engine::Fusion => FUSION_IMAGE,
        };
        Ok(Plan {
            argv: properties.script.argv(Some("set -e"), &commands),
            env: environment(),
            image: Some(image.into()),
            files: profiles_file(properties.profiles.as_ref(), "profiles.yml"),
            ..Plan::default()
        })
    }

    async fn run(&self, request: TaskRequest<Properties>, context: Context) -> Result<TaskOutcome, Error> {
        let properties = &request.properties;
        let project = Project::new(properties.project_dir.as_deref(), &request.plan);
        if let (Some(place), Some(path)) = (&properties.load_manifest, project.target("manifest.json")) {
            match context.kv_get(&place.namespace, &place.key).await? {
                Some(serde_json::Value::String(manifest)) => context.write_file(&path, &manifest, false).await?,
                Some(manifest) => context.write_file(&path, &manifest.to_string(), false).await?,
                None => context.message(
                    Level::Warn,
                    format!("the KV store of {} has no `{}`: there is no manifest to compare with", place.namespace, place.key),
                ),
            }
        }
        let keep = Keep { artifacts: true, results: properties.parse_run_results, warnings: true };
        let outcome = follow::run(self.plan(properties, &request.plan)?, &project, keep, &context).await?;
        if let (Some(place), Some(path)) = (&properties.store_manifest, project.target("manifest.json"))
            && outcome.failure.is_none()
            && let Some(text) = context.read_file(&path).await?
        {
            let manifest = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
            context.kv_put(&place.namespace, &place.key, &manifest).await?;
        }
        Ok(outcome)
    }
}
