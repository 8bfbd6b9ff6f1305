//! What came back.

use std::{io::Write, path::Path};

use reqwest::{Response, header};
use serde_json::{Map, Value as Json};
use switchyard_plugin_api::Error;

use super::{message::unreachable, options::Options};

/// An answer whose body has not been read yet.
pub struct Answer {
    response: Response,
    uri: String,
}

/// Characters of a refusal's body that are shown.
const SHOWN: usize = 1000;

impl Answer {
    pub fn of(response: Response) -> Self {
        Self { uri: response.url().to_string(), response }
    }

    /// The address that answered, after redirects.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    pub fn code(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub fn is_failure(&self, options: &Options) -> bool {
        self.code() >= 400 && !options.allow_failed && !options.allowed_codes.contains(&self.code())
    }

    pub fn is_json(&self) -> bool {
        self.content_type().is_some_and(|kind| kind.starts_with("application/json") || kind.contains("+json"))
    }

    /// Each header as a list; names in lower case.
    pub fn headers(&self) -> Json {
        let mut headers = Map::new();
        for (name, value) in self.response.headers() {
            let list = headers.entry(name.as_str()).or_insert_with(|| Json::Array(Vec::new()));
            if let Json::Array(list) = list {
                list.push(String::from_utf8_lossy(value.as_bytes()).into_owned().into());
            }
        }
        Json::Object(headers)
    }

    /// The file name that the other side suggests, or the last part of the address.
    pub fn suggested_name(&self) -> String {
        let disposition = self.response.headers().get(header::CONTENT_DISPOSITION).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let named = disposition.and_then(|text| {
            text.split(';').find_map(|part| part.trim().strip_prefix("filename=").map(|name| name.trim_matches('"').to_owned()))
        });
        let last = || self.response.url().path_segments().and_then(|mut parts| parts.next_back().map(str::to_owned)).unwrap_or_default();
        file_name(&named.unwrap_or_else(last))
    }

    /// The body as text.
    pub async fn text(mut self, limit: u64, charset: Option<&str>) -> Result<String, Error> {
        let declared = self.content_type().and_then(|kind| kind.split("charset=").nth(1).map(|name| name.trim_matches('"').to_owned()));
        let charset = declared.or_else(|| charset.map(str::to_owned)).unwrap_or_default().to_ascii_lowercase();
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if bytes.len() as u64 + chunk.len() as u64 > limit {
                return Err(too_long(&self.uri, limit));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(match charset.as_str() {
            // Every byte is the character of its number.
            "iso-8859-1" | "latin1" | "iso_8859-1" => bytes.iter().map(|byte| char::from(*byte)).collect(),
            _ => String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        })
    }

    /// Writes the body into a file; answers its length.
    pub async fn save(mut self, mut file: std::fs::File, limit: Option<u64>) -> Result<u64, Error> {
        let mut length = 0;
        while let Some(chunk) = self.chunk().await? {
            length += chunk.len() as u64;
            if let Some(limit) = limit.filter(|limit| length > *limit) {
                return Err(too_long(&self.uri, limit));
            }
            file.write_all(&chunk)
                .map_err(|error| Error::environment("storage::file", format!("the download cannot be written: {error}")))?;
        }
        Ok(length)
    }

    fn content_type(&self) -> Option<&str> {
        self.response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
    }

    async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, Error> {
        self.response.chunk().await.map_err(|error| unreachable(&self.uri, &error))
    }
}

/// An answer of 400 or more.
pub fn refused(uri: &str, code: u16, body: &str) -> Error {
    let shown: String = body.chars().take(SHOWN).collect();
    let said = if shown.trim().is_empty() { String::new() } else { format!(": {}", shown.trim()) };
    Error::task("http::status", format!("{uri} answered {code}{said}"))
        .with_help("set `allowFailed: true` to go on, or list the code in `options.allowedResponseCodes`")
}

fn too_long(uri: &str, limit: u64) -> Error {
    Error::task("http::too_long", format!("the answer of {uri} is longer than {limit} bytes"))
        .with_help("raise `options.maxContentLength`, or use io.kestra.plugin.core.http.Download, which stores the answer as a file")
}

/// A name without folders that any file system takes.
pub fn file_name(name: &str) -> String {
    let base = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let clean: String = base.chars().filter(|c| !c.is_control() && *c != '/' && *c != '\\').take(200).collect();
    if clean.is_empty() || clean.starts_with('.') && clean.trim_start_matches('.').is_empty() { "download".to_owned() } else { clean }
}
