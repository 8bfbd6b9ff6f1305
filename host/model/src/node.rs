//! A document as a tree in which every value and key still knows its place in the text.

use std::sync::Arc;

use serde_json::Number;

use crate::map::Map;
use crate::path::{Path, Step, parse_path, parse_pointer};
use crate::source::Span;

/// A value with its place. Two nodes are equal when their values are; places do not count.
#[derive(Debug, Clone, Default)]
pub struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(Arc<str>),
    Seq(Vec<Node>),
    Map(Map),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    pub fn new(span: Span, value: Value) -> Self {
        Self { span, value }
    }

    pub fn string(span: Span, text: impl Into<Arc<str>>) -> Self {
        Self::new(span, Value::String(text.into()))
    }

    /// Gives every value of a JSON document the same span.
    pub fn from_json(json: &serde_json::Value, span: Span) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(value) => Value::Number(value.clone()),
            serde_json::Value::String(value) => Value::String(value.as_str().into()),
            serde_json::Value::Array(items) => Value::Seq(items.iter().map(|item| Self::from_json(item, span)).collect()),
            serde_json::Value::Object(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(key.as_str(), span, Self::from_json(value, span));
                }
                Value::Map(map)
            }
        };
        Self { span, value }
    }

    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::Bool(*value),
            Value::Number(value) => serde_json::Value::Number(value.clone()),
            Value::String(value) => serde_json::Value::String(value.to_string()),
            Value::Seq(items) => serde_json::Value::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(map) => serde_json::Value::Object(map.to_json()),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        self.as_text().map(|text| &**text)
    }

    /// The string as it is shared, for owners that keep it.
    pub fn as_text(&self) -> Option<&Arc<str>> {
        match &self.value {
            Value::String(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<&Number> {
        match &self.value {
            Value::Number(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_seq_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value of a key, when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// A string, number or boolean as text, the way properties of type string take them.
    pub fn scalar_text(&self) -> Option<Arc<str>> {
        match &self.value {
            Value::String(value) => Some(Arc::clone(value)),
            Value::Number(value) => Some(value.to_string().into()),
            Value::Bool(value) => Some(if *value { "true" } else { "false" }.into()),
            Value::Null | Value::Seq(_) | Value::Map(_) => None,
        }
    }

    /// What this is, for messages: `the string "abc"`.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the boolean {value}"),
            Value::Number(value) => format!("the number {value}"),
            Value::String(value) if value.chars().count() > 60 => {
                let start: String = value.chars().take(57).collect();
                format!("the string {:?}", format!("{start}..."))
            }
            Value::String(value) => format!("the string {value:?}"),
            Value::Seq(items) => format!("a list of {}", items.len()),
            Value::Map(_) => "a map".to_owned(),
        }
    }

    /// `tasks[0].taskRunner.cpu`; keys with dots are written `['a.b']`.
    pub fn get_path(&self, path: &str) -> Option<&Node> {
        parse_path(path)?.iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.as_seq()?.get(*index),
        })
    }

    /// A JSON pointer such as `/tasks/0/cpu`, as JSON Schema validators report.
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        parse_pointer(pointer)?.iter().try_fold(self, |node, step| node.step(step))
    }

    fn step(&self, step: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(map) => map.get(step),
            Value::Seq(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The span of the key that a JSON pointer ends in; items of lists have none.
    pub fn pointer_key_span(&self, pointer: &str) -> Option<Span> {
        let (parent, key) = pointer.rsplit_once('/')?;
        let key = key.replace("~1", "/").replace("~0", "~");
        self.pointer(parent)?.as_map()?.key_span(&key)
    }

    /// The nearest existing node on a JSON pointer's way, for errors about something that is missing.
    pub fn nearest(&self, pointer: &str) -> &Node {
        let mut node = self;
        for step in parse_pointer(pointer).unwrap_or_default() {
            match node.step(&step) {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// `/tasks/0/cpu` in this document's terms: `tasks[0].cpu`.
    pub fn path_of_pointer(&self, pointer: &str) -> String {
        fn write(node: Option<&Node>, path: Path<'_>, steps: &[String]) -> String {
            let Some((step, rest)) = steps.split_first() else {
                return path.to_string();
            };
            let next = node.and_then(|node| node.step(step));
            match (node.map(|node| &node.value), step.parse()) {
                (Some(Value::Seq(_)), Ok(index)) => write(next, path.index(index), rest),
                _ => write(next, path.key(step), rest),
            }
        }
        write(Some(self), Path::Root, &parse_pointer(pointer).unwrap_or_default())
    }

    /// How many nodes this tree has, itself included.
    pub fn count(&self) -> usize {
        1 + match &self.value {
            Value::Seq(items) => items.iter().map(Self::count).sum(),
            Value::Map(map) => map.iter().map(|(_, entry)| entry.value.count()).sum(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Node {
        Node::from_json(&json!({"tasks": [{"id": "a", "inputFiles": {"main.py": "x"}, "cpu": {"cpus": 1}}]}), Span::default())
    }

    #[test]
    fn finds_by_path_and_pointer() {
        let node = sample();
        for (path, pointer) in [
            ("tasks[0].cpu.cpus", "/tasks/0/cpu/cpus"),
            ("tasks[0].inputFiles['main.py']", "/tasks/0/inputFiles/main.py"),
            ("tasks[0]", "/tasks/0"),
            ("", ""),
        ] {
            assert!(node.get_path(path).is_some(), "{path}");
            assert_eq!(node.get_path(path), node.pointer(pointer), "{path}");
            assert_eq!(node.path_of_pointer(pointer), path);
        }
        assert_eq!(node.get_path("tasks[1].cpu"), None);
        assert_eq!(node.path_of_pointer("/tasks/0/cpuss"), "tasks[0].cpuss");
        assert_eq!(node.nearest("/tasks/0/cpuss/x").get("id").and_then(Node::as_str), Some("a"));
    }

    #[test]
    fn survives_a_round_trip_through_json() {
        let node = sample();
        assert_eq!(Node::from_json(&node.to_json(), Span::default()), node);
        assert_eq!(node.count(), 8);
    }
}
