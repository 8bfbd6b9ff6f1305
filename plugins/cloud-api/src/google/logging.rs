//! Log entries.

use reqwest::Method;
use serde_json::{Value, json};
use switchyard_plugin_api::Error;

use super::Client;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Unique within the log.
    pub id: String,
    /// RFC 3339; sorts as text as long as its form stays the same.
    pub timestamp: String,
    pub severity: String,
    /// Name of the log it is in.
    pub log: String,
    pub text: String,
}

impl Client {
    /// A page of entries from a time on, oldest first, and the token of the next page.
    pub async fn entries(&self, filter: &str, since: Option<&str>, page: Option<String>) -> Result<(Vec<Entry>, Option<String>), Error> {
        let since = since.map(|since| format!(" AND timestamp>=\"{since}\"")).unwrap_or_default();
        let url = format!("{}/v2/entries:list", self.0.logging);
        let mut body = json!({
            "resourceNames": [format!("projects/{}", self.project())],
            "filter": format!("{filter}{since}"),
            "orderBy": "timestamp asc",
            "pageSize": 1000,
        });
        if let Some(page) = page {
            body["pageToken"] = page.into();
        }
        let answer = self.json("reading the log", Method::POST, &url, Some(&body)).await?;
        let entries = answer["entries"].as_array().into_iter().flatten().map(Entry::of).collect();
        let next = answer["nextPageToken"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
        Ok((entries, next))
    }
}

impl Entry {
    fn of(entry: &Value) -> Self {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let body = match (entry.get("textPayload").and_then(Value::as_str), entry.get("jsonPayload")) {
            (Some(text), _) => text.to_owned(),
            (None, Some(json)) => json.to_string(),
            (None, None) => String::new(),
        };
        Self { id: text("insertId"), timestamp: text("timestamp"), severity: text("severity"), log: text("logName"), text: body }
    }
}
