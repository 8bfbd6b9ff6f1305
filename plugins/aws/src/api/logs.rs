//! CloudWatch Logs: what a container printed.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use switchyard_plugin_api::Error;

use super::{Again, Client, is_missing};

/// Where Batch keeps the output of its jobs.
pub const GROUP: &str = "/aws/batch/job";

/// One line, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Unix time in milliseconds.
    pub time: i64,
    pub message: String,
}

impl Client {
    async fn logs(&self, what: &str, operation: &str, body: &Value) -> Result<Value, Error> {
        let target = format!("Logs_20140328.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        self.ask("logs", what, format!("{}/", self.0.logs), &headers, body, Again::Always).await
    }

    /// Whether the group is there.
    pub async fn log_group(&self) -> Result<bool, Error> {
        let answer = self.logs("looking for the log group", "DescribeLogGroups", &json!({ "logGroupNamePrefix": GROUP })).await?;
        Ok(answer["logGroups"].as_array().into_iter().flatten().any(|group| group["logGroupName"] == GROUP))
    }

    /// Makes the group when nobody has: without it a container does not start.
    pub async fn ensure_log_group(&self) -> Result<(), Error> {
        if self.0.group.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !self.log_group().await? {
            match self.logs("creating the log group", "CreateLogGroup", &json!({ "logGroupName": GROUP })).await {
                Err(error) if !error.message.contains("ResourceAlreadyExists") => return Err(error),
                _ => {}
            }
        }
        self.0.group.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Events of a stream behind a token, oldest first, and the token behind them; the same one means that there are no more yet. A
    /// stream that does not exist yet has none.
    pub async fn events(&self, stream: &str, token: Option<&str>) -> Result<(Vec<Event>, Option<String>), Error> {
        let mut body = json!({ "logGroupName": GROUP, "logStreamName": stream, "startFromHead": true });
        if let Some(token) = token {
            body["nextToken"] = token.into();
        }
        let answer = match self.logs("reading the log", "GetLogEvents", &body).await {
            Err(error) if is_missing(&error) => return Ok((Vec::new(), token.map(str::to_owned))),
            other => other?,
        };
        let next = answer["nextForwardToken"].as_str().map(str::to_owned);
        Ok((events(&answer), next.or_else(|| token.map(str::to_owned))))
    }

    /// The last lines of a stream.
    pub async fn last_events(&self, stream: &str, most: u32) -> Result<Vec<Event>, Error> {
        let body = json!({ "logGroupName": GROUP, "logStreamName": stream, "startFromHead": false, "limit": most });
        match self.logs("reading the log", "GetLogEvents", &body).await {
            Err(error) if is_missing(&error) => Ok(Vec::new()),
            other => other.map(|answer| events(&answer)),
        }
    }
}

fn events(answer: &Value) -> Vec<Event> {
    let all = answer["events"].as_array().into_iter().flatten();
    all.map(|event| Event {
        time: event["timestamp"].as_i64().unwrap_or_default(),
        message: event["message"].as_str().unwrap_or_default().to_owned(),
    })
    .collect()
}
