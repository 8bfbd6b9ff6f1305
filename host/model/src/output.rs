//! What a flow answers when it ends; spec 8.7.

use std::sync::Arc;

use crate::fields::Fields;
use crate::input::InputType;
use crate::node::Node;
use crate::source::Span;

#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    pub id: Arc<str>,
    /// `None` keeps what the expression gives.
    pub kind: Option<InputType>,
    pub item_type: Option<InputType>,
    pub value: Node,
    pub description: Option<Arc<str>>,
    pub display_name: Option<Arc<str>>,
    pub required: bool,
    pub span: Span,
}

impl Output {
    pub(crate) fn read_all(nodes: &[Node]) -> Vec<Self> {
        let read = |node: &Node| {
            let fields = Fields::new(node);
            let kind = |name| fields.text(&[name]).and_then(|name| InputType::from_name(&name));
            Some(Self {
                id: fields.text(&["id"])?,
                kind: kind("type"),
                item_type: kind("itemType"),
                value: fields.node(&["value"])?.clone(),
                description: fields.text(&["description"]),
                display_name: fields.text(&["displayName"]),
                required: fields.flag(&["required"]).unwrap_or(true),
                span: node.span,
            })
        };
        nodes.iter().filter_map(read).collect()
    }
}
