//! `templating.TemplatedTask`: a task that is made of text when its turn comes. It gets its defaults like any other.

use switchyard_model::{Flow, Severity, Sources, yaml};
use switchyard_plugin_api::Error;
use switchyard_registry::Registry;

use crate::{
    config::Config,
    load::{self, Facts, Work},
};

pub const TYPE: &str = "io.kestra.plugin.core.templating.TemplatedTask";

/// What a rendered `spec` needs to run. `flow` is the one around it.
pub fn templated(spec: &str, flow: &Flow, registry: &Registry, config: &Config) -> Result<Facts, Error> {
    let wrong = |message: String| Error::user("task::template", message).at("/spec");
    let mut sources = Sources::new();
    let (_, document) = yaml::parse_bytes(&mut sources, "spec", wrapped(spec, flow).as_bytes());
    let document = document.map_err(|violations| wrong(format!("`spec` rendered to text that is not YAML: {}", errors(&violations))))?;
    let (own, _) = switchyard_model::read_defaults(&flow.node);
    let merged = load::around(config, &flow.namespace).apply_to(&document.root, &own, registry);
    let (inner, mut violations) = Flow::from_node(&merged.node);
    if let Some(inner) = &inner {
        violations.extend(load::check_components(&merged.node, inner, registry));
    }
    if violations.has_errors() {
        return Err(wrong(format!("`spec` rendered to no valid task: {}", errors(&violations)))
            .with_help("the text must be one task with `id`, `type` and its properties"));
    }
    let inner = inner.ok_or_else(|| wrong("`spec` rendered to no task".to_owned()))?;
    let Some(task) = inner.tasks.first().filter(|task| task.is_runnable()) else {
        return Err(
            wrong("`spec` rendered to a flowable task".to_owned()).with_help("only tasks that run by themselves can be made of text")
        );
    };
    let facts = Facts::new(task, registry);
    match facts.work {
        Work::Templated => Err(wrong("`spec` rendered to a TemplatedTask".to_owned())),
        _ => Ok(facts),
    }
}

/// A flow with the task alone, so that everything which is checked in flows is checked here.
fn wrapped(spec: &str, flow: &Flow) -> String {
    let mut text = format!("id: {}\nnamespace: {}\ntasks:\n  -\n", flow.id, flow.namespace);
    // The task around it has the id that counts; its text may go without one.
    let has = |key: &str| spec.lines().any(|line| line.trim_start_matches(['"', '\'']).starts_with(key));
    if has("type") && !has("id") {
        text.push_str("    id: templated\n");
    }
    for line in spec.trim_start_matches("---").lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// What is wrong, without places: lines of the wrapped text are nobody's.
fn errors(violations: &switchyard_model::Violations) -> String {
    let errors = violations.iter().filter(|violation| violation.severity == Severity::Error);
    errors.map(|violation| violation.message.as_str()).collect::<Vec<_>>().join("; ")
}
