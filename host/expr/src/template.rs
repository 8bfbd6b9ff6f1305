//! A template: read once, rendered many times.

use crate::ast::{Definitions, Node};
use crate::error::Error;
use crate::parse;

/// A template that was read without errors.
#[derive(Debug)]
pub struct Template {
    source: Box<str>,
    nodes: Vec<Node>,
    definitions: Definitions,
    uses_loop: bool,
}

impl Template {
    /// Reads `source`. Errors carry the offset, the line, the column and what to do.
    pub fn parse(source: &str) -> Result<Self, Error> {
        let parsed = parse::template(source).map_err(|fault| Error::new(*fault, source))?;
        // Whoever does not mention it does not pay for it.
        let uses_loop = ["loop", "render", "ontext"].iter().any(|word| source.contains(word));
        Ok(Self { source: source.into(), nodes: parsed.nodes, definitions: parsed.definitions, uses_loop })
    }

    /// The text that was read.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// True when there is nothing to evaluate: the text prints itself.
    pub fn is_literal(&self) -> bool {
        self.nodes.iter().all(|node| matches!(node, Node::Text(_)))
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    pub(crate) fn uses_loop(&self) -> bool {
        self.uses_loop
    }
}
