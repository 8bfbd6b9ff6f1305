//! The core's own types and the flow document, as tables of properties: spec 1 to 4 and 11.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::property::Property;
use crate::type_name::canonical_type;

pub mod document;
pub mod example;
pub mod flowable;
pub mod input;
pub mod script_trigger;
pub mod task;
pub mod trigger;

/// One type that the host brings itself.
#[derive(Debug, Clone, Copy)]
pub struct TypeSpec {
    /// The current name.
    pub name: &'static str,
    pub title: &'static str,
    /// In Markdown.
    pub doc: &'static str,
    /// Its own ones; what all tasks or triggers have is in [`document`].
    pub properties: &'static [Property],
    /// Name and meaning of what it gives.
    pub outputs: &'static [(&'static str, &'static str)],
    /// What to use instead.
    pub deprecated: Option<&'static str>,
    /// Known, but refused.
    pub removed: bool,
}

pub(crate) const fn spec(name: &'static str, title: &'static str, doc: &'static str, properties: &'static [Property]) -> TypeSpec {
    TypeSpec { name, title, doc, properties, outputs: &[], deprecated: None, removed: false }
}

impl TypeSpec {
    pub(crate) const fn outputs(mut self, outputs: &'static [(&'static str, &'static str)]) -> Self {
        self.outputs = outputs;
        self
    }

    pub(crate) const fn deprecated(mut self, instead: &'static str) -> Self {
        self.deprecated = Some(instead);
        self
    }

    pub(crate) const fn removed(mut self, instead: &'static str) -> Self {
        self.deprecated = Some(instead);
        self.removed = true;
        self
    }
}

static TYPES: LazyLock<HashMap<&'static str, &'static TypeSpec>> =
    LazyLock::new(|| tasks().chain(triggers()).map(|spec| (spec.name, spec)).collect());

/// By any of its names.
pub fn find(type_name: &str) -> Option<&'static TypeSpec> {
    TYPES.get(canonical_type(type_name)).copied()
}

/// Flowables and core tasks.
pub fn tasks() -> impl Iterator<Item = &'static TypeSpec> {
    flowable::FLOWABLES.iter().chain(task::TASKS)
}

pub fn triggers() -> impl Iterator<Item = &'static TypeSpec> {
    trigger::TRIGGERS.iter().chain(script_trigger::TRIGGERS.iter().flatten())
}
