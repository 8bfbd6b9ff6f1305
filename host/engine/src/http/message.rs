//! One request.

use std::path::PathBuf;

use reqwest::{Method, Response, header, multipart};
use serde_json::Value as Json;
use switchyard_plugin_api::Error;

use super::options::{Auth, Options};
use crate::task::plain;

/// What is sent.
#[derive(Debug, Clone, Default)]
pub struct Message {
    pub uri: String,
    pub method: String,
    pub params: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub content_type: Option<String>,
    pub body: Option<String>,
    /// A form: in the body's place.
    pub form: Vec<(String, Part)>,
}

/// A field of a form.
#[derive(Debug, Clone)]
pub enum Part {
    Text(String),
    File { name: String, path: PathBuf },
}

const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data";

/// Names and values of a map; a list gives its name several times.
pub fn pairs(map: &Json) -> Vec<(String, String)> {
    let Json::Object(map) = map else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in map {
        match value {
            Json::Null => {}
            Json::Array(values) => found.extend(values.iter().map(|value| (name.clone(), plain(value)))),
            value => found.push((name.clone(), plain(value))),
        }
    }
    found
}

impl Message {
    /// Sends it; the answer's body has not been read yet.
    pub async fn send(self, options: &Options) -> Result<Response, Error> {
        let invalid = |what: String| Error::user("http::invalid", what);
        let method = Method::from_bytes(self.method.to_uppercase().as_bytes())
            .map_err(|_| invalid(format!("`{}` is no HTTP method", self.method)).at("/method"))?;
        let url = reqwest::Url::parse(self.uri.trim()).map_err(|error| {
            invalid(format!("`{}` is no address: {error}", self.uri))
                .with_help("write a whole one, such as https://example.com/path")
                .at("/uri")
        })?;
        let mut request = options.client()?.request(method, url);
        if !self.params.is_empty() {
            request = request.query(&self.params);
        }
        let typed = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header::CONTENT_TYPE.as_str()));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request = match &options.auth {
            Some(Auth::Basic { user, password }) => request.basic_auth(user, Some(password)),
            Some(Auth::Bearer(token)) => request.bearer_auth(token),
            None => request,
        };
        let has_files = self.form.iter().any(|(_, part)| matches!(part, Part::File { .. }));
        let is_multipart = has_files || self.content_type.as_deref().is_some_and(|kind| kind.starts_with(MULTIPART));
        request = if !self.form.is_empty() && is_multipart {
            request.multipart(multipart_of(self.form).await?)
        } else if !self.form.is_empty() {
            let fields: Vec<(String, String)> = self
                .form
                .into_iter()
                .filter_map(|(name, part)| match part {
                    Part::Text(text) => Some((name, text)),
                    Part::File { .. } => None,
                })
                .collect();
            request.form(&fields)
        } else if let Some(body) = self.body {
            if !typed {
                request = request.header(header::CONTENT_TYPE, self.content_type.as_deref().unwrap_or(JSON));
            }
            request.body(body)
        } else {
            request
        };
        request.send().await.map_err(|error| unreachable(&self.uri, &error))
    }
}

async fn multipart_of(fields: Vec<(String, Part)>) -> Result<multipart::Form, Error> {
    let mut form = multipart::Form::new();
    for (name, part) in fields {
        form = match part {
            Part::Text(text) => form.text(name, text),
            Part::File { name: file_name, path } => {
                let failed =
                    |error: std::io::Error| Error::environment("storage::file", format!("{} cannot be read: {error}", path.display()));
                let file = tokio::fs::File::open(&path).await.map_err(failed)?;
                let length = file.metadata().await.map_err(failed)?.len();
                form.part(name, multipart::Part::stream_with_length(file, length).file_name(file_name))
            }
        };
    }
    Ok(form)
}

/// An error on the way. The causes say more than the outermost text.
pub fn unreachable(uri: &str, error: &reqwest::Error) -> Error {
    let mut message = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        message = inner.to_string();
        cause = inner.source();
    }
    if message.is_empty() || error.is_builder() {
        message = format!("{error}{}", if message.is_empty() { String::new() } else { format!(": {message}") });
    }
    if error.is_builder() {
        return Error::user("http::invalid", format!("the request to {uri} cannot be made: {message}"));
    }
    let code = if error.is_timeout() { "http::timeout" } else { "http::unreachable" };
    Error::environment(code, format!("no answer from {uri}: {message}"))
}
