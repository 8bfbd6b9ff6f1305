//! From a text to a flow that can run: parse, merge defaults, check, look up what each task needs.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use serde_json::{Map, Value as Json};
use switchyard_model::{Flow, Node, Path, SourceId, Sources, Span, Task, TaskKind, Value, Violation, Violations, canonical_type, yaml};
use switchyard_plugin_api::{COMMON_PROPERTIES, Component, ComponentKind, DynTask};
use switchyard_registry::{Registry, defaults};

pub use crate::script::{Chosen, choose};
use crate::{
    config::Config,
    core::{Program, TaskIx},
    lint,
    task::{
        CoreTask, is_core,
        job::{self, JobTask},
        templated,
    },
};

/// A text after everything that can be known before a run.
pub struct Loaded {
    /// The text.
    pub source: SourceId,
    /// The document with all defaults merged; every value knows where it came from.
    pub node: Node,
    /// Values that lost against others.
    pub overrides: Vec<defaults::Override>,
    /// Everything wrong or questionable.
    pub violations: Violations,
    /// Present exactly when no violation is an error.
    pub program: Option<Arc<Prepared>>,
}

/// A program and what is known about each of its tasks.
pub struct Prepared {
    pub program: Arc<Program>,
    /// The exact text, for the journal.
    pub text: Arc<str>,
    facts: Vec<OnceLock<Facts>>,
}

/// What a task needs at each of its runs.
pub struct Facts {
    /// The task's own properties as written, without those every task has.
    pub properties: Map<String, Json>,
    pub work: Work,
}

/// Who does the work of a runnable task.
pub enum Work {
    Core(CoreTask),
    Job(&'static JobTask),
    /// A task that is made of text when its turn comes.
    Templated,
    Plugin {
        component: Arc<Component>,
        task: Arc<dyn DynTask>,
    },
    /// The engine starts other executions.
    Call,
    /// Nobody; the error says why.
    Unknown(switchyard_plugin_api::Error),
}

impl Loaded {
    pub fn flow(&self) -> Option<&Arc<Flow>> {
        self.program.as_ref().map(|prepared| &prepared.program.flow)
    }
}

/// Reads a flow from a file.
pub fn file(path: &std::path::Path, registry: &Registry, config: &Config, sources: &mut Sources) -> Result<Loaded, Violations> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        let source = sources.add(name.clone(), "");
        let span = Span::of_source(source);
        Violation::error("flow::unreadable", &Path::Root, span, format!("{name} cannot be read: {error}"))
            .with_help("check the path and that this user may read the file")
    })?;
    bytes_of(name, &bytes, registry, config, sources)
}

/// Reads a flow from bytes that somebody sent.
pub fn bytes_of(
    name: impl Into<Arc<str>>,
    bytes: &[u8],
    registry: &Registry,
    config: &Config,
    sources: &mut Sources,
) -> Result<Loaded, Violations> {
    let (source, document) = yaml::parse_bytes(sources, name, bytes);
    let document = document?;
    let text = Arc::clone(sources.get(source).text());
    Ok(document_of(source, text, document, registry, config))
}

fn document_of(source: SourceId, text: Arc<str>, document: yaml::Document, registry: &Registry, config: &Config) -> Loaded {
    let mut violations = document.warnings;
    let (of_flow, found) = switchyard_model::read_defaults(&document.root);
    violations.extend(found);
    let namespace = document.root.get("namespace").and_then(Node::as_str).unwrap_or_default().to_owned();
    let around = around(config, &namespace);
    let defaults::Merged { node, overrides, unresolved } = around.apply_to(&document.root, &of_flow, registry);
    let (flow, found) = Flow::from_node(&node);
    violations.extend(found);
    // A flow with errors is read as far as it goes, so that everything wrong is told at once.
    let tasks =
        flow.as_ref().map_or_else(|| check_components(&node, &Flow::read(&node), registry), |flow| check_components(&node, flow, registry));
    violations.extend(tasks);
    for found in unresolved {
        let message = format!("no entry of `pluginDefaults` has `ref: {}` and fits this type", found.name);
        let mut violation = Violation::error("defaults::unknown_reference", &Path::Root, found.span, message)
            .with_help("write the `ref` of an entry in the flow's `pluginDefaults` or the host's switchyard.yaml");
        violation.path = found.path;
        violations.push(violation);
    }
    if let Some(flow) = &flow {
        violations.extend(lint::expressions(&node, flow, source, &text, registry));
    }
    violations.sort();
    let program = flow.filter(|_| !violations.has_errors()).map(|flow| {
        let program = Arc::new(Program::new(Arc::new(flow)));
        Arc::new(Prepared { facts: (0..program.len()).map(|_| OnceLock::new()).collect(), program, text })
    });
    Loaded { source, node, overrides, violations, program }
}

/// The defaults that a flow of a namespace gets from outside.
pub(crate) fn around(config: &Config, namespace: &str) -> defaults::Defaults {
    defaults::Defaults { server: config.defaults.clone(), namespaces: config.namespace_defaults(namespace) }
}

/// Plugin tasks and task runners: known, and their properties fit their schemas.
pub(crate) fn check_components(root: &Node, flow: &Flow, registry: &Registry) -> Violations {
    let plugin = |task: &&Task| matches!(task.kind, TaskKind::Runnable) && !is_core(task.canonical_type());
    let spans: HashSet<Span> = flow.all_tasks().into_iter().filter(plugin).map(|task| task.span).collect();
    let mut found = Violations::new();
    check_below(root, &Path::Root, &spans, registry, &mut found);
    found
}

fn check_below(node: &Node, path: &Path<'_>, tasks: &HashSet<Span>, registry: &Registry, found: &mut Violations) {
    match &node.value {
        Value::Map(_) if tasks.contains(&node.span) && node.get("type").is_some() => found.extend(registry.check_node(node, path)),
        Value::Map(map) => map.iter().for_each(|(name, entry)| check_below(&entry.value, &path.key(name), tasks, registry, found)),
        Value::Seq(items) => {
            items.iter().enumerate().for_each(|(place, item)| check_below(item, &path.index(place), tasks, registry, found));
        }
        _ => {}
    }
}

impl Prepared {
    pub fn facts(&self, number: TaskIx, registry: &Registry) -> &Facts {
        self.facts[number].get_or_init(|| Facts::new(&self.program.def(number).task, registry))
    }
}

impl Facts {
    pub(crate) fn new(task: &Task, registry: &Registry) -> Self {
        let mut properties = task.node.as_map().map(switchyard_model::Map::to_json).unwrap_or_default();
        properties.retain(|name, _| !COMMON_PROPERTIES.contains(&name.as_str()));
        let work = match &task.kind {
            TaskKind::Subflow(_) | TaskKind::ForEachItem(_) => Work::Call,
            _ => Work::of(&task.type_name, registry),
        };
        Self { properties, work }
    }
}

impl Work {
    fn of(type_name: &str, registry: &Registry) -> Self {
        let canonical = canonical_type(type_name);
        if let Some(core) = CoreTask::of(canonical) {
            return Self::Core(core);
        }
        if let Some(job) = job::find(canonical) {
            return Self::Job(job);
        }
        if canonical == templated::TYPE {
            return Self::Templated;
        }
        plugin(type_name, registry).unwrap_or_else(Self::Unknown)
    }
}

fn plugin(type_name: &str, registry: &Registry) -> Result<Work, switchyard_plugin_api::Error> {
    let component = registry.component(type_name)?;
    if component.kind != ComponentKind::Task {
        registry.task(type_name)?;
    }
    Ok(Work::Plugin { task: registry.task(type_name)?, component })
}
