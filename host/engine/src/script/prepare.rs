//! Renders a script task into a request for its runner. Everything here is done where the execution lives, borrowing its outputs.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::{Map, Value as Json, json};
use switchyard_expr::{Engine, Overlay, Scope, Val};
use switchyard_model::TaskRun;
use switchyard_plugin_api::{
    Archive, Command, Component, DynTask, DynTaskRunner, Error, Files, Image, Paths, Placement, PlanContext, PlanFile, RunRequest,
    TargetOs, recording::Recorder,
};
use switchyard_registry::Registry;

use super::{
    choice::{self, Chosen},
    context,
    files::{self, Input},
    legacy,
    request::task_ref,
};
use crate::{config::Config, namespace_files::FilePlacement, task::unrendered};

/// What is at hand.
pub struct Preparation<'a> {
    pub registry: &'a Registry,
    pub config: &'a Config,
    pub expr: &'a Engine,
    pub scope: &'a dyn Scope,
    pub run: &'a TaskRun,
    pub attempt: usize,
    /// The task's own properties, as written with defaults.
    pub properties: &'a Map<String, Json>,
    pub component: &'a Component,
    pub task: &'a Arc<dyn DynTask>,
    /// The host's directory of this run; exists or will.
    pub working_dir: PathBuf,
    /// The directory belongs to a WorkingDirectory.
    pub shared: bool,
    pub timeout_ms: Option<u64>,
    /// Takes down what is asked of plugins.
    pub recorder: Option<&'a Recorder>,
}

/// A task that is ready to run.
pub struct Prepared {
    pub runner: Arc<dyn DynTaskRunner>,
    /// Canonical type of the runner.
    pub runner_type: String,
    pub runner_component: Arc<Component>,
    pub request: RunRequest,
    /// Files of namespaces, placed first.
    pub namespace_files: Option<FilePlacement>,
    /// The user's input files.
    pub inputs: Vec<Input>,
    /// The task's own files.
    pub files: Vec<PlanFile>,
    /// Names of the stored files that commands and scripts mention, once they are placed in the working directory.
    pub fetched: Vec<String>,
    /// What expressions see, as JSON, for a task that asks for it.
    pub context: Option<String>,
    /// What the task keeps for later runs.
    pub archives: Vec<Archive>,
    /// Rendered properties, for tasks that do their work themselves.
    pub properties: Json,
    pub plan: PlanContext,
    /// For the task's log, at WARN.
    pub warnings: Vec<String>,
}

/// Properties that the host acts on, rendered before the runner is asked for its paths.
const BEFORE: &[&str] =
    &["taskRunner", "runner", "docker", "containerImage", "outputDirectory", "namespaceFiles", "outputFiles", "executionContext"];

