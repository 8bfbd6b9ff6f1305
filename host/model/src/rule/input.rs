//! Rules about inputs: spec 1.3, 3.1 and 3.5.

use std::sync::Arc;

use super::task::cycle;
use super::{duplicates, ids};
use crate::input::{Input, InputType, convert, example};
use crate::node::Node;
use crate::path::Path;
use crate::source::Span;
use crate::suggestion;
use crate::violation::{Violation, Violations};

pub(super) fn check(list: Option<&Node>, path: &Path<'_>, found: &mut Violations) {
    let items = list.and_then(Node::as_seq).unwrap_or_default();
    let ids = ids(list);
    if !matches!(path, Path::Key(Path::Root, _)) {
        // The flow's own inputs are counted with the other lists of the document.
        duplicates("input", &ids, path, found);
    }
    check_prefixes("input", &ids, path, found);
    let inputs: Vec<(usize, Input)> = items.iter().enumerate().filter_map(|(index, item)| Some((index, Input::read(item)?))).collect();
    for (index, input) in &inputs {
        self::input(input, &items[*index], &path.index(*index), found);
        depends_on(input, &ids, &path.index(*index), found);
    }
    let edges: Vec<(Arc<str>, Vec<Arc<str>>)> = inputs
        .iter()
        .map(|(_, input)| (Arc::clone(&input.id), input.depends_on.as_ref().map_or_else(Vec::new, |depends| depends.inputs.clone())))
        .collect();
    if let Some(cycle) = cycle(&edges) {
        let span = inputs.iter().find(|(_, input)| *input.id == *cycle[0]).map_or(Span::default(), |(_, input)| input.span);
        let message = format!("the inputs depend on each other in a circle: {}", cycle.join(" → "));
        found.push(Violation::error("input::cycle", path, span, message).with_help("remove one of these dependencies"));
    }
}

/// `request` and `request.name` cannot both be there: one is a value, the other a part of it.
pub(super) fn check_prefixes(what: &str, ids: &[(String, Span)], path: &Path<'_>, found: &mut Violations) {
    for (id, span) in ids {
        if let Some((parent, _)) = ids.iter().find(|(other, _)| id.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('.'))) {
            let message = format!("the {what} `{id}` would be a part of the {what} `{parent}`");
            found.push(Violation::error("input::conflicting_id", path, *span, message).with_help("rename one of the two"));
        }
    }
}

fn depends_on(input: &Input, ids: &[(String, Span)], path: &Path<'_>, found: &mut Violations) {
    for wanted in input.depends_on.iter().flat_map(|depends| &depends.inputs) {
        if !ids.iter().any(|(id, _)| **id == **wanted) {
            let message = format!("the input `{}` depends on `{wanted}`, which is no input of the flow", input.id);
            let mut violation = Violation::error("input::unknown_dependency", &path.key("dependsOn"), input.span, message);
            violation.help = suggestion::help(wanted, ids.iter().map(|(id, _)| id.as_str()));
            found.push(violation);
        }
    }
}

fn input(input: &Input, node: &Node, path: &Path<'_>, found: &mut Violations) {
    let span_of = |name: &str| node.get(name).map_or(input.span, |value| value.span);
    if input.kind == InputType::Array && input.rules.item_type == Some(InputType::Array) {
        let message = format!("the input `{}` is an ARRAY of ARRAY", input.id);
        found.push(
            Violation::error("input::nested_array", &path.key("itemType"), span_of("itemType"), message).with_help("use the type JSON"),
        );
    }
    if matches!(input.kind, InputType::Select | InputType::Multiselect | InputType::Enum)
        && input.rules.values.is_none()
        && input.rules.expression.is_none()
    {
        let message = format!("the input `{}` needs `values`", input.id);
        let violation = Violation::error("input::no_values", &path.key("values"), input.span, message);
        found.push(violation.with_help("list the allowed values, or give an `expression` that renders to them"));
    }
    if input.prefill.is_some() && input.defaults.is_some() {
        let message = format!("the input `{}` has both `prefill` and `defaults`", input.id);
        found
            .push(Violation::error("input::prefill_and_defaults", &path.key("prefill"), span_of("prefill"), message).with_help("keep one"));
    }
    for (code, name, message) in convert::check_rules(input) {
        found.push(Violation::error(code, &path.key(name), span_of(name), message));
    }
    let literal = input.defaults.as_ref().filter(|defaults| !defaults.as_str().is_some_and(crate::dynamic::is_template));
    if let Some(defaults) = literal
        && let Err(reason) = convert::value(input, &defaults.to_json())
    {
        let message = format!("the default of the input `{}` does not fit: {reason}", input.id);
        let mut violation = Violation::error("input::invalid_default", &path.key("defaults"), defaults.span, message);
        if input.kind != InputType::File && reason.starts_with("expected type") {
            violation.help = Some(format!("for example `defaults: {}`", example(input)));
        }
        found.push(violation);
    }
}
