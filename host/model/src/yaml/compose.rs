//! Parser events into nodes: anchors, merge keys, duplicate keys, limits.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks, StrInput, Tag};

use super::expression::{self, suggested};
use super::offset::Offsets;
use super::{Document, Limits, fault, scalar};
use crate::map::Map;
use crate::node::{Node, Value};
use crate::path::Path;
use crate::source::{SourceId, Span};
use crate::violation::{Violation, Violations};

const BYTE_ORDER_MARK: char = '\u{feff}';

pub(super) fn documents(source: SourceId, text: &str, limits: Limits) -> Result<Vec<Document>, Violations> {
    let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let quoted = expression::quote(body);
    let offsets = Offsets::new(&quoted, text.len() - body.len());
    let mut composer = Composer {
        source,
        text,
        limits,
        offsets: &offsets,
        parser: Parser::new_from_str(&quoted.text),
        anchors: HashMap::new(),
        nodes: 0,
        found: Violations::new(),
    };
    let mut documents = Vec::new();
    let outcome = composer.stream(&mut documents);
    let mut errors: Violations = composer.found.into_iter().filter(Violation::is_error).collect();
    errors.extend(outcome.err());
    if errors.is_empty() { Ok(documents) } else { Err(errors) }
}

struct Composer<'a> {
    source: SourceId,
    /// As the author wrote it.
    text: &'a str,
    limits: Limits,
    offsets: &'a Offsets<'a>,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchor>,
    nodes: usize,
    found: Violations,
}

struct Anchor {
    node: Node,
    nodes: usize,
    height: usize,
}

/// The first violation that makes going on senseless.
type Composed<T> = Result<T, Violation>;

