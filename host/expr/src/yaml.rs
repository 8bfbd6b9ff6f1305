//! YAML text as a value and back.

use std::borrow::Cow;
use std::collections::HashMap;

use indexmap::IndexMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use crate::error::{Fault, Outcome};
use crate::print;
use crate::val::Val;

/// Deepest nesting that is read.
const NESTING: usize = 100;

/// The first document of a YAML text.
pub(crate) fn read<'a>(text: &str) -> Outcome<Val<'a>> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), depth: 0 };
    loop {
        match reader.next()? {
            Event::StreamEnd => return Ok(Val::Null),
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            event => return reader.value(event),
        }
    }
}

struct Reader<'t, 'a> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: HashMap<usize, Val<'a>>,
    depth: usize,
}

impl<'t, 'a> Reader<'t, 'a> {
    fn next(&mut self) -> Outcome<Event<'t>> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(Fault::value(format!("the YAML text cannot be read: {error}"))),
            None => Ok(Event::StreamEnd),
        }
    }

    fn value(&mut self, event: Event<'t>) -> Outcome<Val<'a>> {
        self.depth += 1;
        if self.depth > NESTING {
            return Err(Fault::limit(format!("the YAML text nests deeper than {NESTING} levels")));
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => (anchor, scalar(text, style, tag.as_deref())),
            Event::SequenceStart(anchor, _) => (anchor, self.sequence()?),
            Event::MappingStart(anchor, _) => (anchor, self.mapping()?),
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                (0, known.ok_or_else(|| Fault::value("the YAML text uses an alias before its anchor"))?)
            }
            _ => (0, Val::Null),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        self.depth -= 1;
        Ok(value)
    }

    fn sequence(&mut self) -> Outcome<Val<'a>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd | Event::StreamEnd => return Val::list(items),
                event => items.push(self.value(event)?),
            }
        }
    }

    fn mapping(&mut self) -> Outcome<Val<'a>> {
        let mut entries: IndexMap<Cow<'a, str>, Val<'a>> = IndexMap::new();
        let mut merged: Vec<Val<'a>> = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                break;
            }
            let merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = match &event {
                Event::Scalar(text, ..) => text.to_string(),
                _ => String::new(),
            };
            let key = if matches!(event, Event::Scalar(..)) { key } else { print::text(&self.value(event)?) };
            let event = self.next()?;
            let value = self.value(event)?;
            if merge {
                merged.extend(value.items().map_or_else(|| vec![value.clone()], Iterator::collect));
            } else {
                entries.insert(Cow::Owned(key), value);
            }
        }
        for (key, value) in merged.iter().filter_map(Val::entries).flatten() {
            entries.entry(key).or_insert(value);
        }
        Val::map(entries)
    }
}

fn scalar<'a>(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Val<'a> {
    let core = tag.filter(|tag| tag.is_yaml_core_schema()).map(|tag| tag.suffix.as_str());
    if core == Some("str") || (style != ScalarStyle::Plain && core.is_none()) {
        return Val::text(text);
    }
    plain(&text).unwrap_or_else(|| Val::text(text))
}

/// What an unquoted scalar means when it is not text.
fn plain<'a>(text: &str) -> Option<Val<'a>> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Val::Null,
        "true" | "True" | "TRUE" => Val::Bool(true),
        "false" | "False" | "FALSE" => Val::Bool(false),
        _ => {
            let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
            if let Some(digits) = unsigned.strip_prefix("0x") {
                return i128::from_str_radix(digits, 16).ok().map(Val::Int);
            }
            if let Some(digits) = unsigned.strip_prefix("0o") {
                return i128::from_str_radix(digits, 8).ok().map(Val::Int);
            }
            if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') || unsigned == "." {
                return None;
            }
            if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
                return text.parse().ok().map(Val::Int);
            }
            let numeric = unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
            return text.parse::<f64>().ok().filter(|float| numeric && float.is_finite()).map(Val::Float);
        }
    })
}

/// A value as block YAML with as few quotes as possible.
pub(crate) fn write(value: &Val<'_>) -> String {
    if value.is_null() {
        return "null".to_owned();
    }
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Val<'_>, indent: usize, out: &mut String) {
    if out.len() > print::CAP {
        return;
    }
    if let Some(items) = value.items().filter(|items| items.size_hint().0 > 0) {
        for (index, item) in items.enumerate() {
            if index > 0 {
                pad(indent, out);
            }
            out.push_str("- ");
            block(&item, indent + 2, out);
        }
    } else if let Some(entries) = value.entries().filter(|_| !value.is_empty()) {
        for (index, (key, item)) in entries.enumerate() {
            if index > 0 {
                pad(indent, out);
            }
            text(&key, indent, out);
            out.push(':');
            if item.is_list() && !item.is_empty() {
                out.push('\n');
                pad(indent, out);
                block(&item, indent, out);
            } else if item.is_map() && !item.is_empty() {
                out.push('\n');
                pad(indent + 2, out);
                block(&item, indent + 2, out);
            } else {
                out.push(' ');
                block(&item, indent, out);
            }
        }
    } else {
        match value.as_str() {
            Some(string) => text(string, indent, out),
            None => print::json_into(value, out),
        }
        out.push('\n');
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn text(string: &str, indent: usize, out: &mut String) {
    let lines = string.contains('\n') && !string.starts_with([' ', '\n', '\t']) && !string.chars().any(|c| c != '\n' && is_special(c));
    if lines {
        let body = string.strip_suffix('\n');
        out.push_str(match body {
            None => "|-",
            Some(body) if body.ends_with('\n') => "|+",
            Some(_) => "|",
        });
        for line in body.unwrap_or(string).split('\n') {
            out.push('\n');
            if !line.is_empty() {
                pad(indent + 2, out);
                out.push_str(line);
            }
        }
    } else if is_plain(string) {
        out.push_str(string);
    } else {
        quoted(string, out);
    }
}

/// Characters that YAML text must not hold as they are, or that end a line there.
fn is_special(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn quoted(string: &str, out: &mut String) {
    let mut json = String::with_capacity(string.len() + 2);
    print::quoted(string, &mut json);
    for c in json.chars() {
        if is_special(c) {
            out.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            out.push(c);
        }
    }
}

/// Whether a string needs no quotes to stay this string.
fn is_plain(text: &str) -> bool {
    let first = text.chars().next();
    let special =
        |c: char| matches!(c, '!' | '&' | '*' | '%' | '@' | '`' | '\'' | '"' | '#' | '|' | '>' | '[' | ']' | '{' | '}' | ',' | '?');
    !text.is_empty()
        && text.trim() == text
        && plain(text).is_none()
        && !first.is_some_and(|c| special(c) || c == ':')
        && !(text == "-" || text == "---" || text == "..." || text.starts_with("- "))
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && !text.chars().any(is_special)
        && !matches!(text.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off" | ".inf" | "-.inf" | ".nan")
}
