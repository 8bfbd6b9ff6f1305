//! What changed in a JSON Schema, seen by those who write values for it, or by those who read them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Change, Step, change::Changes};

/// Who writes the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Flows: accepting less breaks them.
    In,
    /// The component: what goes away is missed.
    Out,
}

const DEPTH: usize = 8;

pub fn compare(old: &Value, new: &Value, place: &str, direction: Direction, found: &mut Vec<Change>) {
    Comparison { old, new, direction, found }.at(old, new, place, "", DEPTH);
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    direction: Direction,
    found: &'a mut Vec<Change>,
}

impl<'a> Comparison<'a> {
    fn add(&mut self, place: &str, path: &str, step: Step, what: String) {
        let place = if path.is_empty() { place.to_owned() } else { format!("{place} {path}") };
        Changes { place, found: self.found }.add(step, what);
    }

    /// Something is accepted that was not, or no longer what was.
    fn narrower(&self) -> Step {
        if self.direction == Direction::In { Step::Major } else { Step::Minor }
    }

    fn at(&mut self, old: &'a Value, new: &'a Value, place: &str, path: &str, depth: usize) {
        if depth == 0 || old == new {
            return;
        }
        self.words(old, new, place, path);
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        self.types(old, new, place, path);
        self.choices(old, new, place, path);
        self.limits(old, new, place, path);
        self.properties(old, new, place, path, depth);
        if let (Some(before), Some(after)) = (old.get("items"), new.get("items")) {
            self.at(before, after, place, &format!("{path}[]"), depth - 1);
        }
        if let (Some(before), Some(after)) = (
            old.get("additionalProperties").filter(|schema| schema.is_object()),
            new.get("additionalProperties").filter(|schema| schema.is_object()),
        ) {
            self.at(before, after, place, &join(path, "*"), depth - 1);
        }
    }

    /// What is told about a value, and what it is when nobody writes it.
    fn words(&mut self, old: &Value, new: &Value, place: &str, path: &str) {
        let default = |schema: &Value| schema.get("default").filter(|value| !value.is_null()).cloned();
        let (before, after) = (default(old), default(new));
        if before != after {
            let show = |value: Option<Value>| value.map_or_else(|| "nothing".to_owned(), |value| format!("`{value}`"));
            let what = format!("the default is {} instead of {}: flows that leave it out behave differently", show(after), show(before));
            self.add(place, path, Step::Major, what);
        }
        let deprecated = |schema: &Value| schema.get("deprecated") == Some(&Value::Bool(true));
        if deprecated(new) && !deprecated(old) {
            self.add(place, path, Step::Minor, "it is deprecated".to_owned());
        }
        if old.get("description") != new.get("description") && !path.is_empty() {
            self.add(place, path, Step::Patch, "its description changed".to_owned());
        }
    }

    fn types(&mut self, old: &Value, new: &Value, place: &str, path: &str) {
        let (before, after) = (types(self.old, old), types(self.new, new));
        let list = |names: &BTreeSet<String>| {
            if names.is_empty() { "anything".to_owned() } else { names.iter().cloned().collect::<Vec<_>>().join(" or ") }
        };
        if before == after {
            return;
        }
        let covers = |all: &BTreeSet<String>, name: &String| all.contains(name) || name == "integer" && all.contains("number");
        let lost = after.is_empty() != before.is_empty() && before.is_empty()
            || !after.is_empty() && before.iter().any(|name| !covers(&after, name));
        let gained = after.is_empty() && !before.is_empty() || !before.is_empty() && after.iter().any(|name| !covers(&before, name));
        let step = match self.direction {
            Direction::In if lost => Step::Major,
            Direction::Out if gained || lost => Step::Major,
            _ if gained => Step::Minor,
            _ => return,
        };
        self.add(place, path, step, format!("a value is {} instead of {}", list(&after), list(&before)));
    }

