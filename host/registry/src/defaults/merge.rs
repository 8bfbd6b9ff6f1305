//! Deep merging of two trees.

use switchyard_model::{Node, Path, Span, Value};

use super::{Override, Types};

/// Who wins where both sides have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Winner {
    Base,
    Other,
}

pub(super) struct Merge<'a> {
    pub winner: Winner,
    pub types: &'a dyn Types,
    pub overrides: &'a mut Vec<Override>,
}

impl Merge<'_> {
    /// Merges `other` into `base`, whose keys keep their places. Maps merge, lists are joined with the loser's items first, an
    /// empty value never counts.
    pub fn nodes(&mut self, base: &mut Node, other: &Node, path: &Path<'_>) {
        if other.is_null() {
            return;
        }
        if base.is_null() {
            *base = other.clone();
            return;
        }
        if self.is_other_type(base, other) {
            return self.pick(base, other, path);
        }
        match (&mut base.value, &other.value) {
            (Value::Map(map), Value::Map(others)) => {
                for (key, entry) in others.iter() {
                    match map.get_mut(key) {
                        Some(value) => self.nodes(value, &entry.value, &path.key(key)),
                        None => drop(map.insert(key.clone(), entry.key_span, entry.value.clone())),
                    }
                }
            }
            (Value::Seq(items), Value::Seq(others)) => match self.winner {
                Winner::Base => drop(items.splice(0..0, others.iter().cloned())),
                Winner::Other => items.extend(others.iter().cloned()),
            },
            _ => self.pick(base, other, path),
        }
    }

    pub fn record(&mut self, path: &Path<'_>, winner: Span, loser: Span) {
        self.overrides.push(Override { path: path.to_string(), winner, loser });
    }

    fn pick(&mut self, base: &mut Node, other: &Node, path: &Path<'_>) {
        match self.winner {
            Winner::Base => self.record(path, base.span, other.span),
            Winner::Other => {
                self.record(path, other.span, base.span);
                *base = other.clone();
            }
        }
    }

    /// Two objects of different types have nothing to say to each other: the properties of one runner are none of another's.
    fn is_other_type(&self, base: &Node, other: &Node) -> bool {
        match (base.get("type").and_then(Node::as_str), other.get("type").and_then(Node::as_str)) {
            (Some(one), Some(two)) => self.types.current(one) != self.types.current(two),
            _ => false,
        }
    }
}
