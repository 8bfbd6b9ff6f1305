//! Labels of flows and executions: a map in YAML or a list of `{key, value}`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::node::{Node, Value};
use crate::path::Path;
use crate::violation::{Violation, Violations};

/// Keys that start so belong to the server.
pub const SYSTEM_PREFIX: &str = "system.";
/// The one system label that a flow's author may set.
pub const READ_ONLY: &str = "system.readOnly";

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Label {
    pub key: Arc<str>,
    pub value: Arc<str>,
}

impl Label {
    pub fn new(key: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    pub fn is_system(&self) -> bool {
        self.key.starts_with(SYSTEM_PREFIX)
    }

    /// Reads both forms; entries of the wrong shape are left out.
    pub(crate) fn read(node: Option<&Node>) -> Vec<Self> {
        match node.map(|node| &node.value) {
            Some(Value::Map(map)) => {
                map.iter().filter_map(|(key, entry)| Some(Self::new(Arc::clone(key), entry.value.scalar_text()?))).collect()
            }
            Some(Value::Seq(items)) => items
                .iter()
                .filter_map(|item| Some(Self::new(item.get("key")?.scalar_text()?, item.get("value")?.scalar_text()?)))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// A flow may not set the server's labels; spec 1.3.
pub(crate) fn check_system_labels(labels: Option<&Node>, path: &Path<'_>, found: &mut Violations) {
    let Some(node) = labels else { return };
    for label in Label::read(Some(node)) {
        if label.is_system() && &*label.key != READ_ONLY {
            let span = node.as_map().and_then(|map| map.key_span(&label.key)).unwrap_or(node.span);
            let message =
                format!("only the system may set labels that begin with `{SYSTEM_PREFIX}`, found `{}={}`", label.key, label.value);
            found.push(Violation::error("label::system", path, span, message).with_help("choose a key without that prefix"));
        }
    }
}

/// Joins labels so that each key is there once; a later entry replaces an earlier one's value.
pub fn merge<'a>(labels: impl IntoIterator<Item = &'a Label>) -> Vec<Label> {
    let mut merged: Vec<Label> = Vec::new();
    for label in labels {
        match merged.iter_mut().find(|known| known.key == label.key) {
            Some(known) => known.value = Arc::clone(&label.value),
            None => merged.push(label.clone()),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;
    use serde_json::json;

    #[test]
    fn a_map_and_a_list_read_the_same() {
        for written in [
            json!({"a": "x", "n": 1, "b": true}),
            json!([{"key": "a", "value": "x"}, {"key": "n", "value": 1}, {"key": "b", "value": true}]),
        ] {
            let labels = Label::read(Some(&Node::from_json(&written, Span::default())));
            assert_eq!(labels, [Label::new("a", "x"), Label::new("n", "1"), Label::new("b", "true")]);
        }
    }

    #[test]
    fn the_later_label_wins() {
        let merged = merge(&[Label::new("a", "flow"), Label::new("b", "flow"), Label::new("a", "caller")]);
        assert_eq!(merged, [Label::new("a", "caller"), Label::new("b", "flow")]);
    }
}
