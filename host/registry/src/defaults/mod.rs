//! Values given to every component of a type, merged into a document before it becomes a flow.
//!
//! Pure: a tree and entries in, a tree out. Every value keeps the place it was written at, so the merged tree tells where each
//! one came from; what lost is recorded.

mod entry;
mod merge;
mod walk;

#[cfg(test)]
mod tests;

use switchyard_model::{DefaultEntry, Node, Span};

use self::walk::Walk;

/// What merging has to know about types.
pub trait Types {
    /// The current name of a type; the name itself when it is unknown.
    fn current<'a>(&'a self, written: &'a str) -> &'a str;
    /// Whether the type is a task runner.
    fn is_runner(&self, type_name: &str) -> bool;
    /// Whether a component has this property; `None` when that cannot be said.
    fn has_property(&self, type_name: &str, property: &str) -> Option<bool>;
}

impl Types for crate::Registry {
    fn current<'a>(&'a self, written: &'a str) -> &'a str {
        self.canonical(written).unwrap_or_else(|| switchyard_model::canonical_type(written))
    }

    fn is_runner(&self, type_name: &str) -> bool {
        self.kind(type_name) == Some(switchyard_plugin_api::ComponentKind::TaskRunner)
    }

    fn has_property(&self, type_name: &str, property: &str) -> Option<bool> {
        let component = self.component(type_name).ok()?;
        Some(component.schema.get("properties")?.get(property).is_some())
    }
}

/// The entries of one host, apart from those that a flow brings itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Defaults {
    pub server: Vec<DefaultEntry>,
    /// Of the flow's namespace and its parents, the nearest first.
    pub namespaces: Vec<Vec<DefaultEntry>>,
}

/// A document with its defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    pub node: Node,
    pub overrides: Vec<Override>,
    pub unresolved: Vec<Unresolved>,
}

/// A `pluginDefaultsRef` that names no entry of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    pub path: String,
    pub name: String,
    pub span: Span,
}

/// A value that lost against another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// `tasks[0].taskRunner.pullPolicy`.
    pub path: String,
    /// Where the value that counts was written.
    pub winner: Span,
    /// Where the value that does not count was written.
    pub loser: Span,
}

impl Defaults {
    /// Merges all defaults into a document, the flow's own among them.
    pub fn apply(&self, document: &Node, types: &dyn Types) -> Merged {
        let (own, _) = switchyard_model::read_defaults(document);
        self.apply_to(document, &own, types)
    }

    /// Merges all defaults into any tree, such as a task that was rendered from text. `own` are those of its flow.
    pub fn apply_to(&self, tree: &Node, own: &[DefaultEntry], types: &dyn Types) -> Merged {
        let levels = std::iter::once(own).chain(self.namespaces.iter().map(Vec::as_slice)).chain([self.server.as_slice()]);
        let levels: Vec<&[DefaultEntry]> = levels.collect();
        Walk::new(&levels, types).run(tree)
    }
}
