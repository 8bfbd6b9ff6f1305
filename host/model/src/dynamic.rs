//! A property that is either written out or an expression to be rendered first.

use std::sync::Arc;

/// A literal, or the template whose rendered text is converted later.
#[derive(Debug, Clone, PartialEq)]
pub enum Dynamic<T> {
    Literal(T),
    Template(Arc<str>),
}

impl<T> Dynamic<T> {
    pub fn literal(&self) -> Option<&T> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Template(_) => None,
        }
    }

    pub fn template(&self) -> Option<&Arc<str>> {
        match self {
            Self::Literal(_) => None,
            Self::Template(text) => Some(text),
        }
    }
}

/// Whether a text has anything to render: `{{ … }}` or `{% … %}`.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}
