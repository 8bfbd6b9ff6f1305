//! CloudWatch Logs.

use serde_json::{Value, json};

use super::{Aws, refuse};
use crate::fake::http::Answer;

const GROUP: &str = "/aws/batch/job";

impl Aws {
    pub(super) fn logs(&self, action: &str, body: &Value) -> Answer {
        let mut state = self.state();
        match action {
            "DescribeLogGroups" => {
                let prefix = body["logGroupNamePrefix"].as_str().unwrap();
                let groups: Vec<Value> =
                    state.groups.iter().filter(|name| name.starts_with(prefix)).map(|name| json!({ "logGroupName": name })).collect();
                Answer::json(json!({ "logGroups": groups }))
            }
            "CreateLogGroup" => {
                let name = body["logGroupName"].as_str().unwrap().to_owned();
                if !state.groups.insert(name) {
                    return refuse(400, "ResourceAlreadyExistsException", "it is there");
                }
                Answer::json(json!({}))
            }
            "GetLogEvents" => {
                let name = body["logStreamName"].as_str().unwrap().to_owned();
                if body["logGroupName"] != GROUP || !state.groups.contains(GROUP) {
                    return refuse(400, "ResourceNotFoundException", "The specified log group does not exist.");
                }
                let Some(all) = state.streams.get(&name).filter(|_| !state.late.contains(&name)) else {
                    return refuse(400, "ResourceNotFoundException", "The specified log stream does not exist.");
                };
                let count = all.len();
                let from = match (body["nextToken"].as_str(), body["startFromHead"].as_bool()) {
                    (Some(token), _) => token.strip_prefix("f/").unwrap().parse().unwrap(),
                    (None, Some(true)) => 0,
                    _ => count.saturating_sub(body["limit"].as_u64().unwrap_or(10_000) as usize),
                };
                let events: Vec<Value> = all[from..].iter().take(state.page).cloned().collect();
                let next = from + events.len();
                state.served.insert(name, next);
                Answer::json(json!({ "events": events, "nextForwardToken": format!("f/{next}"), "nextBackwardToken": format!("b/{from}") }))
            }
            _ => refuse(400, "UnknownOperationException", action),
        }
    }

    /// Adds an event.
    pub fn log(&self, stream: &str, message: &str) {
        let mut state = self.state();
        let time = 1_767_225_600_000 + state.count();
        state.streams.entry(stream.to_owned()).or_default().push(json!({ "timestamp": time, "message": message, "ingestionTime": time }));
    }

    /// Events of a stream that nobody has read.
    pub(super) fn waiting(&self, stream: &str) -> usize {
        let state = self.state();
        state.streams.get(stream).map_or(0, Vec::len).saturating_sub(state.served.get(stream).copied().unwrap_or_default())
    }
}
