//! The line of a text where something is wrong.

use switchyard_model::{Sources, Span};

/// Wider lines are cut around the place.
const WIDTH: usize = 120;

/// A place in a text, with the line it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Name of the text.
    pub name: String,
    /// From 1; 0 when the source is no text.
    pub line: usize,
    /// From 1, in characters of the whole line.
    pub column: usize,
    /// The line, cut when it is long; tabs are blanks, so that marks below it stand right.
    pub text: String,
    /// The marked characters of `text`.
    pub start: usize,
    pub length: usize,
}

impl Excerpt {
    pub fn of(sources: &Sources, span: Span) -> Self {
        let location = sources.locate(span);
        let source = sources.get(span.source).text();
        // A line can be as long as the text: everything below looks only at the surroundings of the span.
        let start = floor(source, span.start as usize);
        let end = floor(source, span.end as usize).max(start);
        let before = tail(source[..start].rsplit('\n').next().unwrap_or_default(), WIDTH / 2);
        let after: String =
            source[start..].chars().take_while(|c| *c != '\n').take(WIDTH - before.0.chars().count().min(WIDTH / 2)).collect();
        let cut = source[start..].chars().nth(after.chars().count()).is_some_and(|c| c != '\n');
        let ellipsis = if before.1 { "…" } else { "" };
        let marked = source[start..end].chars().take_while(|c| *c != '\n').take(after.chars().count()).count();
        let text = format!("{ellipsis}{}{after}{}", before.0, if cut { "…" } else { "" });
        Self {
            name: location.name.to_string(),
            line: location.line,
            column: location.column,
            start: ellipsis.chars().count() + before.0.chars().count(),
            length: marked,
            text: text.replace('\t', " ").trim_end_matches('\r').to_owned(),
        }
    }

    /// `flow.yaml:3:5`.
    pub fn place(&self) -> String {
        if self.line == 0 { self.name.clone() } else { format!("{}:{}:{}", self.name, self.line, self.column) }
    }
}

/// The last characters of a text, and whether there are more.
fn tail(text: &str, count: usize) -> (&str, bool) {
    match text.char_indices().rev().nth(count.saturating_sub(1)) {
        Some((at, _)) if at > 0 => (&text[at..], true),
        _ => (text, false),
    }
}

fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, start: usize, end: usize) -> Excerpt {
        let mut sources = Sources::new();
        let id = sources.add("flow.yaml", text);
        Excerpt::of(&sources, Span::new(id, start, end))
    }

    #[test]
    fn marks_the_place_in_its_line() {
        let found = excerpt("a: 1\n\tüb: cpuss\r\nc: 2\n", 11, 16);
        assert_eq!((found.place().as_str(), found.text.as_str()), ("flow.yaml:2:6", " üb: cpuss"));
        assert_eq!((found.start, found.length), (5, 5));
    }

    #[test]
    fn a_span_over_several_lines_marks_the_first() {
        let found = excerpt("tasks:\n  - a\n  - b\n", 0, 18);
        assert_eq!((found.text.as_str(), found.start, found.length), ("tasks:", 0, 6));
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut_around_the_place() {
        let text = format!("{}X{}", "a".repeat(1 << 20), "b".repeat(1 << 20));
        let found = excerpt(&text, 1 << 20, (1 << 20) + 1);
        assert_eq!(found.column, (1 << 20) + 1);
        assert!(found.text.chars().count() <= WIDTH + 2, "{}", found.text.len());
        assert_eq!(found.text.chars().nth(found.start), Some('X'));
    }
}
