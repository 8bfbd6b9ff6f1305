//! What starts a flow by itself; spec 11. Own properties of a trigger type are in its node.

use std::sync::Arc;
use std::time::Duration;

use crate::fields::Fields;
use crate::label::Label;
use crate::level::Level;
use crate::node::Node;
use crate::source::Span;
use crate::state::State;
use crate::type_name::canonical_type;

#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    pub id: Arc<str>,
    /// As written; [`Trigger::canonical_type`] resolves old names.
    pub type_name: Arc<str>,
    pub description: Option<Arc<str>>,
    pub disabled: bool,
    /// All must hold; each a map with a `type`.
    pub conditions: Vec<Node>,
    /// The 2.0 form of conditions: one expression.
    pub when: Option<Arc<str>>,
    /// Inputs of the execution, to be rendered.
    pub inputs: Option<Node>,
    pub labels: Vec<Label>,
    /// An execution that ends so disables the trigger.
    pub stop_after: Vec<State>,
    /// How often a polling trigger looks.
    pub interval: Option<Duration>,
    pub log_level: Option<Level>,
    pub log_to_file: bool,
    pub node: Node,
    pub span: Span,
}

impl Trigger {
    pub fn canonical_type(&self) -> &str {
        canonical_type(&self.type_name)
    }

    pub(crate) fn read(node: &Node) -> Option<Self> {
        let fields = Fields::new(node);
        Some(Self {
            id: fields.text(&["id"])?,
            type_name: fields.text(&["type"])?,
            description: fields.text(&["description"]),
            disabled: fields.flag(&["disabled"]).unwrap_or(false),
            conditions: fields.items(&["conditions", "scheduleConditions"]).to_vec(),
            when: fields.text(&["when"]),
            inputs: fields.node(&["inputs"]).cloned(),
            labels: Label::read(fields.node(&["labels"])),
            stop_after: fields.texts(&["stopAfter"]).iter().filter_map(|name| State::from_name(name)).collect(),
            interval: fields.duration(&["interval"]),
            log_level: fields.text(&["logLevel", "minLogLevel"]).and_then(|name| Level::from_name(&name)),
            log_to_file: fields.flag(&["logToFile"]).unwrap_or(false),
            node: node.clone(),
            span: node.span,
        })
    }
}
