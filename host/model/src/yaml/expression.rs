//! Lets `key: {{ secrets.token }}` through, which plain YAML reads as a broken map: such values are put in quotes
//! before the parser sees them. Quoted text, block scalars, comments and flow collections are left alone.

use std::borrow::Cow;
use std::ops::Range;

/// One value that was put in quotes.
pub(super) struct Edit {
    /// In the rewritten text, quotes included.
    pub(super) rewritten: Range<usize>,
    /// In the original text.
    original: Range<usize>,
}

/// A text in which whole-value expressions are quoted.
pub(super) struct Quoted<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) edits: Vec<Edit>,
    /// The first value that begins with an expression and does not end it on its line.
    pub(super) unclosed: Option<usize>,
}

impl Quoted<'_> {
    /// Where a byte of the rewritten text stands in the original one.
    pub(super) fn original(&self, offset: usize) -> usize {
        let before = self.edits.partition_point(|edit| edit.rewritten.start <= offset);
        let Some(edit) = before.checked_sub(1).and_then(|last| self.edits.get(last)) else {
            return offset;
        };
        match offset.checked_sub(edit.rewritten.end) {
            Some(past) => edit.original.end + past,
            None if offset == edit.rewritten.start => edit.original.start,
            None => (edit.original.start + (offset - edit.rewritten.start).saturating_sub(1)).min(edit.original.end),
        }
    }

    /// The original range of the value that was quoted at this byte of the rewritten text.
    pub(super) fn edit_at(&self, offset: usize) -> Option<Range<usize>> {
        let found = self.edits.binary_search_by_key(&offset, |edit| edit.rewritten.start).ok()?;
        Some(self.edits[found].original.clone())
    }
}

pub(super) fn quote(text: &str) -> Quoted<'_> {
    let mut scan = Scan::new(text);
    if text.contains("{{") || text.contains("{%") {
        scan.run();
    }
    let Scan { found, unclosed, .. } = scan;
    if found.is_empty() {
        return Quoted { text: Cow::Borrowed(text), edits: Vec::new(), unclosed };
    }
    let mut rewritten = String::with_capacity(text.len() + found.len() * 4);
    let mut edits = Vec::with_capacity(found.len());
    let mut done = 0;
    for original in found {
        rewritten.push_str(&text[done..original.start]);
        let start = rewritten.len();
        rewritten.push_str(&single_quoted(&text[original.clone()]));
        done = original.end;
        edits.push(Edit { rewritten: start..rewritten.len(), original });
    }
    rewritten.push_str(&text[done..]);
    Quoted { text: Cow::Owned(rewritten), edits, unclosed }
}

fn single_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// How the warning shows a value: in double quotes when that needs no escapes.
pub(super) fn suggested(value: &str) -> String {
    if value.contains(['"', '\\']) { single_quoted(value) } else { format!("\"{value}\"") }
}

/// What the lines so far leave open.
enum Open {
    Nothing,
    /// `key:` or `-` without a value yet.
    Value,
    /// A block scalar; lines deeper than this column belong to it (-1: every line).
    Block(isize),
    Quote(char),
    Flow(Flow),
}

/// A `[…]` or `{…}` that goes over several lines.
struct Flow {
    depth: usize,
    quote: Option<char>,
}

struct Scan<'a> {
    text: &'a str,
    open: Open,
    found: Vec<Range<usize>>,
    unclosed: Option<usize>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, open: Open::Nothing, found: Vec::new(), unclosed: None }
    }

    fn run(&mut self) {
        let mut start = 0;
        let text = self.text;
        for line in text.split_inclusive('\n') {
            self.line(line.trim_end_matches(['\n', '\r']), start);
            start += line.len();
        }
    }

    fn line(&mut self, line: &str, start: usize) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let blank = line.trim().is_empty();
        self.open = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Block(parent) if blank || column(indent) > parent => Open::Block(parent),
            Open::Quote(quote) => match closing_quote(line, quote) {
                Some(_) => Open::Nothing,
                None => Open::Quote(quote),
            },
            Open::Flow(flow) => flow.line(line),
            Open::Value if blank || line[indent..].starts_with('#') => Open::Value,
            Open::Value => self.content(line, start, indent, true),
            Open::Nothing | Open::Block(_) => self.content(line, start, indent, false),
        };
    }

    /// A line in block context. `expected` says whether a value may stand alone on it.
    fn content(&mut self, line: &str, start: usize, indent: usize, mut expected: bool) -> Open {
        let mut at = indent;
        let mut parent = -1;
        if indent == 0 && (line.starts_with('%') || line == "---" || line == "...") {
            return Open::Nothing;
        }
        if let Some(rest) = line.strip_prefix("--- ") {
            at = line.len() - rest.trim_start().len();
            expected = true;
        }
        loop {
            let rest = &line[at..];
            if rest == "-" || rest == "?" {
                return Open::Value;
            }
            if !rest.starts_with("- ") && !rest.starts_with("? ") {
                break;
            }
            parent = column(at);
            at += 1;
            at += line[at..].len() - line[at..].trim_start().len();
            expected = true;
        }
        if let Some((key, value)) = split_key(&line[at..]) {
            let parent = column(at);
            at += value;
            // A key that is itself an expression has no meaning in a flow; the parser's complaint stands.
            return if key.starts_with("{{") { Open::Nothing } else { self.value(line, start, at, parent) };
        }
        if expected { self.value(line, start, at, parent) } else { continuation(&line[at..]) }
    }

    fn value(&mut self, line: &str, start: usize, at: usize, parent: isize) -> Open {
        let mut at = at;
        while line[at..].starts_with(['&', '!']) {
            let end = line[at..].find(' ').map_or(line.len(), |end| at + end);
            at = end + (line[end..].len() - line[end..].trim_start().len());
        }
        let rest = &line[at..];
        match rest.chars().next() {
            None | Some('#') => Open::Value,
            Some('|' | '>') => Open::Block(parent),
            Some(quote @ ('"' | '\'')) => match closing_quote(&rest[1..], quote) {
                Some(_) => Open::Nothing,
                None => Open::Quote(quote),
            },
            Some('{') if rest.starts_with("{{") || rest.starts_with("{%") => {
                match expression_value(rest) {
                    Some(length) => self.found.push(start + at..start + at + length),
                    None => {
                        self.unclosed.get_or_insert(start + at);
                    }
                }
                Open::Nothing
            }
            Some('[' | '{') => Flow { depth: 0, quote: None }.line(rest),
            Some(_) => Open::Nothing,
        }
    }
}

