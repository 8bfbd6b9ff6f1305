//! One task for each command that people use most.

use std::marker::PhantomData;

use switchyard_plugin_api::{
    PlanFile,
    prelude::*,
    script::{Lines, RunProperties, quoted},
};

use crate::{
    follow::{self, Keep},
    project::Project,
};

pub const IMAGE: &str = "ghcr.io/kestra-io/dbt";
const PROFILES: &str = ".profile/profiles.yml";

/// Properties of all of them. dbt refuses some of the flags for some of its commands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct Properties {
    /// Stop at the first node that fails (`--fail-fast`).
    #[serde(default)]
    fail_fast: bool,
    /// Take warnings for errors (`--warn-error`).
    #[serde(default)]
    warn_error: bool,
    /// Log at level debug (`--debug`).
    #[serde(default)]
    debug: bool,
    /// Directory of the project, relative to the working directory.
    #[serde(default)]
    project_dir: Option<String>,
    /// The program; `dbt` when there is no such file. The default is where `Setup` puts it.
    #[serde(default = "dbt_path")]
    dbt_path: String,
    /// Content of `profiles.yml`.
    #[serde(default)]
    #[schemars(extend("type" = ["string", "object", "null"]))]
    profiles: Option<serde_json::Value>,
    /// Deprecated: another name of `docker`.
    #[serde(default)]
    #[schemars(extend("deprecated" = true, "type" = ["object", "null"]))]
    #[allow(dead_code, reason = "old flows may have it")]
    docker_options: Option<serde_json::Value>,
    /// Make task runs of the results of the nodes.
    #[serde(default = "yes")]
    parse_run_results: bool,
    /// How many nodes run at a time (`--threads`).
    #[serde(default)]
    thread: Option<u32>,
    /// Build incremental models anew (`--full-refresh`).
    #[serde(default)]
    full_refresh: bool,
    /// Target of the profile (`--target`).
    #[serde(default)]
    target: Option<String>,
    /// Name of a selector of the project (`--selector`).
    #[serde(default)]
    selector: Option<String>,
    /// Nodes to take (`--select`).
    #[serde(default)]
    select: Option<Vec<String>>,
    /// Nodes to leave out (`--exclude`).
    #[serde(default)]
    exclude: Option<Vec<String>>,
    #[serde(flatten)]
    #[allow(dead_code, reason = "the host acts on them")]
    run: RunProperties,
}

fn dbt_path() -> String {
    "./bin/dbt".into()
}

fn yes() -> bool {
    true
}

/// A command of dbt as a type, because the type name of a task is a constant of its type.
pub trait Word: Default + Send + Sync + 'static {
    /// Type name of its task.
    const TYPE: &'static str;
    /// What dbt calls it.
    const WORD: &'static str;
    /// What it does.
    const TITLE: &'static str;
    /// It leaves results of nodes.
    const RESULTS: bool;
    /// What to use instead.
    const DEPRECATED: Option<&'static str>;
}

/// Runs one command of dbt.
#[derive(Debug, Default)]
pub struct Command<W>(PhantomData<W>);

impl<W: Word> Task for Command<W> {
    type Properties = Properties;
    const TYPE: &'static str = W::TYPE;
    const PLANNED: bool = false;

    fn describe(&self) -> Description {
        let name = W::TYPE.rsplit('.').next().unwrap_or_default();
        let flow = format!(
            "id: dbt_{}\nnamespace: company.team\n\ntasks:\n  - id: working_directory\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n    tasks:\n      - id: clone\n        type: io.kestra.plugin.git.Clone\n        url: https://github.com/kestra-io/dbt-example\n      - id: dbt\n        type: {}\n        containerImage: ghcr.io/kestra-io/dbt-duckdb:latest\n        profiles: |\n          my_project:\n            target: dev\n            outputs:\n              dev:\n                type: duckdb\n                path: my.duckdb\n",
            name.to_lowercase(),
            W::TYPE
        );
        let mut description = Description::new(W::TITLE)
            .docs(format!("Runs `dbt {}`.\n\n{}", W::WORD, include_str!("words.md")))
            .icon(include_str!("icon.svg"))
            .example(format!("Clone a project and run `dbt {}`.", W::WORD), flow);
        description.deprecated = W::DEPRECATED.map(str::to_owned);
        description
    }

