//! Values that a flow gives to every plugin of a type; spec 6. They are merged into the document before it becomes a flow.

use std::sync::Arc;

use crate::fields::Fields;
use crate::node::Node;
use crate::path::Path;
use crate::source::Span;
use crate::violation::{Violation, Violations};

/// The current name of the property first.
pub const DEFAULTS_PROPERTIES: [&str; 2] = ["pluginDefaults", "taskDefaults"];

#[derive(Debug, Clone, PartialEq)]
pub struct DefaultEntry {
    /// A type, or the start of one.
    pub type_name: Arc<str>,
    /// Wins over what the task says.
    pub forced: bool,
    /// Always a map.
    pub values: Node,
    pub span: Span,
}

impl DefaultEntry {
    /// Reads the entries of a list, such as the host's configuration has.
    pub fn read_list(list: &Node, path: &Path<'_>, found: &mut Violations) -> Vec<Self> {
        let Some(items) = list.as_seq() else {
            let message = format!("expected a list of `{{type, values, forced}}`, found {}", list.describe());
            found.push(Violation::error("defaults::not_a_list", path, list.span, message));
            return Vec::new();
        };
        let entries = items.iter().enumerate();
        entries.filter_map(|(index, item)| Self::read(item, &path.index(index), found)).collect()
    }

    fn read(item: &Node, path: &Path<'_>, found: &mut Violations) -> Option<Self> {
        let fields = Fields::new(item);
        let type_name = fields.text(&["type"]);
        if type_name.is_none() {
            let message = "a default needs the `type` that it is for";
            found.push(
                Violation::error("defaults::missing_type", path, item.span, message).with_help("add `type: io.kestra.plugin.scripts`"),
            );
        }
        let values = fields.node(&["values"]).filter(|values| values.as_map().is_some());
        match values.and_then(Node::as_map) {
            None => {
                let message = "a default needs `values`, a map of properties";
                found.push(Violation::error("defaults::missing_values", path, item.span, message));
            }
            Some(map) => {
                for (key, entry) in map.iter().filter(|(_, entry)| entry.value.is_null()) {
                    let message = format!("the default of `{key}` is empty");
                    let at = path.key("values");
                    found.push(
                        Violation::error("defaults::null_value", &at.key(key), entry.key_span, message)
                            .with_help("give it a value or remove the line"),
                    );
                }
            }
        }
        Some(Self { type_name: type_name?, forced: fields.flag(&["forced"]).unwrap_or(false), values: values?.clone(), span: item.span })
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
