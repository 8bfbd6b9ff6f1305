//! Values that a flow gives to every plugin of a type; spec 6. They are merged into the document before it becomes a flow.

use std::sync::Arc;

use crate::catalog::document;
use crate::fields::Fields;
use crate::flow::Strictness;
use crate::node::Node;
use crate::path::Path;
use crate::property::Kind;
use crate::property::check::Checker;
use crate::source::Span;
use crate::violation::{Violation, Violations};

/// The current name of the property first.
pub const DEFAULTS_PROPERTIES: [&str; 2] = ["pluginDefaults", "taskDefaults"];

#[derive(Debug, Clone, PartialEq)]
pub struct DefaultEntry {
    /// A type, or the start of one.
    pub type_name: Arc<str>,
    /// Only for plugins that ask for it by `pluginDefaultsRef`.
    pub reference: Option<Arc<str>>,
    /// Wins over what the task says.
    pub forced: bool,
    /// Always a map.
    pub values: Node,
    pub span: Span,
}

impl DefaultEntry {
    /// Reads the entries of a list, such as the host's configuration has.
    pub fn read_list(list: &Node, path: &Path<'_>, found: &mut Violations) -> Vec<Self> {
        let mut checker = Checker::new(Strictness::Strict);
        checker.value(list, path, Kind::List(&Kind::Object(document::DEFAULT_ENTRY)), false);
        found.extend(checker.found);
        check_empty_values(list, path, found);
        list.as_seq().unwrap_or_default().iter().filter_map(Self::read).collect()
    }

    fn read(item: &Node) -> Option<Self> {
        let fields = Fields::new(item);
        Some(Self {
            type_name: fields.text(&["type"])?,
            reference: fields.text(&["ref"]),
            forced: fields.flag(&["forced"]).unwrap_or(false),
            values: fields.node(&["values"]).filter(|values| values.as_map().is_some())?.clone(),
            span: item.span,
        })
    }
}

/// A default that sets nothing is a mistake; spec 1.3.
pub(crate) fn check_empty_values(list: &Node, path: &Path<'_>, found: &mut Violations) {
    for (index, item) in list.as_seq().unwrap_or_default().iter().enumerate() {
        let Some(values) = item.get("values").and_then(Node::as_map) else { continue };
        let entry = path.index(index);
        for (key, value) in values.iter().filter(|(_, entry)| entry.value.is_null()) {
            let message = format!("the default of `{key}` is empty");
            let violation = Violation::error("defaults::null_value", &entry.key("values").key(key), value.key_span, message);
            found.push(violation.with_help("give it a value or remove the line"));
        }
    }
}

/// The flow's own entries, both property names, in the order they are written.
pub fn read_defaults(flow: &Node) -> (Vec<DefaultEntry>, Violations) {
    let mut found = Violations::new();
    let mut entries = Vec::new();
    for name in DEFAULTS_PROPERTIES {
        if let Some(list) = flow.get(name).filter(|list| !list.is_null()) {
            entries.extend(DefaultEntry::read_list(list, &Path::Root.key(name), &mut found));
        }
    }
    entries.sort_by_key(|entry| entry.span);
    (entries, found)
}
