//! A value while an expression is evaluated: borrowed from the scope wherever possible.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::error::{Fault, Outcome};
use crate::scope::{Context, Lazy};

/// Deepest list or map that a template can build.
const NESTING: u16 = 200;
/// Most values inside one value that a template can build.
const WEIGHT: usize = 4_000_000;

/// A value. `'a` is the life of the scope, so reading `outputs.x.y` copies nothing.
#[derive(Clone)]
pub enum Val<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    /// Text inside the scope or the template.
    Str(&'a str),
    /// Text made while rendering.
    Text(Arc<String>),
    /// An array or an object inside the scope.
    Json(&'a Value),
    /// A list made while rendering; its items may still be borrowed.
    List(Arc<List<'a>>),
    /// A map made while rendering; its values may still be borrowed.
    Map(Arc<Map<'a>>),
    /// A map whose entries are looked up on demand (`secrets`).
    Lazy(&'a dyn Lazy),
    /// `_context`: the variables that were visible where it was written.
    Context(Context),
}

/// The items of a list and how deep it nests.
#[derive(Clone, Default)]
pub struct List<'a> {
    items: Vec<Val<'a>>,
    depth: u16,
    /// Values inside, shared ones counted each time.
    weight: usize,
}

/// The entries of a map and how deep it nests.
#[derive(Clone, Default)]
pub struct Map<'a> {
    entries: IndexMap<Cow<'a, str>, Val<'a>>,
    depth: u16,
    /// Values inside, shared ones counted each time.
    weight: usize,
}

impl<'a> Val<'a> {
    /// Owned text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Arc::new(text.into()))
    }

    pub(crate) fn list(items: Vec<Val<'a>>) -> Outcome<Self> {
        let (depth, weight) = nest(items.iter())?;
        Ok(Self::List(Arc::new(List { items, depth, weight })))
    }

    pub(crate) fn map(entries: IndexMap<Cow<'a, str>, Val<'a>>) -> Outcome<Self> {
        let (depth, weight) = nest(entries.values())?;
        Ok(Self::Map(Arc::new(Map { entries, depth, weight })))
    }

    /// A map of these entries; of entries with the same name the first one counts.
    pub fn first_of(entries: impl IntoIterator<Item = (&'a str, Val<'a>)>) -> Self {
        let mut map: IndexMap<Cow<'a, str>, Val<'a>> = IndexMap::new();
        for (name, value) in entries {
            map.entry(Cow::Borrowed(name)).or_insert(value);
        }
        let (depth, weight) = measure(map.values());
        Self::Map(Arc::new(Map { entries: map, depth, weight }))
    }

    /// Takes a value over; nothing is borrowed afterwards.
    pub fn owned(value: Value) -> Val<'static> {
        match value {
            Value::Null => Val::Null,
            Value::Bool(b) => Val::Bool(b),
            Value::Number(n) => number(&n),
            Value::String(s) => Val::text(s),
            Value::Array(items) => {
                let items: Vec<_> = items.into_iter().map(Val::owned).collect();
                let (depth, weight) = measure(items.iter());
                Val::List(Arc::new(List { items, depth, weight }))
            }
            Value::Object(entries) => {
                let entries: IndexMap<_, _> = entries.into_iter().map(|(k, v)| (Cow::Owned(k), Val::owned(v))).collect();
                let (depth, weight) = measure(entries.values());
                Val::Map(Arc::new(Map { entries, depth, weight }))
            }
        }
    }

    /// The value as JSON, cloned where it was borrowed.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null | Self::Lazy(_) | Self::Context(_) => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) => int_to_json(*i),
            Self::Float(f) => serde_json::Number::from_f64(*f).map_or(Value::Null, Value::Number),
            Self::Str(s) => Value::String((*s).to_owned()),
            Self::Text(s) => Value::String(s.to_string()),
            Self::Json(v) => (*v).clone(),
            Self::List(list) => Value::Array(list.items.iter().map(Val::to_json).collect()),
            Self::Map(map) => Value::Object(map.entries.iter().map(|(k, v)| (k.to_string(), v.to_json())).collect()),
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            Self::Text(s) => Some(s),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn is_list(&self) -> bool {
        matches!(self, Self::List(_) | Self::Json(Value::Array(_)))
    }

    pub fn is_map(&self) -> bool {
        matches!(self, Self::Map(_) | Self::Json(Value::Object(_)) | Self::Lazy(_) | Self::Context(_))
    }

    /// The items of a list.
    pub fn items(&self) -> Option<Items<'a>> {
        match self {
            Self::Json(Value::Array(items)) => Some(Items::Borrowed(items.iter())),
            Self::List(list) => Some(Items::Shared(Arc::clone(list), 0)),
            _ => None,
        }
    }

    /// The entries of a map, in order.
    pub fn entries(&self) -> Option<Entries<'a>> {
        match self {
            Self::Json(Value::Object(entries)) => Some(Entries::Borrowed(entries.iter())),
            Self::Map(map) => Some(Entries::Shared(Arc::clone(map), 0)),
            _ => None,
        }
    }

    /// Number of items, entries or characters.
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Json(Value::Array(items)) => Some(items.len()),
            Self::Json(Value::Object(entries)) => Some(entries.len()),
            Self::List(list) => Some(list.items.len()),
            Self::Map(map) => Some(map.entries.len()),
            Self::Str(_) | Self::Text(_) => self.as_str().map(|s| s.encode_utf16().count()),
            _ => None,
        }
    }

    /// True for an empty list, map or text.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    pub(crate) fn item(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Self::Json(Value::Array(items)) => items.get(index).map(Val::from),
            Self::List(list) => list.items.get(index).cloned(),
            _ => None,
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<Val<'a>> {
        match self {
            Self::Json(Value::Object(entries)) => entries.get(key).map(Val::from),
            Self::Map(map) => map.entries.get(key).cloned(),
            _ => None,
        }
    }

    /// The kind of value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a decimal number",
            Self::Str(_) | Self::Text(_) => "a string",
            Self::List(_) | Self::Json(Value::Array(_)) => "a list",
            _ => "a map",
        }
    }
}

