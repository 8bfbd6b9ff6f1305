//! Expressions that cannot work, found before a run: what does not parse, and names that the flow does not have. A branch that never
//! runs may hold anything, so these are warnings.

mod order;

use std::{collections::HashSet, ops::Range};

use switchyard_expr::{EntryKind, Reference, Template, needs_rendering};
use switchyard_model::{Flow, Node, Path, SourceId, Span, TaskKind, Value, Violation, Violations, catalog, suggestion};
use switchyard_registry::Registry;

use self::order::Order;

/// Lists of tasks of a flow.
const TASKS: &[&str] = &["tasks", "errors", "finally", "afterExecution", "listeners", "outputs"];
/// Properties that are no templates, or see other variables than the task they stand at.
const ELSEWHERE: &[&str] = &["id", "type", "description", "displayName", "conditions", "pluginDefaults", "taskDefaults"];
const CODE: &str = "expr::unknown_reference";

/// What an execution of the flow knows by name.
struct Names<'a> {
    inputs: Vec<&'a str>,
    tasks: Vec<String>,
    /// Absent when tasks may add to them.
    vars: Option<Vec<&'a str>>,
}

impl<'a> Names<'a> {
    fn of(flow: &'a Flow) -> Self {
        let all = flow.all_tasks();
        let mut tasks: Vec<String> = all.iter().map(|task| task.id.to_string()).collect();
        for task in all.iter().filter(|task| matches!(task.kind, TaskKind::ForEachItem(_))) {
            tasks.extend(["split", "items", "merge"].map(|step| format!("{}_{step}", task.id)));
        }
        let changes = all.iter().any(|task| task.canonical_type().ends_with("etVariables"));
        Self {
            inputs: flow.inputs.iter().map(|input| input.id.split('.').next().unwrap_or_default()).collect(),
            tasks,
            vars: (!changes).then(|| flow.variables.keys().map(String::as_str).collect()),
        }
    }

    /// What is wrong with a reference, and what may have been meant.
    fn missing(&self, reference: &Reference) -> Option<(String, Option<String>)> {
        let [root, name, ..] = reference.path.as_slice() else { return None };
        let (what, known): (_, Vec<&str>) = match &**root {
            "inputs" => ("input", self.inputs.clone()),
            "outputs" | "tasks" => ("task", self.tasks.iter().map(String::as_str).collect()),
            "vars" => ("variable", self.vars.clone()?),
            _ => return None,
        };
        if reference.guarded || known.contains(&&**name) {
            return None;
        }
        let help = suggestion::help(name, known.iter().copied());
        let property = if &**root == "vars" { "variables" } else { root };
        let help = help.or_else(|| Some(format!("declare it below `{property}`, or give an answer with `??`")));
        Some((format!("`{}`: the flow has no {what} `{name}`", reference.path.join(".")), help))
    }
}

struct Lint<'a> {
    names: Names<'a>,
    order: Order,
    registry: &'a Registry,
    source: SourceId,
    text: &'a str,
    found: Violations,
    seen: HashSet<(Span, String)>,
}

/// Warnings about the expressions of a flow, whose text is `text`.
pub fn expressions(root: &Node, flow: &Flow, source: SourceId, text: &str, registry: &Registry) -> Violations {
    let names = Names::of(flow);
    let mut lint = Lint { names, order: Order::of(root), registry, source, text, found: Violations::new(), seen: HashSet::new() };
    for name in TASKS {
        if let Some(list) = root.get(name) {
            lint.below(list, &Path::Root.key(name), true);
        }
    }
    lint.found
}

impl Lint<'_> {
    fn below(&mut self, node: &Node, path: &Path<'_>, names_count: bool) {
        match &node.value {
            Value::String(text) if needs_rendering(text) => self.template(text, node, path, names_count),
            Value::Seq(items) => {
                items.iter().enumerate().for_each(|(place, item)| self.below(item, &path.index(place), names_count));
            }
            Value::Map(map) => {
                let type_name = node.get("type").and_then(Node::as_str).unwrap_or_default();
                for (name, entry) in map.iter() {
                    let name = &**name;
                    if ELSEWHERE.contains(&name) || name == "inputFiles" && self.is_raw(type_name) {
                        continue;
                    }
                    // The old `outputs` of a Subflow are rendered by the flow that is called, an item's expression sees the item.
                    let calls = type_name.ends_with(".Subflow") || type_name.ends_with(".flows.Flow");
                    let foreign = calls && name == "outputs" || matches!(name, "expr" | "filterCondition" | "onResume");
                    self.below(&entry.value, &path.key(name), names_count && !foreign);
                }
            }
            _ => {}
        }
    }

    /// Files of a tool with templates of the same form are not rendered.
    fn is_raw(&self, type_name: &str) -> bool {
        if type_name.is_empty() || catalog::find(type_name).is_some() {
            return false;
        }
        let component = self.registry.component(type_name).ok();
        component.is_some_and(|component| {
            component.schema.pointer("/properties/inputFiles/x-switchyard").and_then(serde_json::Value::as_str) == Some("raw")
        })
    }

    fn template(&mut self, text: &str, node: &Node, path: &Path<'_>, names_count: bool) {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(error) => {
                let place = error.place();
                let span = self.locate(text, node.span, place.offset..place.offset + place.len);
                self.warn(error.code(), path, span, error.to_string(), error.help().map(str::to_owned));
                return;
            }
        };
        for (name, place) in template.unknown_functions() {
            let span = self.locate(text, node.span, place);
            let known: Vec<&str> =
                switchyard_expr::entries().iter().filter(|entry| entry.kind == EntryKind::Function).map(|entry| entry.name).collect();
            let help = suggestion::nearest(&name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            self.warn("expr::unknown_function", path, span, format!("there is no function or macro `{name}`"), help);
        }
        if !names_count {
            return;
        }
        for reference in template.references() {
            if let Some((message, help)) = self.names.missing(&reference) {
                let span = self.locate(text, node.span, reference.place);
                self.warn(CODE, path, span, message, help);
            } else if let Some(message) = self.order.too_early(&reference, &path.to_string()) {
                let span = self.locate(text, node.span, reference.place);
                let help = "move that task before this one, or give an answer for the case with `??`".to_owned();
                self.warn(CODE, path, span, message, Some(help));
            }
        }
    }

    fn warn(&mut self, code: &'static str, path: &Path<'_>, span: Span, message: String, help: Option<String>) {
        if !self.seen.insert((span, message.clone())) {
            return;
        }
        let mut violation = Violation::warning(code, path, span, message);
        violation.help = help;
        self.found.push(violation);
    }

    /// A place of a rendered-to-be text in the document: found by its line, because quotes and blocks move characters.
    fn locate(&self, text: &str, around: Span, place: Range<usize>) -> Span {
        let start = text.get(..place.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let written = self.text.get(around.range()).filter(|_| around.source == self.source).unwrap_or_default();
        let Some(found) = (!line.is_empty()).then(|| written.find(line)).flatten() else { return around };
        let at = around.range().start + found + (place.start - start);
        let end = (at + place.len()).min(around.range().start + found + line.len());
        Span::new(self.source, at, end.max(at))
    }
}