/// Prepares an attempt.
pub fn prepare(given: &Preparation<'_>) -> Result<Prepared, Error> {
    let mut warnings = Vec::new();
    let own = legacy::modern(given.component, given.properties);
    let canonical = |name: &str| given.registry.canonical(name).unwrap_or(name).to_owned();
    let chosen = if goes_elsewhere(given.component) {
        let chosen = choice::choose(&own, |name| canonical(name) == choice::DOCKER)?;
        if legacy::is_legacy(given.component) { chosen.or_process(&own) } else { chosen }
    } else {
        Chosen::here()
    };
    warnings.extend(deprecation(&chosen));
    let written = own.get("namespaceFiles").unwrap_or(&Json::Null);
    let namespace_files = FilePlacement::read(given.expr, written, &given.run.namespace, given.scope)?;
    let runner_component = given.registry.component(&chosen.type_name)?;
    let runner = given.registry.runner(&chosen.type_name)?;
    let runner_type = runner_component.type_name.clone();
    let runner = match given.recorder {
        Some(recorder) => recorder.runner(&runner_type, runner),
        None => runner,
    };
    let written = Json::Object(chosen.properties.clone());
    // Where the command will run is for the runner to say, and may stand in its own properties: these are rendered again when it is known.
    let names_a_place = names_a_place(&written);
    let unknown = Overlay::on(given.scope).with("workingDir", Val::text("/")).with("outputDir", Val::text("/"));
    let first: &dyn Scope = if names_a_place { &unknown } else { given.scope };
    let mut properties = conform(given.registry, &runner_type, render(given.expr, &written, first)?, "/taskRunner")?;

    let output_globs = globs(given, &own)?;
    let wants_output_dir = switched_on(given, &own, "outputDirectory")?.unwrap_or(chosen.legacy);
    let context = switched_on(given, &own, "executionContext")?.unwrap_or(false).then(|| context::text(given.scope));
    let files = Files {
        working_dir: given.working_dir.clone(),
        output_dir: wants_output_dir.then(|| format!("output-{}", given.run.id.get(..8).unwrap_or(&given.run.id))),
        outputs: output_globs.clone(),
        shared: given.shared,
    };
    let paths = runner.paths(&properties, &files)?;

    let named = output_variables(&output_globs, &paths);
    let directories = legacy::directories(&own, &paths.working_dir);
    let mut scope = Overlay::on(given.scope).with("workingDir", Val::text(paths.working_dir.clone()));
    if let Some(dir) = &paths.output_dir {
        scope = scope.with("outputDir", Val::text(dir.clone()));
    }
    if let Some(bucket) = &paths.bucket_path {
        scope = scope.with("bucketPath", Val::text(bucket.clone()));
    }
    if names_a_place {
        properties = conform(given.registry, &runner_type, render(given.expr, &written, &scope)?, "/taskRunner")?;
    }
    if let Some(named) = &named {
        scope = scope.with("outputFiles", Val::from(named)).with("temp", Val::from(named));
    }
    if let Some(directories) = &directories {
        scope = scope.with("outputDirs", Val::from(directories));
    }

    let mut own = own.into_owned();
    own.retain(|name, _| !BEFORE.contains(&name.as_str()));
    let input_files = own.shift_remove("inputFiles").unwrap_or(Json::Null);
    let environment = own.shift_remove("env").unwrap_or(Json::Null);
    let env = environment_of(given.expr, &environment, &scope)?;
    let raw = given.component.schema.pointer("/properties/inputFiles/x-switchyard") == Some(&Json::from("raw"));
    let inputs = files::inputs(given.expr, &input_files, &scope, raw, &mut warnings)?;
    let own = render(given.expr, &Json::Object(own), &scope)?;
    let own = conform(given.registry, &given.component.type_name, own, "")?;

    let image = match &chosen.image {
        Some(image) => Some(text(given.expr, image, given.scope)?).filter(|image| !image.is_empty()),
        None => None,
    };
    let plan = PlanContext {
        task: task_ref(given.run, given.attempt),
        paths: paths.clone(),
        runner_type: runner_type.clone(),
        containerized: runner_component.capabilities.placement != Placement::Local,
        target_os: target_os(&own),
    };
    let mut request = RunRequest {
        task: plan.task.clone(),
        properties,
        config: given.config.plugin(&[&runner_type, &chosen.type_name]),
        command: Command { argv: Vec::new(), env, image, target_os: plan.target_os },
        files,
        timeout_ms: given.timeout_ms,
    };
    let (mut plan_files, mut archives) = (Vec::new(), Vec::new());
    if given.component.planned {
        let mut made = given.task.plan(&own, &plan)?;
        request.files.outputs.extend(made.wanted.iter().cloned());
        archives = std::mem::take(&mut made.archives);
        request.files.outputs.extend(archives.iter().map(|archive| archive.made.clone()));
        plan_files = apply(&mut request, made, &paths);
        if needs_image(&runner_component) {
            require_image(&request, &runner_component.type_name)?;
        }
    }
    Ok(Prepared {
        runner,
        runner_type,
        runner_component,
        request,
        namespace_files,
        inputs,
        files: plan_files,
        fetched: Vec::new(),
        context,
        archives,
        properties: own,
        plan,
        warnings,
    })
}

impl Prepared {
    /// What makes its result: the same for attempts that differ only in their ids and directories.
    pub fn fingerprint(&self) -> String {
        let environment: BTreeMap<_, _> = self.request.command.env.iter().filter(|(name, _)| !PLACES.contains(&name.as_str())).collect();
        let inputs = format!("{:?}", self.inputs);
        let all = json!([
            self.properties,
            environment,
            self.runner_type,
            self.request.properties,
            self.request.command.image,
            self.request.files.outputs,
            inputs
        ]);
        all.to_string().replace(&self.plan.paths.working_dir, "WORKING_DIR")
    }
}

/// Variables that differ with each attempt.
const PLACES: &[&str] = &["WORKING_DIR", "OUTPUT_DIR", "BUCKET_PATH"];

/// Whether a task lets the user choose where it runs. One that does not works on the host itself.
fn goes_elsewhere(component: &Component) -> bool {
    component.planned || component.schema.pointer("/properties/taskRunner").is_some()
}

/// Puts a plan into the request; answers the files it needs.
pub fn apply(request: &mut RunRequest, plan: switchyard_plugin_api::Plan, paths: &Paths) -> Vec<PlanFile> {
    request.command.argv = plan.argv;
    let user = std::mem::take(&mut request.command.env);
    let (first, second) = if plan.user_env_wins { (plan.env, user) } else { (user, plan.env) };
    let mut env = first;
    env.extend(second);
    env.insert("WORKING_DIR".into(), paths.working_dir.clone());
    env.extend(paths.output_dir.iter().map(|dir| ("OUTPUT_DIR".to_owned(), dir.clone())));
    env.extend(paths.bucket_path.iter().map(|path| ("BUCKET_PATH".to_owned(), path.clone())));
    request.command.env = env;
    if request.command.image.is_none() {
        request.command.image = plan.image;
    }
    plan.files
}

/// Whether a runner cannot do without an image.
pub fn needs_image(runner: &Component) -> bool {
    runner.capabilities.image == Image::Required
}

