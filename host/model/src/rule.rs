//! The rules of spec 1.3 that go beyond single properties.

use std::collections::HashMap;

use crate::catalog;
use crate::defaults::{DEFAULTS_PROPERTIES, check_empty_values};
use crate::flow::{Flow, Strictness};
use crate::label::check_system_labels;
use crate::node::{Node, Value};
use crate::path::Path;
use crate::property::check::Checker;
use crate::source::Span;
use crate::type_name::canonical_type;
use crate::violation::{Violation, Violations};

mod cron;
mod files;
mod input;
mod task;
mod trigger;

/// Ids that clash with the addresses of the API.
const RESERVED_IDS: &[&str] =
    &["pause", "resume", "force-run", "change-status", "kill", "executions", "search", "source", "disable", "enable"];

pub(crate) fn check_flow(node: &Node, flow: &Flow, strictness: Strictness) -> Violations {
    let mut checker = Checker::new(strictness);
    checker.object(node, &Path::Root, "the flow", &[catalog::document::FLOW], true);
    let mut found = checker.found;
    identity(node, flow, &mut found);
    check_system_labels(node.get("labels"), &Path::Root.key("labels"), &mut found);
    for list in ["tasks", "triggers", "inputs", "outputs", "sla"] {
        let ids = if list == "tasks" { Vec::new() } else { ids(node.get(list)) };
        duplicates(list.trim_end_matches('s'), &ids, &Path::Root.key(list), &mut found);
    }
    sla(node.get("sla"), &mut found);
    crate::retry::check_intervals(node.get("retry"), &Path::Root.key("retry"), &mut found);
    task::check(node, flow, &mut found);
    input::check(node.get("inputs"), &Path::Root.key("inputs"), &mut found);
    input::check_prefixes("output", &ids(node.get("outputs")), &Path::Root.key("outputs"), &mut found);
    trigger::check(node.get("triggers"), &mut found);
    for (place, listener) in node.get("listeners").and_then(Node::as_seq).unwrap_or_default().iter().enumerate() {
        let at = Path::Root.key("listeners");
        trigger::known_conditions(listener.get("conditions"), &at.index(place).key("conditions"), &mut found);
    }
    for name in DEFAULTS_PROPERTIES {
        if let Some(list) = node.get(name) {
            check_empty_values(list, &Path::Root.key(name), &mut found);
        }
    }
    renamed_types(node, &Path::Root, &mut found);
    found.sort();
    found
}

fn identity(node: &Node, flow: &Flow, found: &mut Violations) {
    if RESERVED_IDS.contains(&&*flow.id) {
        let span = node.get("id").map_or(node.span, |id| id.span);
        let message = format!("the id `{}` is reserved for an address of the API", flow.id);
        found.push(Violation::error("flow::reserved_id", &Path::Root.key("id"), span, message).with_help("choose another id"));
    }
    if node.get("tasks").and_then(Node::as_seq).is_some_and(<[Node]>::is_empty) {
        let span = node.get("tasks").map_or(node.span, |tasks| tasks.span);
        found.push(Violation::error("flow::no_tasks", &Path::Root.key("tasks"), span, "a flow needs at least one task"));
    }
}

/// An id or namespace that differs from the flow that is updated.
pub fn check_update(stored: &Flow, updated: &Flow) -> Violations {
    [("id", &stored.id, &updated.id), ("namespace", &stored.namespace, &updated.namespace)]
        .into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| {
            let span = updated.node.get(name).map_or(updated.span, |value| value.span);
            let message = format!("Illegal flow {name} update: `{before}` cannot become `{after}`");
            Violation::error("flow::identity_changed", &Path::Root.key(name), span, message).with_help("create a new flow instead")
        })
        .collect()
}

/// The ids of a list's items with the span of each.
pub(crate) fn ids(list: Option<&Node>) -> Vec<(String, Span)> {
    let items = list.and_then(Node::as_seq).unwrap_or_default();
    let id = |item: &Node| {
        let id = item.get("id").or_else(|| item.get("name"))?;
        Some((id.scalar_text()?.to_string(), id.span))
    };
    items.iter().filter_map(id).collect()
}

/// One violation for all repeated ids, at the first repetition.
pub(crate) fn duplicates(what: &str, ids: &[(String, Span)], path: &Path<'_>, found: &mut Violations) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut repeated: Vec<(&str, Span)> = Vec::new();
    for (id, span) in ids {
        let count = seen.entry(id).or_default();
        *count += 1;
        if *count == 2 {
            repeated.push((id, *span));
        }
    }
    if let Some((_, span)) = repeated.first() {
        let names: Vec<_> = repeated.iter().map(|(id, _)| *id).collect();
        let message = format!("Duplicate {what} id with name [{}]", names.join(", "));
        found.push(Violation::error("flow::duplicate_id", path, *span, message).with_help("give each its own id, nested ones included"));
    }
}

fn sla(list: Option<&Node>, found: &mut Violations) {
    let at = Path::Root.key("sla");
    for (index, item) in list.and_then(Node::as_seq).unwrap_or_default().iter().enumerate() {
        let needed = match item.get("type").and_then(Node::as_str) {
            Some("MAX_DURATION") => "duration",
            Some("EXECUTION_ASSERTION") => "assert",
            _ => continue,
        };
        if item.get(needed).is_none_or(Node::is_null) {
            let message = format!("an SLA of this type needs `{needed}`");
            found.push(Violation::error("flow::missing_property", &at.index(index).key(needed), item.span, message));
        }
    }
}

/// `infos` of a validation: every old type name with its current one.
fn renamed_types(node: &Node, path: &Path<'_>, found: &mut Violations) {
    match &node.value {
        Value::Seq(items) => items.iter().enumerate().for_each(|(index, item)| renamed_types(item, &path.index(index), found)),
        Value::Map(map) => {
            if let Some(written) = map.get("type").filter(|written| written.as_str().is_some_and(|name| canonical_type(name) != name)) {
                let name = written.as_str().unwrap_or_default();
                let message = format!("{name} is replaced by {}", canonical_type(name));
                found.push(Violation::info("flow::renamed_type", &path.key("type"), written.span, message));
            }
            map.iter().for_each(|(key, entry)| renamed_types(&entry.value, &path.key(key), found));
        }
        _ => {}
    }
}
