//! What connectors print on standard error: lines of JSON where we could make them, and metrics inside.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use switchyard_plugin_api::{Context, Event, Level, Metric, MetricKind};

#[derive(Deserialize)]
struct Entry {
    levelname: String,
    message: String,
}

#[derive(Deserialize)]
struct Measured {
    #[serde(rename = "type")]
    kind: String,
    metric: String,
    value: f64,
    #[serde(default)]
    tags: Map<String, Value>,
}

/// A message with its level, or a metric.
#[derive(Debug, PartialEq)]
pub enum Said {
    Message(Level, String),
    Metric(Metric),
}

/// Reads a line; `None` for an empty one.
pub fn read(line: &str) -> Option<Said> {
    let line = line.trim();
    if line.is_empty() {
        return None;
    }
    let entry: Option<Entry> = if line.starts_with('{') { serde_json::from_str(line).ok() } else { None };
    let (level, message) = match entry {
        Some(entry) => {
            let level = match entry.levelname.to_ascii_uppercase().as_str() {
                "DEBUG" => Level::Debug,
                "INFO" => Level::Info,
                "WARNING" | "WARN" => Level::Warn,
                _ => Level::Error,
            };
            (level, entry.message)
        }
        None => (Level::Info, line.to_owned()),
    };
    Some(metric(&message).map_or(Said::Message(level, message), Said::Metric))
}

/// `METRIC: {"type": "counter", "metric": "record_count", "value": 3, "tags": {…}}`, wherever it stands in the line.
fn metric(message: &str) -> Option<Metric> {
    let json = &message[message.find("METRIC: {")? + "METRIC: ".len()..];
    let measured: Measured = serde_json::from_str(json).ok()?;
    let kind = match measured.kind.as_str() {
        "counter" => MetricKind::Counter,
        "timer" => MetricKind::Timer,
        _ => return None,
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).to_lowercase();
    let tags: BTreeMap<_, _> = measured
        .tags
        .iter()
        .filter(|(_, value)| !value.is_object() && !value.is_array())
        .map(|(key, value)| (key.clone(), text(value)))
        .collect();
    Some(Metric { name: format!("singer.{}", measured.metric.replace(['_', '-'], ".")), kind, value: measured.value, tags })
}

/// Logs a line of standard error.
pub fn tell(line: &str, context: &Context) {
    match read(line) {
        Some(Said::Message(level, message)) => context.message(level, message),
        Some(Said::Metric(metric)) => context.notify(Event::Metric(metric)),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (line, level, message) in [
            (r#"{"levelname": "INFO", "message": "hello"}"#, Level::Info, "hello"),
            (r#"{"levelname": "WARNING", "message": "careful"}"#, Level::Warn, "careful"),
            (r#"{"levelname": "CRITICAL", "message": "bad"}"#, Level::Error, "bad"),
            ("plain", Level::Info, "plain"),
            ("{broken", Level::Info, "{broken"),
        ] {
            assert_eq!(read(line), Some(Said::Message(level, message.into())), "{line}");
        }
        let line =
            r#"INFO METRIC: {"type": "counter", "metric": "record_count", "value": 3, "tags": {"stream": "Users", "n": 1, "context": {}}}"#;
        let Some(Said::Metric(metric)) = read(line) else { panic!("no metric") };
        assert_eq!((metric.name.as_str(), metric.value), ("singer.record.count", 3.0));
        assert_eq!(metric.tags, BTreeMap::from([("n".to_owned(), "1".to_owned()), ("stream".to_owned(), "users".to_owned())]));
    }
}