    fn choices(&mut self, old: &Value, new: &Value, place: &str, path: &str) {
        match (choices(self.old, old), choices(self.new, new)) {
            (Some(before), Some(after)) => {
                for value in before.iter().filter(|value| !after.contains(*value)) {
                    self.add(place, path, self.narrower(), format!("{value} is no longer a choice"));
                }
                for value in after.iter().filter(|value| !before.contains(*value)) {
                    self.add(place, path, Step::Minor, format!("{value} is a new choice"));
                }
            }
            (None, Some(after)) => {
                let list: Vec<String> = after.into_iter().collect();
                self.add(place, path, self.narrower(), format!("only these are allowed: {}", list.join(", ")));
            }
            (Some(_), None) => self.add(place, path, Step::Minor, "it is no longer a choice of fixed values".to_owned()),
            (None, None) => {}
        }
    }

    fn limits(&mut self, old: &Value, new: &Value, place: &str, path: &str) {
        for (key, grows) in [
            ("minimum", true),
            ("exclusiveMinimum", true),
            ("minLength", true),
            ("minItems", true),
            ("maximum", false),
            ("exclusiveMaximum", false),
            ("maxLength", false),
            ("maxItems", false),
        ] {
            let number = |schema: &Value| schema.get(key).and_then(Value::as_f64);
            let (step, what) = match (number(old), number(new)) {
                (before, after) if before == after => continue,
                (None, Some(after)) => (self.narrower(), format!("`{key}` is {after}")),
                (Some(before), None) => (Step::Minor, format!("`{key}` is no longer {before}")),
                (Some(before), Some(after)) => {
                    let tighter = (after > before) == grows;
                    (if tighter { self.narrower() } else { Step::Minor }, format!("`{key}` is {after} instead of {before}"))
                }
                (None, None) => continue,
            };
            self.add(place, path, step, what);
        }
        match (old.get("pattern"), new.get("pattern")) {
            (before, after) if before == after => {}
            (Some(_), None) => self.add(place, path, Step::Minor, "its form is no longer prescribed".to_owned()),
            (_, Some(after)) => self.add(place, path, self.narrower(), format!("it must match {after}")),
            (None, None) => {}
        }
        let closed = |schema: &Value| schema.get("additionalProperties") == Some(&Value::Bool(false));
        match (closed(old), closed(new)) {
            (false, true) => self.add(place, path, self.narrower(), "unknown properties are refused".to_owned()),
            (true, false) => self.add(place, path, Step::Minor, "unknown properties are accepted".to_owned()),
            _ => {}
        }
    }

    fn properties(&mut self, old: &'a Value, new: &'a Value, place: &str, path: &str, depth: usize) {
        let of = |schema: &'a Value| schema.get("properties").and_then(Value::as_object);
        let required = |schema: &'a Value, name: &str| {
            schema.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|known| known == name))
        };
        for (name, before) in of(old).into_iter().flatten() {
            let below = join(path, name);
            match of(new).and_then(|properties| properties.get(name)) {
                None => self.add(place, &below, Step::Major, "it is gone".to_owned()),
                Some(after) => {
                    match (required(old, name), required(new, name)) {
                        (false, true) => self.add(place, &below, self.narrower(), "it is required".to_owned()),
                        (true, false) if self.direction == Direction::Out => {
                            self.add(place, &below, Step::Major, "it may be missing".to_owned());
                        }
                        (true, false) => self.add(place, &below, Step::Minor, "it may be left out".to_owned()),
                        _ => {}
                    }
                    self.at(before, after, place, &below, depth - 1);
                }
            }
        }
        for (name, _) in of(new).into_iter().flatten().filter(|(name, _)| of(old).is_none_or(|known| !known.contains_key(*name))) {
            let below = join(path, name);
            if required(new, name) && self.direction == Direction::In {
                self.add(place, &below, Step::Major, "it is new, and required".to_owned());
            } else {
                self.add(place, &below, Step::Minor, "it is new".to_owned());
            }
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What a reference stands for; a value that may be null is its only other alternative.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut at = schema;
    for _ in 0..DEPTH {
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

fn branches<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolve(root, schema);
    match schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        Some(branches) => branches.iter().map(|branch| resolve(root, branch)).collect(),
        None => vec![schema],
    }
}

