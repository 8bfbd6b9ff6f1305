//! What is wrong with a document, where, and what to do about it.

use std::fmt;

use crate::path::Path;
use crate::source::{Sources, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
    /// An old spelling that still works.
    Deprecation,
    Info,
}

/// One finding. `Display` gives `path: message`; [`Violation::display`] puts the file and line before it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct Violation {
    pub severity: Severity,
    /// Stable, such as `flow::unknown_property`.
    pub code: &'static str,
    /// `tasks[0].taskRunner.cpu`; empty for the document as a whole.
    pub path: String,
    pub message: String,
    /// The remedy, as a full sentence or the text to write instead.
    pub help: Option<String>,
    pub span: Span,
}

impl Violation {
    pub fn new(severity: Severity, code: &'static str, path: &Path<'_>, span: Span, message: impl Into<String>) -> Self {
        Self { severity, code, path: path.to_string(), message: message.into(), help: None, span }
    }

    pub fn error(code: &'static str, path: &Path<'_>, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, path, span, message)
    }

    pub fn warning(code: &'static str, path: &Path<'_>, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, path, span, message)
    }

    pub fn deprecation(code: &'static str, path: &Path<'_>, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Deprecation, code, path, span, message)
    }

    pub fn info(code: &'static str, path: &Path<'_>, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, path, span, message)
    }

    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// `file:line:col: path: message`.
    pub fn display<'a>(&'a self, sources: &'a Sources) -> impl fmt::Display + 'a {
        std::fmt::from_fn(move |f| write!(f, "{}: {self}", sources.locate(self.span)))
    }
}

/// Everything that was found, in the order it was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, violation: Violation) {
        self.0.push(violation);
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Violation::is_error)
    }

    pub fn errors(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter().filter(|violation| violation.is_error())
    }

    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Violation> {
        self.0.iter().filter(move |violation| violation.severity == severity)
    }

    /// One `file:line:col: path: message` per line.
    pub fn display<'a>(&'a self, sources: &'a Sources) -> impl fmt::Display + 'a {
        std::fmt::from_fn(move |f| {
            for violation in &self.0 {
                writeln!(f, "{}", violation.display(sources))?;
            }
            Ok(())
        })
    }

    /// Reading order; findings of one place keep theirs, and what was found twice is told once.
    pub fn sort(&mut self) {
        self.0.sort_by_key(|violation| (violation.span.source, violation.span.start));
        let mut kept: Vec<Violation> = Vec::with_capacity(self.0.len());
        for violation in self.0.drain(..) {
            let here = kept.iter().rev().take_while(|known| known.span.start == violation.span.start);
            if !here.into_iter().any(|known| *known == violation) {
                kept.push(violation);
            }
        }
        self.0 = kept;
    }
}

impl std::ops::Deref for Violations {
    type Target = [Violation];

    fn deref(&self) -> &[Violation] {
        &self.0
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl From<Vec<Violation>> for Violations {
    fn from(violations: Vec<Violation>) -> Self {
        Self(violations)
    }
}

impl FromIterator<Violation> for Violations {
    fn from_iter<I: IntoIterator<Item = Violation>>(violations: I) -> Self {
        Self(violations.into_iter().collect())
    }
}

impl Extend<Violation> for Violations {
    fn extend<I: IntoIterator<Item = Violation>>(&mut self, violations: I) {
        self.0.extend(violations);
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
