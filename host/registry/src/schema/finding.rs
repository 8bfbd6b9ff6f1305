//! One thing that is wrong with properties, by JSON pointer; a place in a document can be added.

use switchyard_model::{Node, Path, Violation};
use switchyard_plugin_api::{Error, Problem};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Such as `flow::unknown_property`.
    pub code: &'static str,
    /// Below the component's properties, such as `/cpu/cpus`.
    pub pointer: String,
    /// The key itself is wrong, not its value.
    pub at_key: bool,
    pub message: String,
    pub help: Option<String>,
}

impl Finding {
    /// With the place in the document: `node` holds the properties and stands at `path`.
    pub fn violation(&self, node: &Node, path: &Path<'_>) -> Violation {
        let below = node.path_of_pointer(&self.pointer);
        let mut violation = match node.pointer(&self.pointer) {
            Some(found) => {
                let key = self.at_key.then(|| node.pointer_key_span(&self.pointer)).flatten();
                Violation::error(self.code, path, key.unwrap_or(found.span), &*self.message)
            }
            None => Violation::error(self.code, path, node.nearest(&self.pointer).span, &*self.message),
        };
        if !below.is_empty() {
            let dot = if violation.path.is_empty() || below.starts_with('[') { "" } else { "." };
            violation.path = format!("{}{dot}{below}", violation.path);
        }
        violation.help.clone_from(&self.help);
        violation
    }

    pub fn problem(&self) -> Problem {
        Problem { property: self.pointer.clone(), message: self.message.clone(), help: self.help.clone() }
    }

    /// As the error of a task whose rendered properties are wrong.
    pub fn error(&self, type_name: &str) -> Error {
        let mut error = Error::user(self.code, format!("{type_name}: {}", self.message)).at(self.pointer.clone());
        error.help.clone_from(&self.help);
        error
    }
}
