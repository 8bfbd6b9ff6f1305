//! What an execution asks for before it starts; spec 3.

use std::sync::Arc;

use crate::fields::Fields;
use crate::node::Node;
use crate::source::Span;

pub(crate) mod convert;
mod resolve;
#[cfg(test)]
mod tests;

pub use convert::convert_output;
pub(crate) use resolve::example;
pub use resolve::{Evaluate, resolve};

#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub id: Arc<str>,
    pub kind: InputType,
    pub description: Option<Arc<str>>,
    pub display_name: Option<Arc<str>>,
    pub required: bool,
    pub defaults: Option<Node>,
    /// Only a suggestion of the form; never a value by itself.
    pub prefill: Option<Node>,
    pub depends_on: Option<DependsOn>,
    pub rules: InputRules,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DependsOn {
    pub inputs: Vec<Arc<str>>,
    pub condition: Option<Arc<str>>,
}

/// The validators of all types; each type reads its own. Spec 3.2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InputRules {
    /// A regular expression for the whole value.
    pub validator: Option<Arc<str>>,
    pub min: Option<Arc<str>>,
    pub max: Option<Arc<str>>,
    pub after: Option<Arc<str>>,
    pub before: Option<Arc<str>>,
    pub values: Option<Vec<Arc<str>>>,
    /// Renders to the list of allowed values.
    pub expression: Option<Arc<str>>,
    pub allow_custom_value: bool,
    pub auto_select_first: bool,
    pub item_type: Option<InputType>,
    pub extension: Option<Arc<str>>,
    pub allowed_file_extensions: Vec<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InputType {
    String,
    Int,
    Float,
    Boolean,
    Bool,
    Datetime,
    Date,
    Time,
    Duration,
    File,
    Json,
    Yaml,
    Uri,
    Secret,
    Enum,
    Select,
    Multiselect,
    Array,
    Email,
}

impl InputType {
    pub const NAMES: &[&str] = &[
        "STRING",
        "INT",
        "FLOAT",
        "BOOLEAN",
        "BOOL",
        "DATETIME",
        "DATE",
        "TIME",
        "DURATION",
        "FILE",
        "JSON",
        "YAML",
        "URI",
        "SECRET",
        "ENUM",
        "SELECT",
        "MULTISELECT",
        "ARRAY",
        "EMAIL",
    ];
    const ALL: [Self; 19] = [
        Self::String,
        Self::Int,
        Self::Float,
        Self::Boolean,
        Self::Bool,
        Self::Datetime,
        Self::Date,
        Self::Time,
        Self::Duration,
        Self::File,
        Self::Json,
        Self::Yaml,
        Self::Uri,
        Self::Secret,
        Self::Enum,
        Self::Select,
        Self::Multiselect,
        Self::Array,
        Self::Email,
    ];

    pub fn name(self) -> &'static str {
        Self::ALL.iter().position(|kind| *kind == self).map_or("", |at| Self::NAMES[at])
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|known| *known == name).map(|at| Self::ALL[at])
    }
}

impl Input {
    pub(crate) fn read(node: &Node) -> Option<Self> {
        let fields = Fields::new(node);
        let kind = InputType::from_name(&fields.text(&["type"])?)?;
        Some(Self {
            id: fields.text(&["id", "name"])?,
            kind,
            description: fields.text(&["description"]),
            display_name: fields.text(&["displayName"]),
            required: fields.flag(&["required"]).unwrap_or(true),
            defaults: fields.node(&["defaults"]).cloned(),
            prefill: fields.node(&["prefill"]).cloned(),
            depends_on: fields.node(&["dependsOn"]).map(|depends| {
                let depends = Fields::new(depends);
                DependsOn { inputs: depends.texts(&["inputs"]), condition: depends.text(&["condition"]) }
            }),
            rules: InputRules::read(fields),
            span: node.span,
        })
    }

    pub(crate) fn read_all(nodes: &[Node]) -> Vec<Self> {
        nodes.iter().filter_map(Self::read).collect()
    }
}

impl InputRules {
    fn read(fields: Fields<'_>) -> Self {
        Self {
            validator: fields.text(&["validator"]),
            min: fields.text(&["min"]),
            max: fields.text(&["max"]),
            after: fields.text(&["after"]),
            before: fields.text(&["before"]),
            values: fields.node(&["values", "options"]).and_then(Node::as_seq).map(|items| items.iter().filter_map(choice).collect()),
            expression: fields.text(&["expression"]),
            allow_custom_value: fields.flag(&["allowCustomValue"]).unwrap_or(false),
            auto_select_first: fields.flag(&["autoSelectFirst"]).unwrap_or(false),
            item_type: fields.text(&["itemType"]).and_then(|name| InputType::from_name(&name)),
            extension: fields.text(&["extension"]),
            allowed_file_extensions: fields.texts(&["allowedFileExtensions"]),
        }
    }
}

/// A value of a select: a text, or `{label, value}`.
fn choice(node: &Node) -> Option<Arc<str>> {
    node.scalar_text().or_else(|| node.get("value")?.scalar_text())
}