/// How deep and how large a value with these parts is.
fn measure<'v, 'a: 'v>(values: impl Iterator<Item = &'v Val<'a>>) -> (u16, usize) {
    let (depth, weight) = values.fold((0, 1usize), |(deepest, total), value| {
        let (depth, weight) = match value {
            Val::List(list) => (list.depth, list.weight),
            Val::Map(map) => (map.depth, map.weight),
            _ => (0, 1),
        };
        (deepest.max(depth), total.saturating_add(weight))
    });
    (depth.saturating_add(1), weight)
}

/// Without these bounds a loop of `set x = [x]` builds a value that nothing can print or drop, and one of
/// `set x = [x, x]` a small value that prints without an end.
fn nest<'v, 'a: 'v>(values: impl Iterator<Item = &'v Val<'a>>) -> Outcome<(u16, usize)> {
    let (depth, weight) = measure(values);
    if depth > NESTING {
        return Err(Fault::limit(format!("lists and maps nest deeper than {NESTING} levels")));
    }
    if weight > WEIGHT {
        return Err(Fault::limit(format!("a list or map holds more than {WEIGHT} values")));
    }
    Ok((depth, weight))
}

pub(crate) fn int_to_json(i: i128) -> Value {
    if let Ok(small) = i64::try_from(i) {
        Value::from(small)
    } else if let Ok(large) = u64::try_from(i) {
        Value::from(large)
    } else {
        Value::from(i as f64)
    }
}

fn number(n: &serde_json::Number) -> Val<'static> {
    if let Some(i) = n.as_i64() {
        Val::Int(i.into())
    } else if let Some(u) = n.as_u64() {
        Val::Int(u.into())
    } else {
        Val::Float(n.as_f64().unwrap_or(f64::NAN))
    }
}

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => number(n),
            Value::String(s) => Self::Str(s),
            Value::Array(_) | Value::Object(_) => Self::Json(value),
        }
    }
}

impl From<Value> for Val<'_> {
    fn from(value: Value) -> Self {
        Self::owned(value)
    }
}

impl<'a> From<&'a str> for Val<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text)
    }
}

impl From<String> for Val<'_> {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<i64> for Val<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number.into())
    }
}

impl fmt::Debug for Val<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::print::json(self))
    }
}

/// Items of a list.
pub enum Items<'a> {
    Borrowed(std::slice::Iter<'a, Value>),
    Shared(Arc<List<'a>>, usize),
}

impl<'a> Iterator for Items<'a> {
    type Item = Val<'a>;
    fn next(&mut self) -> Option<Val<'a>> {
        match self {
            Self::Borrowed(items) => items.next().map(Val::from),
            Self::Shared(list, at) => {
                let item = list.items.get(*at).cloned();
                *at += 1;
                item
            }
        }
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Self::Borrowed(items) => items.len(),
            Self::Shared(list, at) => list.items.len().saturating_sub(*at),
        };
        (left, Some(left))
    }
}

/// Entries of a map.
pub enum Entries<'a> {
    Borrowed(serde_json::map::Iter<'a>),
    Shared(Arc<Map<'a>>, usize),
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Cow<'a, str>, Val<'a>);
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Borrowed(entries) => entries.next().map(|(k, v)| (Cow::Borrowed(k.as_str()), Val::from(v))),
            Self::Shared(map, at) => {
                let entry = map.entries.get_index(*at).map(|(k, v)| (k.clone(), v.clone()));
                *at += 1;
                entry
            }
        }
    }
}
