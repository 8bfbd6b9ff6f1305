//! What to write where something of another shape was expected.

use serde_json::Value as Json;

use crate::node::{Node, Value};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Map,
    List,
    Text,
    Number,
    Other,
}

impl Shape {
    pub fn of_node(node: &Node) -> Self {
        match &node.value {
            Value::Map(_) => Self::Map,
            Value::Seq(_) => Self::List,
            Value::String(_) => Self::Text,
            Value::Number(_) => Self::Number,
            _ => Self::Other,
        }
    }

    pub fn of_json(value: &Json) -> Self {
        match value {
            Json::Object(_) => Self::Map,
            Json::Array(_) => Self::List,
            Json::String(_) => Self::Text,
            Json::Number(_) => Self::Number,
            _ => Self::Other,
        }
    }
}

/// `expected` is the middle of "expected …, found …".
pub fn remedy(found: Shape, expected: &str) -> Option<&'static str> {
    let wants = |what: &str| expected.contains(what);
    Some(match found {
        Shape::Map if wants("list of tasks") => "begin each task in a line of its own with `- id:`",
        Shape::Map if wants("list") => "begin each item in a line of its own with `- `",
        Shape::List if wants("the flow") => "begin with `id:` and `namespace:`, without `- ` before them; a file holds one flow",
        Shape::List if wants("map") => "write `name: value` lines, without `- ` before them",
        Shape::Map if wants("label") => "labels have one level: write `outer.inner: value`",
        Shape::List if expected == "a text" => "write one text; several lines go below a `|`",
        Shape::List if wants("text") || wants("number") => "write one value, without brackets or `- ` before it",
        Shape::Map if wants("text") => {
            "put a text in quotes when it holds `: ` or begins with a bracket; give structures as JSON by `| toJson`"
        }
        Shape::Text | Shape::Number if wants("list") => "write a list: `[value]`, or a line with `- ` for each item",
        Shape::Text if wants("number") => "write digits without quotes, or an expression that gives them",
        Shape::Text | Shape::Number if wants("boolean") => "write `true` or `false`",
        Shape::Text | Shape::Number if wants("map") => "write `name: value` lines below it, indented",
        _ => return None,
    })
}
