//! From what a caller gives to the values that the execution sees as `inputs`; spec 3.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Input, InputType, convert};
use crate::dynamic::is_template;
use crate::execution::JsonMap;
use crate::path::Path;
use crate::violation::{Violation, Violations};

/// Renders an expression with typed result. The map is the context: `{"inputs": …}` as far as they are known.
pub type Evaluate<'a> = dyn Fn(&str, &JsonMap) -> Result<Json, String> + 'a;

/// Converts and checks all inputs; every problem is one violation. A disabled input is absent, an optional one without a
/// value is null. Files are URIs of what is stored already. What nobody declared is left out.
pub fn resolve(inputs: &[Input], given: &JsonMap, evaluate: &Evaluate<'_>) -> Result<JsonMap, Violations> {
    let mut resolved = JsonMap::new();
    let mut disabled: Vec<&str> = Vec::new();
    let mut found = Violations::new();
    for input in in_order(inputs) {
        let context = context(&resolved);
        let outcome = match is_enabled(input, &disabled, &context, evaluate) {
            Ok(true) => value(input, given, &context, evaluate),
            Ok(false) => {
                disabled.push(&input.id);
                continue;
            }
            Err(violation) => Err(violation),
        };
        match outcome {
            Ok(value) => insert(&mut resolved, &input.id, value),
            Err(violation) => found.push(violation),
        }
    }
    if found.is_empty() { Ok(resolved) } else { Err(found) }
}

/// As declared, but each after what it depends on. A circle, refused by validation, keeps the declared order.
fn in_order(inputs: &[Input]) -> Vec<&Input> {
    let mut ordered: Vec<&Input> = Vec::with_capacity(inputs.len());
    let mut waiting: Vec<&Input> = inputs.iter().collect();
    while !waiting.is_empty() {
        let is_ready = |input: &Input| {
            let needed = input.depends_on.iter().flat_map(|depends| &depends.inputs);
            needed.into_iter().all(|id| ordered.iter().any(|done| done.id == *id) || !inputs.iter().any(|other| other.id == *id))
        };
        let next = waiting.iter().position(|input| is_ready(input)).unwrap_or(0);
        ordered.push(waiting.remove(next));
    }
    ordered
}

fn context(resolved: &JsonMap) -> JsonMap {
    let mut context = JsonMap::new();
    context.insert("inputs".to_owned(), Json::Object(resolved.clone()));
    context
}

fn is_enabled(input: &Input, disabled: &[&str], context: &JsonMap, evaluate: &Evaluate<'_>) -> Result<bool, Violation> {
    let Some(depends) = &input.depends_on else { return Ok(true) };
    if depends.inputs.iter().any(|id| disabled.contains(&&**id)) {
        return Ok(false);
    }
    match depends.condition.as_deref() {
        None => Ok(true),
        Some(condition) if !is_template(condition) => Ok(condition == "true"),
        Some(condition) => match evaluate(condition, context) {
            Ok(value) => Ok(value == json!(true)),
            Err(error) => Err(violation(input, &format!("its condition cannot be rendered ({error})"), None)),
        },
    }
}

fn value(input: &Input, given: &JsonMap, context: &JsonMap, evaluate: &Evaluate<'_>) -> Result<Json, Violation> {
    let rendered = match &input.rules.expression {
        Some(expression) => Some(choices(input, expression, context, evaluate)?),
        None => None,
    };
    let allowed = rendered.as_deref().or(input.rules.values.as_deref());
    let written = match find(given, &input.id).filter(|value| !value.is_null()) {
        Some(value) => Some(value.clone()),
        None => default(input, allowed, context, evaluate)?,
    };
    match written {
        Some(value) => convert::value_among(input, &value, allowed).map_err(|reason| violation(input, &reason, Some(&value))),
        None if input.required => Err(violation(input, "missing required input", Some(&Json::Null))),
        None => Ok(Json::Null),
    }
}

