//! What an execution promises to keep; spec 1.4.

use std::sync::Arc;
use std::time::Duration;

use crate::fields::Fields;
use crate::label::Label;
use crate::node::Node;
use crate::source::Span;

#[derive(Debug, Clone, PartialEq)]
pub struct Sla {
    pub id: Arc<str>,
    pub promise: SlaPromise,
    pub behavior: SlaBehavior,
    /// Added to the execution when the promise is broken.
    pub labels: Vec<Label>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SlaPromise {
    MaxDuration(Duration),
    /// Broken when it renders to something falsy.
    ExecutionAssertion(Arc<str>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlaBehavior {
    Fail,
    Cancel,
    None,
}

impl Sla {
    pub(crate) fn read(node: &Node) -> Option<Self> {
        let fields = Fields::new(node);
        Some(Self {
            id: fields.text(&["id"])?,
            promise: match &*fields.text(&["type"])? {
                "MAX_DURATION" => SlaPromise::MaxDuration(fields.duration(&["duration"])?),
                "EXECUTION_ASSERTION" => SlaPromise::ExecutionAssertion(fields.text(&["assert"])?),
                _ => return None,
            },
            behavior: match &*fields.text(&["behavior"])? {
                "FAIL" => SlaBehavior::Fail,
                "CANCEL" => SlaBehavior::Cancel,
                _ => SlaBehavior::None,
            },
            labels: Label::read(fields.node(&["labels"])),
            span: node.span,
        })
    }
}
