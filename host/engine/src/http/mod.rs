//! HTTP requests: the tasks `http.Request` and `http.Download`, and the function `http()`.

mod answer;
mod message;
mod options;

use serde_json::Value as Json;
use switchyard_expr::HttpCall;
use switchyard_plugin_api::Error;

pub use answer::{Answer, file_name, refused};
pub use message::{Message, Part};
pub use options::Options;

/// What `http()` reads at most.
const READABLE: u64 = 16 * 1024 * 1024;

/// Answers `http()`: the body, parsed when it is JSON.
pub async fn call(call: &HttpCall) -> Result<Json, Error> {
    let options = Options::read(&call.options)?;
    let mut headers = message::pairs(&call.headers);
    headers.extend(call.accept.iter().map(|accept| ("Accept".to_owned(), accept.clone())));
    let body = match &call.body {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let message = Message {
        uri: call.uri.clone(),
        method: call.method.clone(),
        params: message::pairs(&call.query),
        headers,
        content_type: call.content_type.clone(),
        body,
        form: Vec::new(),
    };
    let answer = Answer::of(message.send(&options).await?);
    let json = answer.is_json();
    let limit = options.max_content_length.unwrap_or(READABLE);
    let (failed, code) = (answer.is_failure(&options), answer.code());
    let body = answer.text(limit, options.default_charset.as_deref()).await?;
    if failed {
        return Err(refused(&call.uri, code, &body));
    }
    Ok(if json { serde_json::from_str(&body).unwrap_or(Json::String(body)) } else { Json::String(body) })
}
