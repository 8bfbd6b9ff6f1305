//! Each value of a task and its runner: what it is, where it was written, what it won against, and whether anything reads it.

use std::path::Path as File;

use serde::Serialize;
use serde_json::Value as Json;
use switchyard_engine::{Loaded, load::choose};
use switchyard_model::{Flow, Map, Node, Path, Sources, Span, Value, suggestion};
use switchyard_registry::Registry;

use super::{ignored::Readers, origin::Origin};
use crate::{
    arguments::{Format, Globals},
    command::{plugins::property, print, print_json},
    exit::Exit,
    failure::Failure,
    host::Host,
    screen::{Screen, Table},
};

const DOCKER: &str = "io.kestra.plugin.scripts.runner.docker.Docker";
/// Wider values are cut in the table.
const WIDTH: usize = 60;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Explanation {
    task_id: String,
    #[serde(rename = "type")]
    type_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    runner_type: Option<String>,
    values: Vec<Row>,
    /// Values that lost against something of another name, such as a default `taskRunner` against the task's `runner`.
    set_aside: Vec<Lost>,
}

#[derive(Serialize)]
struct Row {
    property: String,
    value: Json,
    from: Origin,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overrode: Vec<Lost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize)]
struct Lost {
    property: String,
    /// As written.
    value: String,
    from: Origin,
}

pub fn run(globals: &Globals, file: &File, id: &str, format: Format) -> Result<Exit, Failure> {
    let mut host = Host::open(globals)?;
    let loaded = host.load(file).map_err(|violations| Failure::findings(violations, host.sources.clone()))?;
    let Some(explanation) = explain(id, &loaded, &host.sources, &host.registry) else {
        // What is wrong with the flow may be why the task is not found.
        return Err(if loaded.violations.has_errors() { host.failure(loaded.violations) } else { missing(id, &loaded.node) });
    };
    match format {
        Format::Json => print_json(&explanation)?,
        Format::Text => print(text(globals, &explanation).as_bytes())?,
    }
    if loaded.violations.has_errors() {
        return Err(host.failure(loaded.violations));
    }
    Ok(Exit::Success)
}

fn missing(id: &str, root: &Node) -> Failure {
    let flow = Flow::read(root);
    let known: Vec<&str> = flow.all_tasks().iter().map(|task| &*task.id).collect();
    let failure = Failure::usage("cli::unknown_task", format!("the flow has no task `{id}`"));
    match suggestion::help(id, known.iter().copied()) {
        Some(help) => failure.with_help(help),
        None => failure,
    }
}

fn explain(id: &str, loaded: &Loaded, sources: &Sources, registry: &Registry) -> Option<Explanation> {
    let flow = Flow::read(&loaded.node);
    let task = flow.task(id)?;
    let (path, node) = find(&loaded.node, &Path::Root, task.span)?;
    let origin = |span| Origin::of(span, loaded.source, sources);
    let mut values = Vec::new();
    leaves(node, &Path::Root, &mut |path, node| {
        let (property, from) = (path.to_string(), origin(node.span));
        values.push(Row { property, value: node.to_json(), from, overrode: Vec::new(), ignored: None, note: None });
    });
    let runner_type = add_runner(&mut values, node, &task.type_name, registry);

    let mut set_aside = Vec::new();
    for lost in &loaded.overrides {
        let Some(property) = lost.path.strip_prefix(&path).and_then(|rest| rest.strip_prefix('.')) else { continue };
        let value = sources.text(lost.loser).trim().to_owned();
        let entry = Lost { property: property.to_owned(), value, from: origin(lost.loser) };
        match values.iter_mut().find(|row| is_at_or_below(&row.property, property)) {
            Some(row) => row.overrode.push(entry),
            // A task inside of this one has its own explanation.
            None if node.get_path(property).is_some() => {}
            None => set_aside.push(entry),
        }
    }
    Some(Explanation { task_id: id.to_owned(), type_name: task.type_name.to_string(), runner_type, values, set_aside })
}

fn is_at_or_below(property: &str, of: &str) -> bool {
    property.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The task's place in the document.
fn find<'a>(node: &'a Node, path: &Path<'_>, span: Span) -> Option<(String, &'a Node)> {
    match &node.value {
        Value::Map(_) if node.span == span && node.get("type").is_some() => Some((path.to_string(), node)),
        Value::Map(map) => map.iter().find_map(|(name, entry)| find(&entry.value, &path.key(name), span)),
        Value::Seq(items) => items.iter().enumerate().find_map(|(index, item)| find(item, &path.index(index), span)),
        _ => None,
    }
}

