//! Texts become what the schema wants: rendering makes text of everything, and YAML authors quote numbers.

use serde_json::{Number, Value};

use super::typed::{allows, alternatives, name_of, names, resolve};

/// Converts scalars, and JSON texts of lists and maps, at every depth. What fits already or cannot be converted stays.
pub(super) fn coerce(root: &Value, schema: &Value, value: &mut Value) {
    let branches = alternatives(root, schema);
    let kind = name_of(value);
    let fitting: Vec<&&Value> = branches.iter().filter(|branch| allows(&names(branch), kind)).collect();
    if fitting.is_empty() {
        let wanted: Vec<&str> = branches.iter().flat_map(|branch| names(branch)).collect();
        let Some(converted) = convert(value, &wanted) else { return };
        *value = converted;
        if value.is_array() || value.is_object() {
            coerce(root, schema, value);
        }
        return;
    }
    for branch in fitting {
        let branch = resolve(root, branch);
        match value {
            Value::Object(map) => {
                let properties = branch.get("properties");
                let others = branch.get("additionalProperties").filter(|others| others.is_object());
                for (key, value) in map.iter_mut() {
                    if let Some(schema) = properties.and_then(|properties| properties.get(key)).or(others) {
                        coerce(root, schema, value);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = branch.get("items") {
                    items.iter_mut().for_each(|item| coerce(root, schema, item));
                }
            }
            _ => {}
        }
    }
}

fn convert(value: &Value, wanted: &[&str]) -> Option<Value> {
    match value {
        Value::String(text) => from_text(text.trim(), wanted),
        Value::Number(number) => match () {
            () if wanted.contains(&"integer") => whole(number.as_f64()?),
            () if wanted.contains(&"string") => Some(Value::String(number.to_string())),
            () => None,
        },
        Value::Bool(flag) if wanted.contains(&"string") => Some(Value::String(flag.to_string())),
        _ => None,
    }
}

fn from_text(text: &str, wanted: &[&str]) -> Option<Value> {
    let wants = |name: &str| wanted.contains(&name);
    if text.is_empty() {
        return wants("null").then_some(Value::Null);
    }
    if wants("boolean")
        && let Some(flag) = [("true", true), ("false", false)].iter().find(|(name, _)| text.eq_ignore_ascii_case(name))
    {
        return Some(Value::Bool(flag.1));
    }
    if (wants("integer") || wants("number"))
        && let Ok(number) = text.parse::<i64>()
    {
        return Some(number.into());
    }
    if (wants("integer") || wants("number"))
        && let Ok(number) = text.parse::<f64>()
    {
        return if wants("number") { Number::from_f64(number).map(Value::Number) } else { whole(number) };
    }
    let container = (wants("array") && text.starts_with('[')) || (wants("object") && text.starts_with('{'));
    if container {
        return serde_json::from_str(text).ok();
    }
    (wants("null") && text == "null").then_some(Value::Null)
}

fn whole(number: f64) -> Option<Value> {
    // Beyond 2^53 a float no longer tells which whole number was meant.
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then(|| Value::from(number as i64))
}
