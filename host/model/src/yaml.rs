//! YAML into [`Node`]s: the dialect that flows are written in (spec 1.2), bounded in every direction.

use std::sync::Arc;

use crate::node::Node;
use crate::path::Path;
use crate::source::{SourceId, Sources, Span};
use crate::violation::{Violation, Violations};

mod compose;
mod expression;
mod fault;
mod offset;
mod scalar;
#[cfg(test)]
mod tests;

/// What one text may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub bytes: usize,
    /// Levels of nesting.
    pub depth: usize,
    /// Nodes after the aliases are expanded.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 20, depth: 100, nodes: 500_000 }
    }
}

/// One YAML document and what is questionable about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub root: Node,
    pub warnings: Violations,
}

/// The one document of a source.
pub fn parse(sources: &Sources, source: SourceId) -> Result<Document, Violations> {
    let mut documents = parse_all(sources, source, Limits::default())?.into_iter();
    match (documents.next(), documents.next()) {
        (Some(document), None) => Ok(document),
        (None, _) => Err(empty(source).into()),
        (Some(_), Some(second)) => {
            let message = "there is a second document here, but this place takes one";
            Err(Violation::error("yaml::several_documents", &Path::Root, second.root.span, message)
                .with_help("put each flow in its own file, or use a command that takes several flows separated by `---`")
                .into())
        }
    }
}

/// Every document of a source, separated by `---`; empty ones are left out.
pub fn parse_all(sources: &Sources, source: SourceId, limits: Limits) -> Result<Vec<Document>, Violations> {
    let text = sources.get(source).text();
    if text.len() > limits.bytes {
        let message = format!("the text has {} bytes, the limit is {}", text.len(), limits.bytes);
        return Err(Violation::error("yaml::too_large", &Path::Root, Span::of_source(source), message)
            .with_help("move large contents into a namespace file")
            .into());
    }
    if let Some(violation) = fault::unreadable_character(source, text) {
        return Err(violation.into());
    }
    let documents = compose::documents(source, text, limits)?;
    if documents.is_empty() { Err(empty(source).into()) } else { Ok(documents) }
}

/// Adds bytes that somebody sent as a source and parses them; the source is there even when they are no YAML.
pub fn parse_bytes(sources: &mut Sources, name: impl Into<Arc<str>>, bytes: &[u8]) -> (SourceId, Result<Document, Violations>) {
    let source = sources.add(name, String::from_utf8_lossy(bytes));
    let document = match std::str::from_utf8(bytes) {
        Ok(_) => parse(sources, source),
        Err(error) => Err(fault::not_utf8(source, bytes, error.valid_up_to()).into()),
    };
    (source, document)
}

fn empty(source: SourceId) -> Violation {
    Violation::error("yaml::empty", &Path::Root, Span::of_source(source), "the document is empty")
        .with_help("a flow needs at least `id`, `namespace` and `tasks`")
}
