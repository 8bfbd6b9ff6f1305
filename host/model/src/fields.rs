//! Reads typed values out of a map, whatever it holds: what has the wrong shape is left out, because the
//! property check has already complained about it.

use std::sync::Arc;
use std::time::Duration;

use crate::duration;
use crate::dynamic::{Dynamic, is_template};
use crate::node::{Node, Value};

/// A map's properties by name; each read takes the current name first and then its old ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    node: &'a Node,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(node: &'a Node) -> Self {
        Self { node }
    }

    pub(crate) fn node(&self, names: &[&str]) -> Option<&'a Node> {
        let map = self.node.as_map()?;
        names.iter().find_map(|name| map.get(name)).filter(|node| !node.is_null())
    }

    pub(crate) fn text(&self, names: &[&str]) -> Option<Arc<str>> {
        self.node(names)?.scalar_text()
    }

    pub(crate) fn flag(&self, names: &[&str]) -> Option<bool> {
        self.dynamic_flag(names)?.literal().copied()
    }

    pub(crate) fn dynamic_flag(&self, names: &[&str]) -> Option<Dynamic<bool>> {
        dynamic(self.node(names)?, |node| match &*node.scalar_text()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    pub(crate) fn count(&self, names: &[&str]) -> Option<u64> {
        self.dynamic_count(names)?.literal().copied()
    }

    pub(crate) fn dynamic_count(&self, names: &[&str]) -> Option<Dynamic<u64>> {
        dynamic(self.node(names)?, |node| node.scalar_text()?.parse().ok())
    }

    pub(crate) fn float(&self, names: &[&str]) -> Option<f64> {
        self.node(names)?.scalar_text()?.parse().ok()
    }

    pub(crate) fn duration(&self, names: &[&str]) -> Option<Duration> {
        self.dynamic_duration(names)?.literal().copied()
    }

    pub(crate) fn dynamic_duration(&self, names: &[&str]) -> Option<Dynamic<Duration>> {
        dynamic(self.node(names)?, read_duration)
    }

    pub(crate) fn items(&self, names: &[&str]) -> &'a [Node] {
        self.node(names).and_then(Node::as_seq).unwrap_or_default()
    }

    /// A list of texts; one text alone is a list of one.
    pub(crate) fn texts(&self, names: &[&str]) -> Vec<Arc<str>> {
        match self.node(names).map(|node| (&node.value, node)) {
            Some((Value::Seq(items), _)) => items.iter().filter_map(Node::scalar_text).collect(),
            Some((_, node)) => node.scalar_text().into_iter().collect(),
            None => Vec::new(),
        }
    }

    pub(crate) fn json_map(&self, names: &[&str]) -> Option<serde_json::Map<String, serde_json::Value>> {
        Some(self.node(names)?.as_map()?.to_json())
    }
}

/// An ISO-8601 text, or a number of seconds.
pub(crate) fn read_duration(node: &Node) -> Option<Duration> {
    match &node.value {
        Value::String(text) => duration::parse(text).ok(),
        Value::Number(seconds) => Duration::try_from_secs_f64(seconds.as_f64()?).ok(),
        _ => None,
    }
}

fn dynamic<T>(node: &Node, read: impl FnOnce(&Node) -> Option<T>) -> Option<Dynamic<T>> {
    match node.as_text() {
        Some(text) if is_template(text) => Some(Dynamic::Template(Arc::clone(text))),
        _ => read(node).map(Dynamic::Literal),
    }
}
