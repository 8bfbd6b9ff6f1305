//! One description of a property, from which both the check and the JSON Schema are made.

pub(crate) mod check;
pub mod remedy;
pub(crate) mod schema;

/// A property of the flow document, of a core task or of a core trigger.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    pub name: &'static str,
    pub kind: Kind,
    /// For people, in Markdown; shown when the cursor rests on the property.
    pub doc: &'static str,
    pub required: bool,
    /// As JSON.
    pub default: Option<&'static str>,
    /// Other spellings of today.
    pub aliases: &'static [&'static str],
    /// Old spellings; accepted with a deprecation notice.
    pub formerly: &'static [&'static str],
    /// What to use instead of this property.
    pub deprecated: Option<&'static str>,
    /// Expressions are not rendered here.
    pub literal: bool,
}

/// What a property holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Any,
    /// A string; numbers and booleans are taken as text.
    Text,
    Flag,
    /// A whole number from the minimum.
    Count(u64),
    Number,
    Duration,
    Choice(&'static [&'static str]),
    /// Any map.
    Map,
    MapOf(&'static Kind),
    List(&'static Kind),
    Object(&'static [Property]),
    /// Whatever fits one of these.
    OneOf(&'static [Kind]),
    /// An id of that shape.
    Id(IdShape),
    Labels,
    Retry,
    Task,
    Trigger,
    Input,
    /// A map whose `type` names a component: a condition, a task runner.
    Component,
}

/// Spec, "identifiers at a glance".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdShape {
    Flow,
    Namespace,
    Task,
    Input,
}

impl IdShape {
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Flow => "^[a-zA-Z0-9][a-zA-Z0-9._-]*$",
            Self::Namespace => "^[a-z0-9][a-z0-9._-]*$",
            Self::Task => "^[a-zA-Z0-9][a-zA-Z0-9_-]*$",
            Self::Input => "^[a-zA-Z0-9][.a-zA-Z0-9_-]*$",
        }
    }

    pub fn max_length(self) -> usize {
        match self {
            Self::Flow => 100,
            Self::Namespace => 150,
            Self::Task | Self::Input => 256,
        }
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Flow | Self::Input => "letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
            Self::Namespace => "lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
            Self::Task => "letters, digits, `_` and `-`, beginning with a letter or digit",
        }
    }

    pub fn accepts(self, text: &str) -> bool {
        let letter = |c: char| if self == Self::Namespace { c.is_ascii_lowercase() } else { c.is_ascii_alphabetic() };
        let dots = self != Self::Task;
        let first = text.starts_with(|c: char| letter(c) || c.is_ascii_digit());
        first && text.chars().all(|c| letter(c) || c.is_ascii_digit() || matches!(c, '_' | '-') || (dots && c == '.'))
    }
}

pub(crate) const fn property(name: &'static str, kind: Kind, doc: &'static str) -> Property {
    Property { name, kind, doc, required: false, default: None, aliases: &[], formerly: &[], deprecated: None, literal: false }
}

impl Property {
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn default(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self
    }

    pub(crate) const fn alias(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }

    pub(crate) const fn formerly(mut self, names: &'static [&'static str]) -> Self {
        self.formerly = names;
        self
    }

    pub(crate) const fn deprecated(mut self, instead: &'static str) -> Self {
        self.deprecated = Some(instead);
        self
    }

    pub(crate) const fn literal(mut self) -> Self {
        self.literal = true;
        self
    }

    /// The current name and every other one.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        std::iter::once(self.name).chain(self.aliases.iter().copied()).chain(self.formerly.iter().copied())
    }
}
