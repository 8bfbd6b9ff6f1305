//! What is wrong with a text that is no YAML, in words that say what to change.

use saphyr_parser::ScanError;

use super::offset::Offsets;
use crate::path::Path;
use crate::source::{SourceId, Span};
use crate::violation::Violation;

/// Control characters never belong into a flow; the parser would take some of them for the end.
pub(super) fn unreadable_character(source: SourceId, text: &str) -> Option<Violation> {
    let is_unreadable = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let (at, character) = text.char_indices().find(|(_, c)| is_unreadable(*c))?;
    let message = format!("illegal flow yaml: the character U+{:04X} is not text", u32::from(character));
    let span = Span::new(source, at, at + character.len_utf8());
    Some(
        Violation::error("yaml::unreadable_character", &Path::Root, span, message)
            .with_help("remove it, or write it as an escape such as `\"\\x00\"` in double quotes"),
    )
}

pub(super) fn not_utf8(source: SourceId, bytes: &[u8], at: usize) -> Violation {
    let byte = bytes.get(at).copied().unwrap_or_default();
    let message = format!("illegal flow yaml: the byte 0x{byte:02X} is not UTF-8");
    Violation::error("yaml::not_utf8", &Path::Root, Span::new(source, at, at), message).with_help("save the file as UTF-8")
}

pub(super) fn syntax(source: SourceId, text: &str, offsets: &Offsets<'_>, error: &ScanError) -> Violation {
    let at = offsets.original(error.marker().index()).min(text.len());
    if let Some(tab) = indenting_tab(text, at) {
        let span = Span::new(source, tab, tab + 1);
        return Violation::error("yaml::tab", &Path::Root, span, "illegal flow yaml: a tab indents this line")
            .with_help("indent with spaces");
    }
    if let Some(open) = offsets.unclosed().filter(|open| *open < at) {
        let span = Span::new(source, open, open + 2);
        let message = "illegal flow yaml: this expression does not end on its line";
        return Violation::error("yaml::open_expression", &Path::Root, span, message)
            .with_help("close it with `}}`, or write a longer one in a block after `|`");
    }
    let span = Span::new(source, at, at);
    if error.info().contains("recursion limit") {
        return too_deep(span, RECURSION_LIMIT);
    }
    let violation = Violation::error("yaml::syntax", &Path::Root, span, format!("illegal flow yaml: {}", error.info()));
    match remedy(text, at, error.info()) {
        Some(help) => violation.with_help(help),
        None => violation,
    }
}

/// Of flow collections, set by the parser.
const RECURSION_LIMIT: usize = 255;

/// The path of something that deep helps nobody; its place does.
pub(super) fn too_deep(span: Span, limit: usize) -> Violation {
    let message = format!("illegal flow yaml: values are nested more than {limit} levels deep");
    Violation::error("yaml::too_deep", &Path::Root, span, message).with_help("use a subflow, or pass the data as a file")
}

/// A tab before the first character of the line at `at` or of the line before it.
fn indenting_tab(text: &str, at: usize) -> Option<usize> {
    let at = floor(text, at);
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let previous = text[..line.saturating_sub(1)].rfind('\n').map_or(0, |end| end + 1);
    [line, previous].into_iter().find_map(|start| {
        let indent = text[start..].find(|c: char| !matches!(c, ' ' | '\t'))?;
        text[start..start + indent].find('\t').map(|tab| start + tab)
    })
}

fn remedy(text: &str, at: usize, info: &str) -> Option<String> {
    let at = floor(text, at);
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let value = line.split_once(": ").map_or(line, |(_, value)| value).trim_start().trim_start_matches("- ");
    if value.starts_with("{{") || value.starts_with("{%") {
        return Some("put a value that begins with an expression in quotes, and a longer one in a block after `|`".to_owned());
    }
    if value.starts_with(['@', '`', '%', '*', '&', '!']) {
        return Some(format!("put a value that begins with `{}` in quotes", value.chars().next()?));
    }
    if info.contains("mapping values") {
        return Some("put a value that contains `: ` in quotes, and indent the keys of one map equally".to_owned());
    }
    if info.contains("found a tab") {
        return Some("indent with spaces; a tab may stand inside quotes only".to_owned());
    }
    if info.contains("end of stream") {
        return Some("close the quotes that begin here".to_owned());
    }
    if info.contains("did not find expected") {
        return Some("look at the indentation: keys of one map, and items of one list, begin in the same column".to_owned());
    }
    if info.contains("anchor") {
        return Some("define the anchor with `&name` before it is used with `*name`".to_owned());
    }
    None
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
