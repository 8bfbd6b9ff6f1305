//! `switchyard explain FLOW --task ID`: where each value of a task came from, and what it replaced.

use std::path::Path;

use switchyard_engine::Loaded;
use switchyard_model::{Node, Path as Place, Severity, Value, suggestion};
use switchyard_plugin_api::{ComponentKind, Image};
use switchyard_registry::Registry;

use crate::{
    arguments::Globals,
    command::{plugins::property, print},
    exit::Exit,
    failure::Failure,
    host::Host,
    screen::{Finding, Screen, Table},
};

/// Longer values are cut: the file has the rest.
const SHOWN: usize = 60;
const RUNNER: &str = "taskRunner";

pub fn run(globals: &Globals, file: &Path, id: &str) -> Result<Exit, Failure> {
    let mut host = Host::open(globals)?;
    let loaded = host.load(file).map_err(|violations| Failure::findings(violations, host.sources.clone()))?;
    let mut tasks = Vec::new();
    collect(&loaded.node, &Place::Root, &mut tasks);
    let Some((path, node)) = tasks.iter().find(|(_, node)| id_of(node) == Some(id)) else {
        return Err(unknown(id, &tasks));
    };
    let screen = Screen::stdout(globals.color);
    let palette = screen.palette;
    let mut table = Table::new(["PROPERTY", "VALUE", "FROM", "INSTEAD OF"]);
    leaves(node, &Place::Root, &mut |at, leaf| {
        let replaced = replaced(&loaded, &host, &format!("{path}{}{at}", if at.starts_with('[') { "" } else { "." }));
        table.push([at, shown(leaf), host.sources.locate(leaf.span).to_string(), replaced]);
    });
    for (at, value) in built_in(node, &host.registry) {
        table.push([at, value, "built-in default".to_owned(), String::new()]);
    }
    let mut text = table.render(|row, column, cell| match (row, column) {
        (0, _) => palette.dim(cell).to_string(),
        (_, 0) => palette.name(cell).to_string(),
        (_, 3) => palette.dim(cell).to_string(),
        _ => cell,
    });
    for note in ignored(node, &host.registry) {
        text.push_str(&format!("\n{} {note}\n", palette.doubtful("note:")));
    }
    for violation in loaded.violations.iter().filter(|violation| violation.severity == Severity::Error && violation.path.starts_with(path)) {
        text.push_str(&format!("\n{}", Finding::of(violation, &host.sources).render(&screen)));
    }
    print(text.as_bytes())?;
    Ok(Exit::Success)
}

/// Every map with `id` and `type` that stands in a list: tasks, at any depth, and triggers.
fn collect<'a>(node: &'a Node, path: &Place<'_>, found: &mut Vec<(String, &'a Node)>) {
    match &node.value {
        Value::Map(map) => {
            for (key, entry) in map.iter() {
                collect(&entry.value, &path.key(key), found);
            }
        }
        Value::Seq(items) => {
            for (at, item) in items.iter().enumerate() {
                let here = path.index(at);
                if id_of(item).is_some() && item.get("type").is_some() {
                    found.push((here.to_string(), item));
                }
                collect(item, &here, found);
            }
        }
        _ => {}
    }
}

fn id_of(node: &Node) -> Option<&str> {
    node.get("id")?.as_str()
}

fn unknown(id: &str, tasks: &[(String, &Node)]) -> Failure {
    // Inputs have an id and a type as well.
    let ids = tasks.iter().filter(|(path, _)| !path.starts_with("inputs")).filter_map(|(_, node)| id_of(node));
    let ids: Vec<&str> = ids.collect();
    let failure = Failure::usage("cli::unknown_task", format!("the flow has no task `{id}`"));
    match suggestion::help(id, ids.iter().copied()) {
        Some(help) => failure.with_help(help),
        None => failure,
    }
}

/// Every scalar below a node, and maps and lists without content.
fn leaves(node: &Node, path: &Place<'_>, visit: &mut impl FnMut(String, &Node)) {
    match &node.value {
        Value::Map(map) if !map.is_empty() => map.iter().for_each(|(key, entry)| leaves(&entry.value, &path.key(key), visit)),
        Value::Seq(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, item)| leaves(item, &path.index(at), visit));
        }
        _ => visit(path.to_string(), node),
    }
}

/// A value in one line.
fn shown(node: &Node) -> String {
    let text = node.as_str().map_or_else(|| node.to_json().to_string(), str::to_owned);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What lost against the value at a path, or against something that holds it.
fn replaced(loaded: &Loaded, host: &Host, path: &str) -> String {
    let holds = |outer: &str| path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let losers = loaded.overrides.iter().filter(|change| holds(&change.path)).map(|change| {
        let line = host.sources.text(change.loser).lines().next().unwrap_or_default().trim().to_owned();
        format!("{line} ({})", host.sources.locate(change.loser))
    });
    losers.collect::<Vec<_>>().join(", ")
}

/// Defaults that the components of a task bring themselves.
fn built_in(task: &Node, registry: &Registry) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (node, prefix) in [(Some(task), ""), (task.get(RUNNER), "taskRunner.")] {
        let type_name = node.and_then(|node| node.get("type")).and_then(Node::as_str);
        let Some(component) = type_name.and_then(|name| registry.component(name).ok()) else { continue };
        for property in property::of_schema(&component.schema) {
            let written = node.is_some_and(|node| node.get(property.name.split(['.', '[']).next().unwrap_or_default()).is_some());
            if let Some(default) = property.default.filter(|_| !written) {
                found.push((format!("{prefix}{}", property.name), default));
            }
        }
    }
    found
}

/// What is written but has no effect with the chosen runner.
fn ignored(task: &Node, registry: &Registry) -> Vec<String> {
    let runner = task.get(RUNNER).and_then(|runner| runner.get("type")).and_then(Node::as_str);
    let Some(component) = runner.and_then(|name| registry.component(name).ok()) else { return Vec::new() };
    let mut notes = Vec::new();
    if component.kind == ComponentKind::TaskRunner && component.capabilities.image == Image::Ignored && task.get("containerImage").is_some() {
        notes.push(format!("`containerImage` is ignored: {} runs the command without an image", component.type_name));
    }
    notes
}
