//! `run_results.json`: what became of each node.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use switchyard_plugin_api::{DynamicRun, DynamicState, Metric, MetricKind};

#[derive(Debug, Deserialize)]
struct RunResults {
    #[serde(default)]
    results: Vec<NodeResult>,
}

#[derive(Debug, Deserialize)]
struct NodeResult {
    unique_id: String,
    status: String,
    #[serde(default)]
    timing: Vec<Timing>,
    #[serde(default)]
    adapter_response: Option<Map<String, Value>>,
    #[serde(default)]
    message: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Timing {
    started_at: Option<String>,
    completed_at: Option<String>,
}

/// What became of a run.
#[derive(Debug, Default, PartialEq)]
pub struct Results {
    pub runs: Vec<DynamicRun>,
    pub metrics: Vec<Metric>,
    /// Words for a state that nobody knows.
    pub unknown: Vec<String>,
}

/// Reads the file; the error says what is wrong with it.
pub fn read(text: &str) -> Result<Results, String> {
    let parsed: RunResults = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut all = Results::default();
    for node in parsed.results {
        let state = state(&node.status).unwrap_or_else(|| {
            all.unknown.push(node.status.clone());
            DynamicState::Warning
        });
        let mut run = DynamicRun::new(&node.unique_id, state);
        // All times are UTC in one form, so the text decides which is first.
        run.started = node.timing.iter().filter_map(|timing| timing.started_at.clone()).min().map(with_zone);
        run.ended = node.timing.iter().filter_map(|timing| timing.completed_at.clone()).max().map(with_zone);
        run.outputs.insert("status".into(), node.status.into());
        run.outputs.extend(node.message.filter(|message| !message.is_null()).map(|message| ("message".to_owned(), message)));
        all.runs.push(run);
        let response = node.adapter_response.unwrap_or_default();
        for (field, name) in [("rows_affected", "rows.affected"), ("bytes_processed", "bytes.processed")] {
            // Some adapters answer -1 when they do not know.
            if let Some(value) = response.get(field).and_then(Value::as_f64).filter(|value| *value >= 0.0) {
                let tags = BTreeMap::from([("node".to_owned(), node.unique_id.clone())]);
                all.metrics.push(Metric { name: name.into(), kind: MetricKind::Counter, value, tags });
            }
        }
    }
    Ok(all)
}

fn state(word: &str) -> Option<DynamicState> {
    Some(match word {
        "success" | "pass" | "no-op" | "reused" => DynamicState::Success,
        "warn" | "partial success" => DynamicState::Warning,
        "error" | "fail" | "runtime error" | "runtime_error" => DynamicState::Failed,
        "skipped" => DynamicState::Skipped,
        _ => return None,
    })
}

fn with_zone(time: String) -> String {
    let zoned = time.ends_with('Z') || time.get(10..).is_some_and(|rest| rest.contains(['+', '-']));
    if zoned { time } else { format!("{time}Z") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state() {
        let results = |status: &str| {
            format!(
                r#"{{"results": [{{"unique_id": "model.a.b", "status": "{status}", "message": null,
                "timing": [{{"name": "compile", "started_at": "2026-01-01T00:00:01.5Z", "completed_at": "2026-01-01T00:00:02Z"}},
                           {{"name": "execute", "started_at": "2026-01-01T00:00:02", "completed_at": "2026-01-01T00:00:03"}}],
                "adapter_response": {{"rows_affected": 7, "bytes_processed": -1}}}}]}}"#
            )
        };
        for (word, state, unknown) in [
            ("success", DynamicState::Success, false),
            ("pass", DynamicState::Success, false),
            ("warn", DynamicState::Warning, false),
            ("error", DynamicState::Failed, false),
            ("fail", DynamicState::Failed, false),
            ("runtime error", DynamicState::Failed, false),
            ("skipped", DynamicState::Skipped, false),
            ("dreaming", DynamicState::Warning, true),
        ] {
            let read = read(&results(word)).unwrap();
            assert_eq!((read.runs[0].state, !read.unknown.is_empty()), (state, unknown), "{word}");
            assert_eq!(read.runs[0].started.as_deref(), Some("2026-01-01T00:00:01.5Z"));
            assert_eq!(read.runs[0].ended.as_deref(), Some("2026-01-01T00:00:03Z"));
            assert_eq!(
                read.metrics.iter().map(|metric| (metric.name.as_str(), metric.value)).collect::<Vec<_>>(),
                [("rows.affected", 7.0)]
            );
        }
        assert!(read("{}").unwrap().runs.is_empty());
        assert!(read("nonsense").is_err());
    }
}
