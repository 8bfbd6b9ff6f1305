//! Which streams a tap takes, and how.

use regex::Regex;
use serde_json::{Map, Value, json};
use switchyard_plugin_api::prelude::*;

/// A choice among the streams that a tap discovered.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamConfiguration {
    /// Name of the stream; without it all of them.
    #[serde(default)]
    stream: Option<String>,
    /// `FULL_TABLE`, `INCREMENTAL` or `LOG_BASED`.
    #[serde(default)]
    replication_method: Option<String>,
    /// The column by which the tap knows what is new.
    #[serde(default)]
    replication_keys: Option<String>,
    /// Regular expressions for the fields to take, matched against their full path such as `properties.id`; without it all of them.
    #[serde(default)]
    properties_pattern: Option<Vec<String>>,
    /// Whether to take what matches.
    #[serde(default = "yes")]
    selected: bool,
}

fn yes() -> bool {
    true
}

/// Applies the choices to a discovered catalog, in order.
pub fn apply(catalog: &mut Value, choices: &[StreamConfiguration]) -> Result<(), Error> {
    for choice in choices {
        let patterns = patterns(choice)?;
        for stream in catalog.get_mut("streams").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = |key: &str| stream.get(key).and_then(Value::as_str);
            let wanted = choice.stream.as_deref();
            if wanted.is_none_or(|wanted| name("stream") == Some(wanted) || name("tap_stream_id") == Some(wanted))
                && let Some(stream) = stream.as_object_mut()
            {
                choose(stream, choice, &patterns);
            }
        }
    }
    Ok(())
}

fn patterns(choice: &StreamConfiguration) -> Result<Option<Vec<Regex>>, Error> {
    let Some(written) = &choice.properties_pattern else { return Ok(None) };
    let compile = |pattern: &String| {
        Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            Error::user("flow::invalid_property", format!("`{pattern}` is no regular expression: {error}")).at("/streamsConfigurations")
        })
    };
    written.iter().map(compile).collect::<Result<_, _>>().map(Some)
}

fn choose(stream: &mut Map<String, Value>, choice: &StreamConfiguration, patterns: &Option<Vec<Regex>>) {
    if let Some(schema) = stream.get_mut("schema").and_then(Value::as_object_mut) {
        // Older taps look here.
        schema.insert("selected".into(), choice.selected.into());
    }
    let metadata = stream.entry("metadata").or_insert_with(|| json!([]));
    let Some(entries) = metadata.as_array_mut() else { return };
    let breadcrumb = |entry: &Value| -> Option<Vec<String>> {
        entry.get("breadcrumb")?.as_array()?.iter().map(|part| part.as_str().map(str::to_owned)).collect()
    };
    if !entries.iter().any(|entry| breadcrumb(entry).is_some_and(|parts| parts.is_empty())) {
        entries.push(json!({ "breadcrumb": [], "metadata": {} }));
    }
    for entry in entries {
        let Some(parts) = breadcrumb(entry) else { continue };
        let path = parts.join(".");
        let Some(facts) = entry.get_mut("metadata").and_then(Value::as_object_mut) else { continue };
        if parts.is_empty() {
            facts.insert("selected".into(), choice.selected.into());
            for (key, value) in [
                ("replication-method", &choice.replication_method),
                ("forced-replication-method", &choice.replication_method),
                ("replication-key", &choice.replication_keys),
            ] {
                facts.extend(value.clone().map(|value| (key.to_owned(), Value::String(value))));
            }
        } else if patterns.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.is_match(&path))) {
            facts.insert("selected".into(), choice.selected.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        let mut catalog = json!({"streams": [
            {"stream": "users", "schema": {}, "metadata": [
                {"breadcrumb": [], "metadata": {"inclusion": "available"}},
                {"breadcrumb": ["properties", "id"], "metadata": {}},
                {"breadcrumb": ["properties", "password"], "metadata": {}},
            ]},
            {"stream": "other", "schema": {}},
        ]});
        let choices: Vec<StreamConfiguration> = serde_json::from_value(json!([
            {"selected": false},
            {"stream": "users", "replicationMethod": "INCREMENTAL", "replicationKeys": "id", "propertiesPattern": ["properties\\.i.*"]},
        ]))
        .unwrap();
        apply(&mut catalog, &choices).unwrap();
        insta::assert_json_snapshot!(catalog);
        let bad: Vec<StreamConfiguration> = serde_json::from_value(json!([{"propertiesPattern": ["("]}])).unwrap();
        assert_eq!(apply(&mut catalog, &bad).unwrap_err().code, "flow::invalid_property");
    }
}
