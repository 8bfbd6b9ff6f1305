//! What kinds of value a schema allows at one place.

use serde_json::Value;

/// A schema that is only a reference to a definition of its document.
pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    // A circle of references ends here instead of never.
    for _ in 0..16 {
        match schema.get("$ref").and_then(Value::as_str).and_then(|target| root.pointer(target.strip_prefix('#')?)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// The schemas of which a value has to fit one; the schema itself when it has no alternatives.
pub(super) fn alternatives<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolve(root, schema);
    for key in ["anyOf", "oneOf"] {
        if let Some(branches) = schema.get(key).and_then(Value::as_array) {
            return branches.iter().flat_map(|branch| alternatives(root, branch)).collect();
        }
    }
    vec![schema]
}

/// The names in `type`; nothing when every type is allowed.
pub(super) fn names(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => match (schema.get("enum").and_then(Value::as_array), schema.get("const")) {
            (Some(values), _) => values.iter().map(name_of).collect(),
            (_, Some(value)) => vec![name_of(value)],
            _ => Vec::new(),
        },
    }
}

pub(super) fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether a value of this kind is allowed where these names are.
pub(super) fn allows(names: &[&str], kind: &str) -> bool {
    names.is_empty() || names.contains(&kind) || (kind == "integer" && names.contains(&"number"))
}

/// A type's name for people.
pub(super) fn noun(name: &str) -> &str {
    match name {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a map",
        "null" => "nothing",
        other => other,
    }
}