/// A line that goes on with a plain scalar, or starts a document that is no map.
fn continuation(rest: &str) -> Open {
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) if closing_quote(&rest[1..], quote).is_none() => Open::Quote(quote),
        Some('[' | '{') => Flow { depth: 0, quote: None }.line(rest),
        _ => Open::Nothing,
    }
}

impl Flow {
    fn line(mut self, line: &str) -> Open {
        let mut previous = ' ';
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match (self.quote, character) {
                (Some('"'), '\\') => {
                    characters.next();
                }
                (Some(quote), _) if quote == character => self.quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') if matches!(previous, ' ' | '\t' | '[' | '{' | ',' | ':') => self.quote = Some(character),
                (None, '#') if previous == ' ' => break,
                (None, '[' | '{') => self.depth += 1,
                (None, ']' | '}') => self.depth = self.depth.saturating_sub(1),
                (None, _) => {}
            }
            previous = character;
        }
        if self.depth == 0 && self.quote.is_none() { Open::Nothing } else { Open::Flow(self) }
    }
}

fn column(at: usize) -> isize {
    isize::try_from(at).unwrap_or(isize::MAX)
}

/// The key of `key: value` and where its value starts; `None` for a line without a key.
fn split_key(rest: &str) -> Option<(&str, usize)> {
    let end = match rest.chars().next()? {
        quote @ ('"' | '\'') => {
            let close = 1 + closing_quote(&rest[1..], quote)?;
            let colon = close + (rest[close..].len() - rest[close..].trim_start().len());
            rest[colon..].starts_with(':').then_some(colon)?
        }
        '#' | '|' | '>' => return None,
        '{' | '[' if !rest.starts_with("{{") => return None,
        _ => plain_key_end(rest)?,
    };
    let after = &rest[end + 1..];
    let value = end + 1 + (after.len() - after.trim_start().len());
    (after.is_empty() || after.starts_with([' ', '\t'])).then_some((&rest[..end], value))
}

/// The colon that ends a plain key: outside expressions, followed by a space or the end, not in a comment.
fn plain_key_end(rest: &str) -> Option<usize> {
    let mut inside = false;
    let mut previous = ' ';
    for (at, character) in rest.char_indices() {
        let tail = &rest[at..];
        match character {
            '{' if tail.starts_with("{{") || tail.starts_with("{%") => inside = true,
            '}' if tail.starts_with("}}") => inside = false,
            '%' if tail.starts_with("%}") => inside = false,
            '#' if previous == ' ' && !inside => return None,
            ':' if !inside && (tail.len() == 1 || tail[1..].starts_with([' ', '\t'])) => return Some(at),
            _ => {}
        }
        previous = character;
    }
    None
}

/// Just behind the closing quote; `line` starts inside the quotes.
pub(super) fn closing_quote(line: &str, quote: char) -> Option<usize> {
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            if quote == '\'' && characters.peek().is_some_and(|(_, next)| *next == '\'') {
                characters.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

/// How long the value is without its trailing comment; `None` when an expression is left open on this line.
fn expression_value(rest: &str) -> Option<usize> {
    let mut close: Option<&str> = None;
    let mut quote: Option<char> = None;
    let mut end = rest.len();
    let mut previous = ' ';
    for (at, character) in rest.char_indices() {
        let tail = &rest[at..];
        match (close, quote) {
            (Some(_), Some(open)) => {
                if character == open && previous != '\\' {
                    quote = None;
                }
            }
            (Some(closer), None) => {
                if tail.starts_with(closer) {
                    close = None;
                } else if matches!(character, '"' | '\'') {
                    quote = Some(character);
                }
            }
            (None, _) => {
                if tail.starts_with("{{") {
                    close = Some("}}");
                } else if tail.starts_with("{%") {
                    close = Some("%}");
                } else if character == '#' && previous.is_whitespace() {
                    end = at;
                    break;
                }
            }
        }
        previous = character;
    }
    close.is_none().then(|| rest[..end].trim_end().len())
}