/// Names of the types that are allowed; empty for any. Null is as good as leaving a value out.
fn types(root: &Value, schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for branch in branches(root, schema) {
        match branch.get("type") {
            Some(Value::String(name)) => drop(found.insert(name.clone())),
            Some(Value::Array(names)) => found.extend(names.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ if branch.get("const").or_else(|| branch.get("enum")).is_some() => drop(found.insert("string".to_owned())),
            _ => return BTreeSet::new(),
        }
    }
    found.remove("null");
    found
}

/// The values that are allowed, when they are listed.
fn choices(root: &Value, schema: &Value) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for branch in branches(root, schema) {
        match (branch.get("const"), branch.get("enum").and_then(Value::as_array)) {
            (Some(value), _) => drop(found.insert(value.to_string())),
            (_, Some(values)) => found.extend(values.iter().filter(|value| !value.is_null()).map(Value::to_string)),
            _ => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(old: Value, new: Value) -> Vec<String> {
        let mut found = Vec::new();
        compare(&old, &new, "T", Direction::In, &mut found);
        found.into_iter().map(|change| format!("{} {}: {}", change.step.as_str(), change.place, change.what)).collect()
    }

    fn property(schema: Value) -> Value {
        json!({"type": "object", "properties": {"a": schema}, "additionalProperties": false})
    }

    #[test]
    fn each_change_asks_for_its_step() {
        for (old, new, expected) in [
            (json!({"type": "string"}), json!({"type": "string"}), ""),
            (json!({"type": "string"}), json!({"type": ["string", "null"]}), ""),
            (
                json!({"type": "string"}),
                json!({"type": ["string", "integer"]}),
                "minor T a: a value is integer or string instead of string",
            ),
            (
                json!({"type": ["string", "integer"]}),
                json!({"type": "string"}),
                "major T a: a value is string instead of integer or string",
            ),
            (json!({"type": "integer"}), json!({"type": "number"}), "minor T a: a value is number instead of integer"),
            (json!({"type": "number"}), json!({"type": "integer"}), "major T a: a value is integer instead of number"),
            (
                json!({"enum": ["X", "Y"]}),
                json!({"enum": ["X", "Z"]}),
                "major T a: \"Y\" is no longer a choice|minor T a: \"Z\" is a new choice",
            ),
            (
                json!({"oneOf": [{"const": "X"}, {"const": "Y"}]}),
                json!({"oneOf": [{"const": "X"}]}),
                "major T a: \"Y\" is no longer a choice",
            ),
            (json!({"type": "integer"}), json!({"type": "integer", "maximum": 9}), "major T a: `maximum` is 9"),
            (json!({"type": "integer", "minimum": 5}), json!({"type": "integer", "minimum": 3}), "minor T a: `minimum` is 3 instead of 5"),
            (
                json!({"type": "integer", "default": 1}),
                json!({"type": "integer", "default": 2}),
                "major T a: the default is `2` instead of `1`: flows that leave it out behave differently",
            ),
            (json!({"description": "x"}), json!({"description": "y"}), "patch T a: its description changed"),
            (json!({"type": "string"}), json!({"type": "string", "deprecated": true}), "minor T a: it is deprecated"),
            (
                property(json!({"type": "string"})),
                property(json!({"type": "integer"})),
                "major T a.a: a value is integer instead of string",
            ),
            (
                json!({"type": "array", "items": {"type": "string"}}),
                json!({"type": "array", "items": {"type": "integer"}}),
                "major T a[]: a value is integer instead of string",
            ),
        ] {
            assert_eq!(found(property(old.clone()), property(new.clone())).join("|"), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn properties_come_and_go() {
        let with = |properties: Value, required: &[&str]| json!({"type": "object", "properties": properties, "required": required});
        let string = json!({"type": "string"});
        for (old, new, expected) in [
            (with(json!({"a": string}), &[]), with(json!({}), &[]), "major T a: it is gone"),
            (with(json!({}), &[]), with(json!({"a": string}), &[]), "minor T a: it is new"),
            (with(json!({}), &[]), with(json!({"a": string}), &["a"]), "major T a: it is new, and required"),
            (with(json!({"a": string}), &[]), with(json!({"a": string}), &["a"]), "major T a: it is required"),
            (with(json!({"a": string}), &["a"]), with(json!({"a": string}), &[]), "minor T a: it may be left out"),
        ] {
            assert_eq!(found(old, new).join("|"), expected);
        }
    }
}