/// Refuses a request without an image.
pub fn require_image(request: &RunRequest, runner_type: &str) -> Result<(), Error> {
    if request.command.image.is_none() {
        return Err(Error::user("flow::missing_property", format!("{runner_type} needs an image, and the task names none"))
            .with_help("set `containerImage` on the task")
            .at("/containerImage"));
    }
    Ok(())
}

fn deprecation(chosen: &Chosen) -> Option<String> {
    let names = chosen.deprecated.iter().filter(|name| **name != "taskRunner").map(|name| format!("`{name}`")).collect::<Vec<_>>();
    if names.is_empty() {
        return None;
    }
    let ignored = if chosen.deprecated.contains(&"taskRunner") { " and ignored beside `taskRunner`" } else { "" };
    Some(format!(
        "{} deprecated{ignored}; use `taskRunner` and `containerImage`",
        names.join(" and ") + if names.len() == 1 { " is" } else { " are" }
    ))
}

/// Whether an expression in it speaks of the directories of the task.
fn names_a_place(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains("{{") && (text.contains("workingDir") || text.contains("outputDir")),
        Json::Array(items) => items.iter().any(names_a_place),
        Json::Object(fields) => fields.values().any(names_a_place),
        _ => false,
    }
}

/// Renders every text in a value; one that is a single expression keeps its type.
fn render(expr: &Engine, value: &Json, scope: &dyn Scope) -> Result<Json, Error> {
    expr.render_value_typed(value, scope).map_err(|error| unrendered(&error))
}

fn text(expr: &Engine, value: &Json, scope: &dyn Scope) -> Result<String, Error> {
    match value {
        Json::String(template) => expr.render(template, scope).map_err(|error| unrendered(&error)),
        other => Ok(other.to_string()),
    }
}

/// A flag that the task may have; the schema has it checked.
fn switched_on(given: &Preparation<'_>, properties: &Map<String, Json>, name: &str) -> Result<Option<bool>, Error> {
    let written = properties.get(name).filter(|value| !value.is_null());
    written.map(|value| text(given.expr, value, given.scope).map(|text| text == "true")).transpose()
}

/// Turns rendered values into the types that the schema wants, then checks them.
pub fn conform(registry: &Registry, type_name: &str, value: Json, below: &str) -> Result<Json, Error> {
    registry.accept(type_name, value).map_err(|mut error| {
        if let Some(property) = &mut error.property {
            property.insert_str(0, below);
        }
        error
    })
}

fn globs(given: &Preparation<'_>, properties: &Map<String, Json>) -> Result<Vec<String>, Error> {
    let wrong = |value: &Json| {
        Error::user("flow::invalid_property", format!("`outputFiles` is {value}, not a list of patterns"))
            .with_help("write for example `outputFiles: [\"*.csv\"]`")
            .at("/outputFiles")
    };
    let value = match properties.get("outputFiles") {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(value) => render(given.expr, value, given.scope)?,
    };
    let parsed = match &value {
        Json::String(text) => serde_json::from_str(text).map_err(|_| wrong(&value))?,
        other => other.clone(),
    };
    let items = parsed.as_array().ok_or_else(|| wrong(&value))?;
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong(&value))).collect()
}

/// `{{ outputFiles['name'] }}` for the patterns that are plain names.
fn output_variables(globs: &[String], paths: &Paths) -> Option<Json> {
    let plain = globs.iter().filter(|glob| !glob.contains(['*', '?', '[', '{']));
    let map: Map<String, Json> = plain.map(|name| (name.clone(), json!(format!("{}/{name}", paths.working_dir)))).collect();
    (!globs.is_empty()).then_some(Json::Object(map))
}

fn environment_of(expr: &Engine, value: &Json, scope: &dyn Scope) -> Result<BTreeMap<String, String>, Error> {
    let wrong =
        |what: &str| Error::user("flow::invalid_property", format!("`env` {what}")).with_help("write a map of names to texts").at("/env");
    let parsed;
    let map = match value {
        Json::Null => return Ok(BTreeMap::new()),
        Json::Object(map) => map,
        Json::String(template) => {
            let rendered = text(expr, &Json::String(template.clone()), scope)?;
            parsed = serde_json::from_str::<Json>(&rendered).map_err(|_| wrong("rendered to a text that is not a JSON map"))?;
            parsed.as_object().ok_or_else(|| wrong("rendered to something else than a map"))?
        }
        _ => return Err(wrong("is not a map")),
    };
    map.iter()
        .map(|(name, value)| {
            let name = expr.render(name, scope).map_err(|error| unrendered(&error))?;
            if value.is_null() {
                return Err(wrong(&format!("has no value for `{name}`")));
            }
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(wrong(&format!("has the impossible name `{name}`")));
            }
            Ok((name, text(expr, value, scope)?))
        })
        .collect()
}

fn target_os(properties: &Json) -> TargetOs {
    match properties.get("targetOS").and_then(Json::as_str) {
        Some("LINUX") => TargetOs::Linux,
        Some("WINDOWS") => TargetOs::Windows,
        _ => TargetOs::Auto,
    }
}