/// Every value that has none below it, without the tasks inside of a task.
fn leaves(node: &Node, path: &Path<'_>, visit: &mut dyn FnMut(&Path<'_>, &Node)) {
    let is_task = |node: &Node| node.get("id").is_some() && node.get("type").is_some();
    match &node.value {
        Value::Map(_) if is_task(node) && !matches!(path, Path::Root) => {}
        Value::Map(map) if !map.is_empty() => map.iter().for_each(|(name, entry)| leaves(&entry.value, &path.key(name), visit)),
        Value::Seq(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(index, item)| leaves(item, &path.index(index), visit));
        }
        _ => visit(path, node),
    }
}

/// Adds what is built in, and what the runner thinks of the values; answers its type.
fn add_runner(values: &mut Vec<Row>, task: &Node, type_name: &str, registry: &Registry) -> Option<String> {
    let component = registry.component(type_name).ok()?;
    values.extend(built_in(task, &component.schema, "", &[""]));
    let properties = task.as_map().map(Map::to_json).unwrap_or_default();
    let is_docker = |name: &str| registry.canonical(name).unwrap_or(name) == DOCKER;
    let chosen = choose(&properties, is_docker).ok()?;
    let runner = registry.component(&chosen.type_name).ok()?;
    let readers = Readers { properties: &properties, chosen: &chosen, runner: &runner, is_docker: is_docker(&chosen.type_name) };
    for row in values.iter_mut() {
        row.ignored = readers.ignored(&row.property);
    }
    if let Some(reason) = readers.decided_by() {
        let mut row = default_row("taskRunner.type".to_owned(), Json::from(runner.type_name.as_str()));
        row.note = Some(reason.to_owned());
        values.push(row);
    }
    let written: &[&str] = if readers.is_docker { &["taskRunner.", "docker."] } else { &["taskRunner."] };
    values.extend(built_in(task, &runner.schema, "taskRunner.", written));
    Some(runner.type_name.clone())
}

/// Defaults of a schema for what is written at none of the places.
fn built_in(task: &Node, schema: &Json, prefix: &str, written: &[&str]) -> Vec<Row> {
    let is_written = |name: &str| written.iter().any(|place| task.get_path(&format!("{place}{name}")).is_some_and(|node| !node.is_null()));
    let applies = |name: &str| !name.contains("[]") && name.rsplit_once('.').is_none_or(|(parent, _)| is_written(parent));
    let defaults = property::of_schema(schema).into_iter().filter(|property| applies(&property.name) && !is_written(&property.name));
    defaults
        .filter_map(|property| {
            let value = serde_json::from_str(&property.default?).ok()?;
            Some(default_row(format!("{prefix}{}", property.name), value))
        })
        .collect()
}

fn default_row(property: String, value: Json) -> Row {
    Row { property, value, from: Origin::BUILT_IN, overrode: Vec::new(), ignored: None, note: None }
}

fn text(globals: &Globals, explanation: &Explanation) -> String {
    let palette = Screen::stdout(globals.color).palette;
    let on = explanation.runner_type.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
    let mut text = format!("{} {}\n\n", palette.bold(&explanation.task_id), palette.dim(format!("{}{on}", explanation.type_name)));
    let mut table = Table::new(["PROPERTY", "VALUE", "FROM", "NOTE"]);
    for row in &explanation.values {
        let lost = row.overrode.iter().map(|lost| format!("instead of {} ({})", cut(&lost.value), lost.from));
        let notes: Vec<String> = row.ignored.iter().map(|why| format!("ignored: {why}")).chain(row.note.clone()).chain(lost).collect();
        let value = row.value.as_str().map_or_else(|| row.value.to_string(), str::to_owned);
        table.push([row.property.clone(), cut(&value), row.from.to_string(), notes.join("; ")]);
    }
    text.push_str(&table.render(|row, column, cell| match (row, column) {
        (0, _) => palette.dim(cell).to_string(),
        (row, 3) if explanation.values[row - 1].ignored.is_some() => palette.doubtful(cell).to_string(),
        _ => cell,
    }));
    for lost in &explanation.set_aside {
        text.push_str(&format!("\nset aside: {} = {} ({})\n", lost.property, cut(&lost.value), lost.from));
    }
    text
}

/// The first line, not too long.
fn cut(value: &str) -> String {
    let line = value.trim_end().lines().next().unwrap_or_default();
    let short: String = line.chars().take(WIDTH).collect();
    if short.len() < value.trim_end().len() { format!("{short}…") } else { short }
}