fn choices(input: &Input, expression: &str, context: &JsonMap, evaluate: &Evaluate<'_>) -> Result<Vec<Arc<str>>, Violation> {
    let refuse = |reason: String| violation(input, &reason, None);
    let value = evaluate(expression, context).map_err(|error| refuse(format!("its values cannot be rendered ({error})")))?;
    let value = match &value {
        Json::String(text) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    };
    let items = value.as_array().ok_or_else(|| refuse(format!("its `expression` must render to a list, it gave `{value}`")))?;
    Ok(items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned).into()).collect())
}

fn default(input: &Input, allowed: Option<&[Arc<str>]>, context: &JsonMap, evaluate: &Evaluate<'_>) -> Result<Option<Json>, Violation> {
    let Some(defaults) = &input.defaults else {
        let first = allowed.and_then(<[_]>::first).filter(|_| input.rules.auto_select_first);
        return Ok(first.map(|first| if input.kind == InputType::Multiselect { json!([&**first]) } else { json!(&**first) }));
    };
    match defaults.as_str().filter(|text| is_template(text)) {
        Some(template) => {
            let value = evaluate(template, context)
                .map_err(|error| violation(input, &format!("its default cannot be rendered ({error})"), None))?;
            Ok(Some(value).filter(|value| !value.is_null()))
        }
        None => Ok(Some(defaults.to_json())),
    }
}

fn violation(input: &Input, reason: &str, received: Option<&Json>) -> Violation {
    let shown = match received {
        None => String::new(),
        Some(_) if input.kind == InputType::Secret => ", but received `******`".to_owned(),
        Some(value) => format!(", but received `{}`", convert::shown(value)),
    };
    let message = format!("Invalid input for `{}`, {reason}{shown}", input.id);
    let mut violation = Violation::error("input::invalid", &Path::Root.key("inputs").key(&input.id), input.span, message);
    violation.help = remedy(input, received);
    violation
}

/// What to give instead.
fn remedy(input: &Input, received: Option<&Json>) -> Option<String> {
    let id = &input.id;
    if received? == &Json::Null {
        return Some(format!("give it with `-i {id}={}`, or let the flow declare `defaults` or `required: false` for it", example(input)));
    }
    Some(format!("for example `-i {id}={}`", example(input)))
}

/// A value that fits, as it is written in a shell.
pub(crate) fn example(input: &Input) -> String {
    let first = input.rules.values.as_deref().and_then(<[_]>::first);
    match input.kind {
        InputType::Enum | InputType::Select => first.map_or_else(|| "value".to_owned(), ToString::to_string),
        InputType::Multiselect => format!("'[\"{}\"]'", first.map_or("a", |first| &**first)),
        InputType::Array => match input.rules.item_type {
            Some(InputType::Int) => "'[1, 2]'".to_owned(),
            Some(InputType::Float) => "'[1.5, 2.5]'".to_owned(),
            _ => "'[\"a\", \"b\"]'".to_owned(),
        },
        InputType::Bool | InputType::Boolean => "true".to_owned(),
        InputType::Int => "1".to_owned(),
        InputType::Float => "1.5".to_owned(),
        InputType::Datetime => "2026-01-31T08:30:00Z".to_owned(),
        InputType::Date => "2026-01-31".to_owned(),
        InputType::Time => "08:30:00".to_owned(),
        InputType::Duration => "PT30M".to_owned(),
        InputType::File => "@path/to/file".to_owned(),
        InputType::Json => "'{\"a\": 1}'".to_owned(),
        InputType::Yaml => "'a: 1'".to_owned(),
        InputType::Uri => "https://example.com/data".to_owned(),
        InputType::Email => "name@example.com".to_owned(),
        InputType::String | InputType::Secret => "text".to_owned(),
    }
}

/// `request.name` may be given under that name or nested.
fn find<'a>(given: &'a JsonMap, id: &str) -> Option<&'a Json> {
    if let Some(value) = given.get(id) {
        return Some(value);
    }
    let (first, rest) = id.split_once('.')?;
    find(given.get(first)?.as_object()?, rest)
}

/// Dots build nested maps; spec 3.5.
fn insert(map: &mut JsonMap, id: &str, value: Json) {
    match id.split_once('.') {
        None => {
            map.insert(id.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = map.entry(first).or_insert_with(|| json!({}));
            if let Json::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
