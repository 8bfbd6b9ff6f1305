//! The texts that nodes come from, and where in them a node stands.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Names one text of a [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SourceId(u32);

impl SourceId {
    /// Values that the host itself brings; always present in every [`Sources`].
    pub const BUILT_IN: Self = Self(0);
}

/// A range of bytes of one source. `Span::default()` means "built into the host".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    pub source: SourceId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Offsets beyond 4 GiB are cut; no parser of this crate accepts a text that long.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let offset = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Self { source, start: offset(start), end: offset(end.max(start)) }
    }

    /// The start of a source, for complaints about the source as a whole.
    pub fn of_source(source: SourceId) -> Self {
        Self::new(source, 0, 0)
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The smallest span that holds both; `self` when they are from different sources.
    pub fn to(self, other: Self) -> Self {
        if self.source != other.source {
            return self;
        }
        Self { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// What kind of place a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    File,
    CommandLine,
    Environment,
    /// Posted to the server or kept in the store.
    Stored,
    BuiltIn,
}

/// One text with its name.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    kind: SourceKind,
    line_starts: Arc<[u32]>,
}

impl Source {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    pub fn kind(&self) -> SourceKind {
        self.kind
    }
}

/// A position for people. A source without text (a built-in default) has line and column 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    pub name: Arc<str>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { write!(f, "{}", self.name) } else { write!(f, "{}:{}:{}", self.name, self.line, self.column) }
    }
}

/// Every text that one run of the host has read. Cloning shares the texts.
#[derive(Debug, Clone)]
pub struct Sources {
    sources: Vec<Source>,
}

impl Default for Sources {
    fn default() -> Self {
        Self::new()
    }
}

impl Sources {
    pub fn new() -> Self {
        let mut sources = Self { sources: Vec::new() };
        sources.add_as(SourceKind::BuiltIn, "built-in default", "");
        sources
    }

    /// Adds a file's text under the name that messages show.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceId {
        self.add_as(SourceKind::File, name, text)
    }

    /// Adds a text that is no file, such as a command-line argument; the text may be empty.
    pub fn add_as(&mut self, kind: SourceKind, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceId {
        let text: Arc<str> = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX))).collect();
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(Source { name: name.into(), text, kind, line_starts });
        id
    }

    /// A source that these `Sources` did not make is answered with the built-in one.
    pub fn get(&self, id: SourceId) -> &Source {
        self.sources.get(id.0 as usize).unwrap_or(&self.sources[0])
    }

    pub fn locate(&self, span: Span) -> Location {
        let source = self.get(span.source);
        if source.text.is_empty() {
            return Location { name: Arc::clone(&source.name), line: 0, column: 0 };
        }
        let at = floor_boundary(&source.text, span.start as usize);
        let line = source.line_starts.partition_point(|start| *start as usize <= at);
        let line_start = source.line_starts[line - 1] as usize;
        Location { name: Arc::clone(&source.name), line, column: source.text[line_start..at].chars().count() + 1 }
    }

    /// Exactly the text under the span.
    pub fn text(&self, span: Span) -> &str {
        let text = &self.get(span.source).text;
        let start = floor_boundary(text, span.start as usize);
        let end = floor_boundary(text, span.end as usize);
        &text[start..end]
    }

    /// The whole lines that the span touches, without the last line break.
    pub fn snippet(&self, span: Span) -> &str {
        let text = &self.get(span.source).text;
        let start = floor_boundary(text, span.start as usize);
        let end = floor_boundary(text, span.end as usize).max(start);
        let first = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let last = text[end..].find('\n').map_or(text.len(), |at| end + at);
        text[first..last].trim_end_matches('\r')
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locates_in_characters_from_one() {
        let mut sources = Sources::new();
        let id = sources.add("flow.yaml", "a: é\nbc: ü x\n");
        for (offset, expected) in
            [(0, "flow.yaml:1:1"), (5, "flow.yaml:1:5"), (6, "flow.yaml:2:1"), (13, "flow.yaml:2:7"), (999, "flow.yaml:3:1")]
        {
            assert_eq!(sources.locate(Span::new(id, offset, offset)).to_string(), expected, "offset {offset}");
        }
        assert_eq!(sources.snippet(Span::new(id, 7, 8)), "bc: ü x");
        assert_eq!(sources.text(Span::new(id, 3, 5)), "é");
    }

    #[test]
    fn a_value_without_a_text_has_only_a_name() {
        let mut sources = Sources::new();
        let argument = sources.add_as(SourceKind::CommandLine, "--input", "");
        assert_eq!(sources.locate(Span::default()).to_string(), "built-in default");
        assert_eq!(sources.locate(Span::of_source(argument)).to_string(), "--input");
        assert_eq!(sources.get(argument).kind(), SourceKind::CommandLine);
    }
}
