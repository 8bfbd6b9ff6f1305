//! What there is to call, as data: for completion, hover text and documentation.

use crate::eval::Param;
use crate::{filter, function};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    Filter,
    Function,
}

/// A filter or a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    pub name: &'static str,
    /// `name(a, b?)`; a question mark marks what may be left out.
    pub signature: String,
    /// One line.
    pub doc: &'static str,
}

/// Every filter and function, filters first, by name.
pub fn entries() -> Vec<Entry> {
    let filters = filter::all().map(|filter| Entry {
        kind: EntryKind::Filter,
        name: filter.name,
        signature: signature(filter.name, filter.params, false, false),
        doc: filter.doc,
    });
    let functions = function::all().map(|function| Entry {
        kind: EntryKind::Function,
        name: function.name,
        signature: signature(function.name, function.params, function.variadic, true),
        doc: function.doc,
    });
    let mut entries: Vec<Entry> = filters.chain(functions).collect();
    entries.sort_by_key(|entry| (entry.kind == EntryKind::Function, entry.name));
    entries
}

fn signature(name: &str, params: &[Param], variadic: bool, call: bool) -> String {
    let mut parts: Vec<String> =
        params.iter().map(|param| if param.required { param.name.to_owned() } else { format!("{}?", param.name) }).collect();
    if variadic {
        parts.push("…".to_owned());
    }
    if parts.is_empty() && !call { name.to_owned() } else { format!("{name}({})", parts.join(", ")) }
}
