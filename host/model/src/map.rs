//! Keys and values in the order they were written.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::node::Node;
use crate::source::Span;

/// A value together with the place of its key.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key_span: Span,
    pub value: Node,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A map that keeps the order of insertion.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map {
    entries: IndexMap<Arc<str>, Entry>,
}

impl Map {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    pub fn key_span(&self, key: &str) -> Option<Span> {
        self.entries.get(key).map(|entry| entry.key_span)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Replaces the value of a key that is there (its position stays), else appends; answers the former value.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, key_span: Span, value: Node) -> Option<Node> {
        self.entries.insert(key.into(), Entry { key_span, value }).map(|former| former.value)
    }

    /// Takes a key out; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        self.entries.shift_remove(key).map(|entry| entry.value)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Entry)> {
        self.entries.iter()
    }

    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&Arc<str>, &mut Entry)> {
        self.entries.iter_mut()
    }

    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.entries.keys()
    }

    pub fn values(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.entries.values().map(|entry| &entry.value)
    }

    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        self.iter().map(|(key, entry)| (key.to_string(), entry.value.to_json())).collect()
    }
}

impl IntoIterator for Map {
    type Item = (Arc<str>, Entry);
    type IntoIter = indexmap::map::IntoIter<Arc<str>, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}
