//! Protocol lines: `::{"outputs": {...}, "metrics": [...], "logs": [...]}::`.

use memchr::memmem;
use serde::Deserialize;
use serde_json::{Deserializer, Map, Value};
use switchyard_plugin_api::{Event, IsoDuration, Level, Metric, MetricKind};

/// What every frame begins with.
pub(super) const BEGIN: &[u8] = b"::{";
const END: &[u8] = b"}::";
/// Characters that end a line for the grammar, though not for us: with one of them inside a line is no frame.
const LINE_BREAKS: [&str; 3] = ["\u{85}", "\u{2028}", "\u{2029}"];

/// The JSON text of a line, without its line end, that is a frame.
pub(super) fn json(line: &[u8]) -> Option<&[u8]> {
    let frame = line.len() >= "::{}::".len() && line.starts_with(BEGIN) && line.ends_with(END);
    let inner = frame.then(|| &line[2..line.len() - 2])?;
    LINE_BREAKS.iter().all(|character| memmem::find(inner, character.as_bytes()).is_none()).then_some(inner)
}

/// What a frame says. Unknown keys are for others.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Frame {
    pub outputs: Map<String, Value>,
    /// Metrics and messages, in order.
    pub events: Vec<Event>,
}

#[derive(Deserialize)]
struct Fields {
    outputs: Option<Map<String, Value>>,
    metrics: Option<Vec<MetricFields>>,
    logs: Option<Vec<LogFields>>,
}

#[derive(Deserialize)]
struct MetricFields {
    name: String,
    #[serde(rename = "type")]
    kind: MetricKind,
    value: Value,
    tags: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct LogFields {
    level: Option<Level>,
    message: Option<Value>,
}

/// Reads the first JSON value; what follows it inside the frame does not count. The error says what is wrong with it.
pub(super) fn parse(json: &[u8]) -> Result<Frame, String> {
    let text = String::from_utf8_lossy(json);
    let fields = Fields::deserialize(&mut Deserializer::from_str(&text)).map_err(|error| error.to_string())?;
    let mut events = Vec::new();
    for metric in fields.metrics.into_iter().flatten() {
        events.push(Event::Metric(read_metric(metric)?));
    }
    for LogFields { level, message } in fields.logs.into_iter().flatten() {
        let message = message.map(plain).unwrap_or_default();
        events.push(match level {
            Some(level) => Event::Message { level, message },
            None => Event::Message { level: Level::Warn, message: format!("Invalid log: it has no level: {message}") },
        });
    }
    Ok(Frame { outputs: fields.outputs.unwrap_or_default(), events })
}

fn read_metric(MetricFields { name, kind, value, tags }: MetricFields) -> Result<Metric, String> {
    let number = match &value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if kind == MetricKind::Timer => {
            IsoDuration::parse(text).map(|duration| duration.0.as_secs_f64()).or_else(|| text.parse().ok())
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let allowed = if kind == MetricKind::Timer { "a number of seconds or a duration such as PT1.5S" } else { "a number" };
    let value =
        number.filter(|number| number.is_finite()).ok_or_else(|| format!("the value of metric `{name}` is {value}, not {allowed}"))?;
    let tag = |(key, value): (String, Value)| match value {
        Value::Object(_) | Value::Array(_) => Err(format!("tag `{key}` of metric `{name}` is {value}, not a string")),
        value => Ok((key, plain(value))),
    };
    let tags = tags.into_iter().flatten().map(tag).collect::<Result<_, _>>()?;
    Ok(Metric { name, kind, value, tags })
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
