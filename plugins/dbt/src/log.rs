//! What dbt prints with `--log-format json`: one JSON object per line, with its fields in `info` since version 1.4.

use serde_json::{Map, Value};
use switchyard_plugin_api::Level;

/// A line that dbt itself wrote.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// Its level.
    pub level: Level,
    /// For people; empty for lines that only make room.
    pub message: String,
    /// Counts of the whole run, such as `pass` and `error`.
    pub stats: Vec<(String, f64)>,
}

/// Reads a line; `None` for anything else than a JSON object with a message.
pub fn read(line: &str) -> Option<Entry> {
    let line = line.trim();
    if !line.starts_with('{') {
        return None;
    }
    let Ok(Value::Object(all)) = serde_json::from_str::<Value>(line) else { return None };
    let info = all.get("info").and_then(Value::as_object).unwrap_or(&all);
    let text = |names: &[&str]| names.iter().find_map(|name| info.get(*name).and_then(Value::as_str)).unwrap_or_default();
    if !info.contains_key("level") && !info.contains_key("msg") && !info.contains_key("message") {
        return None;
    }
    let level = match text(&["level", "levelname"]).to_ascii_lowercase().as_str() {
        "debug" => Level::Debug,
        "info" => Level::Info,
        "warn" | "warning" => Level::Warn,
        _ => Level::Error,
    };
    let said = plain(text(&["msg", "message"]));
    let message = if said.is_empty() {
        String::new()
    } else {
        let parts = [("Date", text(&["ts", "timestamp"])), ("Thread", text(&["thread", "thread_name"])), ("Type", text(&["name", "type"]))];
        let head: String = parts.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("[{name}: {value}] ")).collect();
        format!("{head}{said}")
    };
    Some(Entry { level, message, stats: all.get("data").and_then(Value::as_object).map(stats).unwrap_or_default() })
}

fn stats(data: &Map<String, Value>) -> Vec<(String, f64)> {
    let stats = data.get("stats").and_then(Value::as_object);
    stats.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

/// Without colours.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = after.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &after[end + 1..]);
    }
    out.push_str(rest);
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let new = r#"{"data": {"stats": {"error": 0, "pass": 4}}, "info": {"level": "info", "msg": "\u001b[33mDone.\u001b[0m", "name": "StatsLine", "thread": "MainThread", "ts": "T"}}"#;
        let entry = read(new).unwrap();
        assert_eq!(entry.level, Level::Info);
        assert_eq!(entry.message, "[Date: T] [Thread: MainThread] [Type: StatsLine] Done.");
        assert_eq!(entry.stats, [("error".to_owned(), 0.0), ("pass".to_owned(), 4.0)]);
        for (line, level, message) in [
            (r#"{"level": "warn", "msg": "old", "thread_name": "M", "type": "x"}"#, Level::Warn, "[Thread: M] [Type: x] old"),
            (r#"{"levelname": "WARNING", "message": "older"}"#, Level::Warn, "older"),
            (r#"{"info": {"level": "error", "msg": "bad"}}"#, Level::Error, "bad"),
            (r#"{"info": {"level": "critical", "msg": "worse"}}"#, Level::Error, "worse"),
            (r#"{"info": {"level": "debug", "msg": "d"}}"#, Level::Debug, "d"),
            (r#"{"info": {"level": "info", "msg": ""}}"#, Level::Info, ""),
        ] {
            let entry = read(line).unwrap();
            assert_eq!((entry.level, entry.message.as_str()), (level, message), "{line}");
        }
        for line in ["", "Running with dbt", "{broken", "{}", "[1]", "{\"a\": 1}", "::{\"outputs\": {}}::"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
