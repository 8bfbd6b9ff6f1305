//! Conditions that are looked at before an execution is created; spec 1.5.

use std::sync::Arc;

use crate::fields::Fields;
use crate::node::Node;
use crate::source::Span;

#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The check fails when it renders to something falsy.
    pub when: Arc<str>,
    pub message: Arc<str>,
    pub style: CheckStyle,
    pub behavior: CheckBehavior,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckStyle {
    Error,
    Success,
    Warning,
    #[default]
    Info,
}

/// From least to most restrictive: of several failing checks the greatest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum CheckBehavior {
    CreateExecution,
    FailExecution,
    #[default]
    BlockExecution,
}

impl Check {
    pub(crate) fn read(node: &Node) -> Option<Self> {
        let fields = Fields::new(node);
        Some(Self {
            when: fields.text(&["when", "condition"])?,
            message: fields.text(&["message"]).unwrap_or_default(),
            style: match fields.text(&["style"]).as_deref() {
                Some("ERROR") => CheckStyle::Error,
                Some("SUCCESS") => CheckStyle::Success,
                Some("WARNING") => CheckStyle::Warning,
                _ => CheckStyle::Info,
            },
            behavior: match fields.text(&["behavior"]).as_deref() {
                Some("FAIL_EXECUTION") => CheckBehavior::FailExecution,
                Some("CREATE_EXECUTION") => CheckBehavior::CreateExecution,
                _ => CheckBehavior::BlockExecution,
            },
            span: node.span,
        })
    }
}