impl<'a> Composer<'a> {
    fn next(&mut self) -> Composed<(Event<'a>, Marks)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(fault::syntax(self.source, self.text, self.offsets, &error)),
            None => Ok((Event::StreamEnd, Marks::default())),
        }
    }

    fn span(&self, marks: Marks) -> Span {
        Span::new(self.source, self.offsets.original(marks.start.index()), self.offsets.original(marks.end.index()))
    }

    fn error(&self, code: &'static str, path: &Path<'_>, marks: Marks, message: String) -> Violation {
        Violation::error(code, path, self.span(marks), message)
    }

    fn stream(&mut self, documents: &mut Vec<Document>) -> Composed<()> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), _) => {
                    self.anchors.clear();
                    let (event, marks) = self.next()?;
                    let (root, _) = self.node(event, marks, &Path::Root, 0)?;
                    let warnings = self.found.iter().filter(|violation| !violation.is_error()).cloned().collect();
                    self.found = std::mem::take(&mut self.found).into_iter().filter(Violation::is_error).collect();
                    if !root.is_null() {
                        documents.push(Document { root, warnings });
                    }
                }
                _ => {}
            }
        }
    }

    /// A node and how many levels it has.
    fn node(&mut self, event: Event<'a>, marks: Marks, path: &Path<'_>, depth: usize) -> Composed<(Node, usize)> {
        self.spend(1, path, marks)?;
        if depth > self.limits.depth {
            return Err(fault::too_deep(self.span(marks), self.limits.depth));
        }
        let before = self.nodes;
        let (node, height, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, marks, path, depth),
            Event::Scalar(text, style, anchor, tag) => (self.scalar(&text, style, tag.as_deref(), marks, path), 1, anchor),
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "seq", marks, path);
                let (node, height) = self.sequence(marks, path, depth)?;
                (node, height, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "map", marks, path);
                let (node, height) = self.mapping(marks, path, depth)?;
                (node, height, anchor)
            }
            _ => (Node::new(self.span(marks), Value::Null), 1, 0),
        };
        if anchor > 0 {
            let nodes = self.nodes - before + 1;
            // The kept copy costs as much as the value itself.
            self.spend(nodes, path, marks)?;
            self.anchors.insert(anchor, Anchor { node: node.clone(), nodes, height });
        }
        Ok((node, height))
    }

    fn spend(&mut self, nodes: usize, path: &Path<'_>, marks: Marks) -> Composed<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= self.limits.nodes {
            return Ok(());
        }
        let message = format!("illegal flow yaml: the document has more than {} values once its aliases are expanded", self.limits.nodes);
        Err(self.error("yaml::too_many_nodes", path, marks, message).with_help("use fewer or smaller aliases"))
    }

    fn alias(&mut self, anchor: usize, marks: Marks, path: &Path<'_>, depth: usize) -> Composed<(Node, usize)> {
        let Some(known) = self.anchors.get(&anchor) else {
            let message = "illegal flow yaml: this alias contains itself".to_owned();
            return Err(self.error("yaml::recursive_alias", path, marks, message).with_help("write the value out"));
        };
        let (nodes, height) = (known.nodes, known.height);
        if depth + height > self.limits.depth + 1 {
            return Err(fault::too_deep(self.span(marks), self.limits.depth));
        }
        self.spend(nodes, path, marks)?;
        let node = self.anchors.get(&anchor).map(|known| known.node.clone()).unwrap_or_default();
        Ok((node, height))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, marks: Marks, path: &Path<'_>) -> Node {
        if let Some(range) = self.offsets.edit_at(marks.start.index()) {
            let span = Span::new(self.source, range.start, range.end);
            let form = suggested(text);
            let violation = Violation::warning(
                "yaml::unquoted_expression",
                path,
                span,
                "an expression that is a whole value needs quotes; other YAML tools refuse this line",
            );
            self.found.push(violation.with_help(format!("write {form}")));
            return Node::string(span, text);
        }
        let core = tag.filter(|tag| tag.is_yaml_core_schema()).map(|tag| tag.suffix.as_str());
        if let (Some(tag), None) = (tag, core) {
            self.unknown_tag(tag, marks, path);
        }
        let value = match (core, style) {
            (Some("str"), _) => Value::String(text.into()),
            (Some(_), _) | (None, ScalarStyle::Plain) => scalar::plain(text),
            (None, _) => Value::String(text.into()),
        };
        Node::new(self.scalar_span(style, marks), value)
    }

    /// The parser lets a quoted scalar end before the next token; it ends with its quote.
    fn scalar_span(&self, style: ScalarStyle, marks: Marks) -> Span {
        let span = self.span(marks);
        let quote = match style {
            ScalarStyle::SingleQuoted => '\'',
            ScalarStyle::DoubleQuoted => '"',
            _ => return span,
        };
        let inside = self.text.get(span.start as usize + 1..span.end as usize).unwrap_or_default();
        match expression::closing_quote(inside, quote) {
            Some(length) => Span::new(self.source, span.start as usize, span.start as usize + 1 + length),
            None => span,
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, core: &str, marks: Marks, path: &Path<'_>) {
        if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && tag.suffix == core)) {
            self.unknown_tag(tag, marks, path);
        }
    }

    fn unknown_tag(&mut self, tag: &Tag, marks: Marks, path: &Path<'_>) {
        let message = format!("illegal flow yaml: the tag `{tag}` has no meaning in a flow");
        let violation = self.error("yaml::unknown_tag", path, marks, message).with_help("remove the tag, or put the value in quotes");
        self.found.push(violation);
    }

    fn sequence(&mut self, start: Marks, path: &Path<'_>, depth: usize) -> Composed<(Node, usize)> {
        let mut items = Vec::new();
        let mut height = 1;
        let mut end = self.span(start);
        loop {
            let (event, marks) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let span = self.enclose(start, end, marks, ']');
                return Ok((Node::new(span, Value::Seq(items)), height));
            }
            let (item, below) = self.node(event, marks, &path.index(items.len()), depth + 1)?;
            end = end.to(item.span);
            height = height.max(below + 1);
            items.push(item);
        }
    }

    fn mapping(&mut self, start: Marks, path: &Path<'_>, depth: usize) -> Composed<(Node, usize)> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        let mut height = 1;
        let mut end = self.span(start);
        loop {
            let (event, marks) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                for node in merged {
                    self.merge(&mut map, node, path);
                }
                let span = self.enclose(start, end, marks, '}');
                return Ok((Node::new(span, Value::Map(map)), height));
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<");
            let key_span = self.span(marks);
            let key = self.key(event, marks, path, depth)?;
            let (event, marks) = self.next()?;
            let (value, below) = self.node(event, marks, &path.key(&key), depth + 1)?;
            end = end.to(key_span).to(value.span);
            height = height.max(below + 1);
            if is_merge {
                merged.push(value);
            } else if map.contains_key(&key) {
                let message = format!("illegal flow yaml: the key `{key}` is here twice");
                let violation = Violation::error("yaml::duplicate_key", &path.key(&key), key_span, message);
                self.found.push(violation.with_help("keep one of the two"));
            } else {
                map.insert(key, key_span, value);
            }
        }
    }

    /// A key as it is written; `true:` is the key `true`.
    fn key(&mut self, event: Event<'a>, marks: Marks, path: &Path<'_>, depth: usize) -> Composed<Arc<str>> {
        if let Event::Scalar(text, style, _, _) = &event {
            self.spend(1, path, marks)?;
            if text.is_empty() && *style == ScalarStyle::Plain {
                let violation = self.error("yaml::empty_key", path, marks, "illegal flow yaml: a key is missing before `:`".to_owned());
                self.found.push(violation);
            }
            return Ok(text.as_ref().into());
        }
        let (node, _) = self.node(event, marks, path, depth + 1)?;
        if let Some(text) = node.scalar_text() {
            return Ok(text);
        }
        let violation =
            self.error("yaml::key_not_text", path, marks, format!("illegal flow yaml: a key must be a text, found {}", node.describe()));
        self.found.push(violation.with_help("put a value that begins with an expression in quotes: `\"{{ … }}\"`"));
        Ok("".into())
    }

    /// `<<: *base` or a list of bases: own keys win, then the first base.
    fn merge(&mut self, map: &mut Map, node: Node, path: &Path<'_>) {
        match node.value {
            Value::Map(base) => {
                for (key, entry) in base {
                    if !map.contains_key(&key) {
                        map.insert(key, entry.key_span, entry.value);
                    }
                }
            }
            Value::Seq(bases) if bases.iter().all(|base| base.as_map().is_some()) => {
                for base in bases {
                    self.merge(map, base, path);
                }
            }
            _ => {
                let message = format!("illegal flow yaml: `<<` takes a map or a list of maps, found {}", node.describe());
                self.found.push(Violation::error("yaml::merge_not_map", &path.key("<<"), node.span, message));
            }
        }
    }

    /// Block collections end with their last value, flow collections with their bracket.
    fn enclose(&self, start: Marks, content: Span, last: Marks, bracket: char) -> Span {
        let close = self.span(last);
        let begin = Span { end: self.span(start).start, ..self.span(start) };
        let range = close.start as usize..self.text.len();
        let closes = self.text.get(range).is_some_and(|rest| rest.starts_with(bracket));
        let ends_with_bracket = closes && last.end.index() > last.start.index();
        begin.to(content).to(if ends_with_bracket { close } else { content })
    }
}