    fn plan(&self, properties: &Properties, context: &PlanContext) -> Result<Plan, Error> {
        let project = Project::new(properties.project_dir.as_deref(), context);
        let root = context.paths.working_dir.trim_end_matches('/');
        let profiles = if root.is_empty() { ".profile".to_owned() } else { format!("{root}/.profile") };
        // Both may have been made by a task before this one, or not at all.
        let commands = [
            format!("dbt={}; test -x \"$dbt\" || dbt=dbt", quoted(&properties.dbt_path)),
            format!("set -- --profiles-dir {0}; test -d {0} || set --", quoted(&profiles)),
            words::<W>(properties, &project).join(" "),
        ];
        let files = profiles_file(properties.profiles.as_ref(), PROFILES);
        Ok(Plan { argv: Lines::new(&commands).argv(), env: environment(), image: Some(IMAGE.into()), files, ..Plan::default() })
    }

    async fn run(&self, request: TaskRequest<Properties>, context: Context) -> Result<TaskOutcome, Error> {
        let properties = &request.properties;
        let project = Project::new(properties.project_dir.as_deref(), &request.plan);
        let keep = Keep { artifacts: W::RESULTS, results: W::RESULTS && properties.parse_run_results, warnings: false };
        follow::run(self.plan(properties, &request.plan)?, &project, keep, &context).await
    }
}

fn words<W: Word>(properties: &Properties, project: &Project) -> Vec<String> {
    let mut words = vec!["\"$dbt\" --log-format json".to_owned()];
    for (set, flag) in [(properties.debug, "--debug"), (properties.fail_fast, "--fail-fast"), (properties.warn_error, "--warn-error")] {
        words.extend(set.then(|| flag.to_owned()));
    }
    words.push(W::WORD.to_owned());
    words.push("\"$@\"".to_owned());
    words.extend(properties.thread.map(|threads| format!("--threads {threads}")));
    words.extend(properties.full_refresh.then(|| "--full-refresh".to_owned()));
    for (flag, value) in [("--target", &properties.target), ("--selector", &properties.selector)] {
        words.extend(value.as_deref().filter(|value| !value.is_empty()).map(|value| format!("{flag} {}", quoted(value))));
    }
    for (flag, values) in [("--select", &properties.select), ("--exclude", &properties.exclude)] {
        let values: Vec<_> = values.iter().flatten().map(|value| quoted(value)).collect();
        if !values.is_empty() {
            words.push(format!("{flag} {}", values.join(" ")));
        }
    }
    words.push(format!("--project-dir {}", quoted(&project.argument)));
    words
}

/// Of every dbt task.
pub fn environment() -> std::collections::BTreeMap<String, String> {
    [("PYTHONUNBUFFERED", "true"), ("PIP_ROOT_USER_ACTION", "ignore")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// `profiles.yml`, when there is a content. A map is written as JSON, which is YAML as well.
pub fn profiles_file(profiles: Option<&serde_json::Value>, path: &str) -> Vec<PlanFile> {
    let content = match profiles {
        None | Some(serde_json::Value::Null) => return Vec::new(),
        Some(serde_json::Value::String(text)) if text.trim().is_empty() => return Vec::new(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    vec![PlanFile { path: path.into(), content, executable: false }]
}

macro_rules! words {
    ($($type:ident($word:literal, results: $results:literal, $title:literal $(, deprecated: $deprecated:literal)?);)*) => {
        pub mod word {
            $(
                #[doc = $title]
                #[derive(Debug, Default)]
                pub struct $type;

                impl super::Word for $type {
                    const TYPE: &'static str = concat!("io.kestra.plugin.dbt.cli.", stringify!($type));
                    const WORD: &'static str = $word;
                    const TITLE: &'static str = $title;
                    const RESULTS: bool = $results;
                    const DEPRECATED: Option<&'static str> = words!(@deprecated $($deprecated)?);
                }
            )*
        }
        $(
            #[doc = $title]
            pub type $type = Command<word::$type>;
        )*
    };
    (@deprecated) => { None };
    (@deprecated $deprecated:literal) => { Some($deprecated) };
}

words! {
    Build("build", results: true, "Run, test and snapshot everything in the order of its dependencies.", deprecated: "use `io.kestra.plugin.dbt.cli.DbtCLI` with `commands: [dbt build]`");
    Run("run", results: true, "Run the models.");
    Test("test", results: true, "Test the data.");
    Seed("seed", results: true, "Load the CSV files of the project.");
    Snapshot("snapshot", results: true, "Take snapshots of tables that change.");
    Compile("compile", results: true, "Compile the models without running them.");
    Deps("deps", results: false, "Install the packages that the project depends on.");
    List("list", results: false, "List the nodes of the project.");
    Freshness("source freshness", results: false, "See how fresh the sources are.");
}
