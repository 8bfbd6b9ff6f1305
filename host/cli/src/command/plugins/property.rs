//! Properties of a JSON Schema as rows for people.

use serde_json::Value;

/// Objects inside objects are shown this deep.
const DEPTH: usize = 4;

/// One property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// `cpu.cpus`.
    pub name: String,
    pub kind: String,
    pub required: bool,
    /// As JSON.
    pub default: Option<String>,
    /// Its first paragraph.
    pub description: String,
    /// All that is said about it, as Markdown.
    pub text: String,
    /// Values that are allowed, and what they mean.
    pub choices: Vec<(String, String)>,
    /// Values that somebody may write.
    pub samples: Vec<String>,
    /// Such as `at least 0, at most 19`.
    pub limits: String,
    pub deprecated: bool,
    pub secret: bool,
}

/// All properties, nested ones after their parent.
pub fn of_schema(schema: &Value) -> Vec<Property> {
    let mut found = Vec::new();
    collect(schema, schema, "", DEPTH, &mut found);
    found
}

fn collect(root: &Value, schema: &Value, prefix: &str, depth: usize, found: &mut Vec<Property>) {
    let schema = resolve(root, schema);
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|_| depth > 0) else { return };
    let required: Vec<&str> = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, outer) in properties {
        let inner = resolve(root, outer);
        let text = |key: &str| outer.get(key).or_else(|| inner.get(key)).and_then(Value::as_str);
        let name_here = format!("{prefix}{name}");
        found.push(Property {
            kind: kind(root, outer),
            required: required.contains(&name.as_str()),
            default: outer.get("default").filter(|default| !default.is_null()).map(Value::to_string),
            description: paragraph(text("description").or_else(|| text("title")).unwrap_or_default()),
            text: text("description").or_else(|| text("title")).unwrap_or_default().to_owned(),
            choices: choices(root, inner),
            samples: samples(outer, inner),
            limits: limits(inner),
            deprecated: outer.get("deprecated") == Some(&Value::Bool(true)),
            secret: outer.get("x-secret") == Some(&Value::Bool(true)),
            name: name_here.clone(),
        });
        collect(root, inner, &format!("{name_here}."), depth - 1, found);
        if let Some(items) = inner.get("items") {
            collect(root, items, &format!("{name_here}[]."), depth - 1, found);
        }
    }
}

/// What a reference stands for; an optional value is its only alternative to null.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut at = schema;
    // A reference to itself ends here.
    for _ in 0..8 {
        if let Some(target) = at.get("$ref").and_then(Value::as_str).and_then(|path| root.pointer(path.strip_prefix('#')?)) {
            at = target;
            continue;
        }
        let branches = at.get("anyOf").or_else(|| at.get("oneOf")).and_then(Value::as_array);
        let mut real = branches.into_iter().flatten().filter(|branch| branch.get("type").and_then(Value::as_str) != Some("null"));
        match (real.next(), real.next()) {
            (Some(only), None) => at = only,
            _ => break,
        }
    }
    at
}

fn kind(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return choices.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|");
    }
    if let Some(branches) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        let mut kinds: Vec<String> = branches.iter().map(|branch| kind(root, branch)).filter(|kind| kind != "null").collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    if let Some(value) = schema.get("const") {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    }
    match schema.get("type") {
        Some(Value::String(name)) => named(root, schema, name),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.map(|name| named(root, schema, name)).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

fn named(root: &Value, schema: &Value, name: &str) -> String {
    match (name, schema.get("items"), schema.get("additionalProperties").filter(|inner| inner.is_object())) {
        ("array", Some(items), _) => format!("list of {}", kind(root, items)),
        ("array", None, _) => "list".to_owned(),
        ("object", _, Some(inner)) => format!("map of {}", kind(root, inner)),
        ("object", ..) => "map".to_owned(),
        (name, ..) => name.to_owned(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn choices(root: &Value, schema: &Value) -> Vec<(String, String)> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().filter(|value| !value.is_null()).map(|value| (plain(value), String::new())).collect();
    }
    let branches = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
    let known = branches.into_iter().flatten().map(|branch| resolve(root, branch)).filter_map(|branch| {
        let text = branch.get("description").and_then(Value::as_str).unwrap_or_default();
        Some((plain(branch.get("const")?), paragraph(text)))
    });
    known.collect()
}

fn samples(outer: &Value, inner: &Value) -> Vec<String> {
    let list = outer.get("examples").or_else(|| inner.get("examples")).and_then(Value::as_array);
    list.into_iter().flatten().map(plain).collect()
}

fn limits(schema: &Value) -> String {
    let known = [
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "less than"),
        ("minItems", "entries, at least"),
        ("maxItems", "entries, at most"),
        ("minLength", "characters, at least"),
        ("maxLength", "characters, at most"),
    ];
    let said = known.iter().filter_map(|(key, words)| Some(format!("{words} {}", schema.get(key).filter(|limit| !limit.is_null())?)));
    let mut text = said.collect::<Vec<_>>().join(", ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// The first paragraph in one line.
fn paragraph(text: &str) -> String {
    text.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_properties_follow_their_parent() {
        let schema = json!({
            "type": "object",
            "required": ["image"],
            "properties": {
                "image": {"type": "string", "description": "The image.\n\nMore about it."},
                "cpu": {"anyOf": [{"$ref": "#/$defs/Cpu"}, {"type": "null"}], "description": "Limits."},
                "pull": {"enum": ["ALWAYS", "NEVER"], "default": "ALWAYS"},
                "env": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
                "mounts": {"type": "array", "items": {"type": "object", "properties": {"path": {"type": "string"}}}},
            },
            "$defs": {"Cpu": {"type": "object", "properties": {"cpus": {"type": ["number", "null"], "description": "How many."}}}},
        });
        let rows: Vec<String> = of_schema(&schema)
            .iter()
            .map(|p| {
                format!(
                    "{}: {}{} = {} ({})",
                    p.name,
                    p.kind,
                    if p.required { "!" } else { "" },
                    p.default.as_deref().unwrap_or("-"),
                    p.description
                )
            })
            .collect();
        insta::assert_snapshot!(rows.join("\n"), @r#"
        image: string! = - (The image.)
        cpu: map = - (Limits.)
        cpu.cpus: number = - (How many.)
        pull: ALWAYS|NEVER = "ALWAYS" ()
        env: map of string = - ()
        mounts: list of map = - ()
        mounts[].path: string = - ()
        "#);
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let schema = json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}}});
        assert_eq!(of_schema(&schema).last().map(|property| property.name.as_str()), Some("a.a.a.a"));
    }
}
