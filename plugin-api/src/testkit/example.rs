//! Example flows: YAML into the values that a runner has to accept.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// A YAML document as JSON. Enough for examples: no merge keys, no tags.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new() };
    loop {
        match reader.next()? {
            Event::DocumentStart(_) => {
                let event = reader.next()?;
                return reader.value(event);
            }
            Event::StreamEnd => return Err("the document is empty".to_owned()),
            _ => {}
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Value>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(error.to_string()),
            None => Ok(Event::StreamEnd),
        }
    }

    fn value(&mut self, event: Event<'a>) -> Result<Value, String> {
        let (value, anchor) = match event {
            Event::Alias(anchor) => return Ok(self.anchors.get(&anchor).cloned().unwrap_or_default()),
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break (Value::Array(items), anchor),
                        event => items.push(self.value(event)?),
                    }
                }
            }
            Event::MappingStart(anchor, _) => {
                let mut map = Map::new();
                loop {
                    match self.next()? {
                        Event::MappingEnd => break (Value::Object(map), anchor),
                        event => {
                            let key = match self.value(event)? {
                                Value::String(key) => key,
                                other => other.to_string(),
                            };
                            let event = self.next()?;
                            let value = self.value(event)?;
                            map.insert(key, value);
                        }
                    }
                }
            }
            _ => (Value::Null, 0),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return text.into();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => number.into(),
            _ => text.into(),
        },
    }
}

/// Every map below `value` whose `type` is one of these names.
pub(super) fn of_type<'a>(value: &'a Value, names: &[&str], found: &mut Vec<&'a Map<String, Value>>) {
    match value {
        Value::Object(map) => {
            if map.get("type").and_then(Value::as_str).is_some_and(|name| names.contains(&name)) {
                found.push(map);
            }
            map.values().for_each(|value| of_type(value, names, found));
        }
        Value::Array(items) => items.iter().for_each(|item| of_type(item, names, found)),
        _ => {}
    }
}

/// Whether an expression stands anywhere in it, so that only a run can tell whether it is right.
pub(super) fn has_template(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{") || text.contains("{%"),
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(map) => map.values().any(has_template),
        _ => false,
    }
}
