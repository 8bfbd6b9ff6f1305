//! The REST form of Azure Batch.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Request, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::Value;
use switchyard_cloud_api::{
    http::{self, Service},
    local,
};
use switchyard_plugin_api::Error;

use super::{
    auth::Auth,
    blob::{Blobs, FILE},
    properties::Properties,
    refusal::{is_missing, refused},
    status::{Pool, Task},
};

pub const VERSION: &str = "2025-06-01";
const JSON: &str = "application/json; odata=minimalmetadata";
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A client for one run. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    auth: Auth,
    endpoint: String,
    blobs: Option<Blobs>,
}

/// A file of a task on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFile {
    pub name: String,
    pub is_directory: bool,
}

/// What a read of a growing file gave.
pub enum Piece {
    Bytes(Vec<u8>),
    /// There is nothing behind this place.
    Nothing,
}

pub fn unreachable(what: &str, why: &str) -> Error {
    Error::environment("azure::unreachable", format!("while {what}: {why}"))
        .with_help("check `endpoint`, and the host's network and proxy settings")
}

pub fn unexpected(what: &str, why: &str) -> Error {
    Error::environment("azure::unexpected_answer", format!("while {what}: {why}"))
        .with_help("check what answers at `endpoint`; a proxy may stand between")
}

impl Client {
    pub fn new(properties: &Properties) -> Result<Self, Error> {
        let http = http::client()
            .map_err(|error| Error::environment("azure::no_client", format!("no HTTP client can be made: {}", http::reason(&error))))?;
        let blobs = properties.storage().map(|storage| Blobs::new(http.clone(), storage)).transpose()?;
        let auth = Auth::find(http.clone(), properties)?;
        let endpoint = properties.endpoint.trim_end_matches('/').to_owned();
        Ok(Self(Arc::new(Inner { http, auth, endpoint, blobs })))
    }

    /// Where files travel through.
    pub fn blobs(&self) -> Option<&Blobs> {
        self.0.blobs.as_ref()
    }

    fn url(&self, path: &str) -> String {
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{}/{path}{joint}api-version={VERSION}", self.0.endpoint)
    }

    async fn send(
        &self,
        what: &str,
        build: impl Fn(&reqwest::Client) -> Result<RequestBuilder, Error> + Send + Sync,
    ) -> Result<Response, Error> {
        http::send(self, &self.0.http, what, build).await
    }

    async fn json(&self, what: &str, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let url = self.url(path);
        let build = |http: &reqwest::Client| {
            let request = http.request(method.clone(), &url).header("accept", "application/json").timeout(http::SHORT);
            Ok(match body {
                Some(body) => request.header("content-type", JSON).body(body.to_string()),
                None if method == Method::GET => request,
                None => request.header("content-length", 0),
            })
        };
        let response = self.send(what, build).await?;
        http::json(self, what, response).await
    }

    pub async fn create_job(&self, document: &Value) -> Result<(), Error> {
        self.json("creating the job", Method::POST, "jobs", Some(document)).await.map(drop)
    }

    /// Adds the only task of a job. Single tasks are refused inside an answer that is good as a whole.
    pub async fn add_task(&self, job: &str, document: &Value) -> Result<(), Error> {
        let what = "adding the task";
        let body = serde_json::json!({ "value": [document] });
        let answer = self.json(what, Method::POST, &format!("jobs/{job}/addtaskcollection"), Some(&body)).await?;
        let result = &answer["value"][0];
        if result["status"].as_str().is_none_or(|status| status.eq_ignore_ascii_case("success")) {
            return Ok(());
        }
        let server = result["status"].as_str().is_some_and(|status| status.eq_ignore_ascii_case("servererror"));
        let status = match result["error"]["code"].as_str() {
            Some("TaskExists") => StatusCode::CONFLICT,
            _ if server => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Err(refused(what, status, &HeaderMap::new(), &result["error"].to_string()))
    }

    /// Key of the task that a job belongs to; none when there is no such job.
    pub async fn job_key(&self, job: &str) -> Result<Option<String>, Error> {
        match self.json("looking for the job", Method::GET, &format!("jobs/{job}"), None).await {
            Ok(answer) => {
                let pairs = answer["metadata"].as_array().into_iter().flatten();
                let key = pairs.filter(|pair| pair["name"] == super::task::KEY).find_map(|pair| pair["value"].as_str().map(str::to_owned));
                Ok(Some(key.unwrap_or_default()))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A task; none when there is no such task, or no such job.
    pub async fn task(&self, job: &str, task: &str, with_stats: bool) -> Result<Option<Task>, Error> {
        let expand = if with_stats { "?$expand=stats" } else { "" };
        match self.json("looking at the task", Method::GET, &format!("jobs/{job}/tasks/{task}{expand}"), None).await {
            Ok(answer) => Ok(Some(Task::of(&answer))),
            // A job that is being deleted has no task any more.
            Err(error) if is_missing(&error) || error.code == "azure::conflict" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends a task. One that has ended, or is gone, is no error.
    pub async fn terminate_task(&self, job: &str, task: &str) -> Result<(), Error> {
        let path = format!("jobs/{job}/tasks/{task}/terminate");
        self.json("terminating the task", Method::POST, &path, None).await.map(drop).or_else(is_over)
    }

    /// Ends a job and leaves it there, so that it does not count as active.
    pub async fn terminate_job(&self, job: &str) -> Result<(), Error> {
        self.json("terminating the job", Method::POST, &format!("jobs/{job}/terminate"), None).await.map(drop).or_else(is_over)
    }

    /// Removes a job with its task. One that is gone, or going, is no error.
    pub async fn delete_job(&self, job: &str) -> Result<(), Error> {
        self.json("deleting the job", Method::DELETE, &format!("jobs/{job}"), None).await.map(drop).or_else(is_over)
    }

    pub async fn pool(&self, pool: &str) -> Result<Pool, Error> {
        self.json("looking at the pool", Method::GET, &format!("pools/{pool}"), None).await.map(|answer| Pool::of(&answer))
    }

    fn file(&self, job: &str, task: &str, name: &str) -> String {
        self.url(&format!("jobs/{job}/tasks/{task}/files/{}", utf8_percent_encode(name, PLAIN)))
    }

    /// A piece of a file from a place on. A file that is not there yet is as good as an empty one.
    pub async fn piece(&self, job: &str, task: &str, name: &str, from: u64, most: u64) -> Result<Piece, Error> {
        let url = self.file(job, task, name);
        let what = format!("reading {name}");
        let nothing = [StatusCode::RANGE_NOT_SATISFIABLE, StatusCode::NOT_FOUND, StatusCode::CONFLICT];
        let range = format!("bytes={from}-{}", from + most - 1);
        let build = |http: &reqwest::Client| Ok(http.get(&url).header("ocp-range", &range).timeout(http::SHORT));
        let response = http::send_expecting(self, &self.0.http, &what, &nothing, build).await?;
        if nothing.contains(&response.status()) {
            return Ok(Piece::Nothing);
        }
        // A service that does not know ranges sends all.
        let whole = response.status() == StatusCode::OK && !response.headers().contains_key("content-range");
        let bytes = response.bytes().await.map_err(|error| unreachable(&what, &http::reason(&error)))?;
        let skip = if whole && bytes.len() as u64 > most { usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len()) } else { 0 };
        let rest = &bytes[skip..];
        Ok(if rest.is_empty() { Piece::Nothing } else { Piece::Bytes(rest.to_vec()) })
    }

    /// Everything that a task has on its node.
    pub async fn node_files(&self, job: &str, task: &str) -> Result<Vec<NodeFile>, Error> {
        let mut files = Vec::new();
        let mut path = format!("jobs/{job}/tasks/{task}/files?recursive=true");
        loop {
            let answer = self.json("listing the files of the task", Method::GET, &path, None).await?;
            files.extend(answer["value"].as_array().into_iter().flatten().map(|file| NodeFile {
                // Nodes with Windows write backslashes.
                name: file["name"].as_str().unwrap_or_default().replace('\\', "/"),
                is_directory: file["isDirectory"] == true,
            }));
            let Some(token) = answer["odata.nextLink"].as_str().and_then(|link| link.split("$skiptoken=").nth(1)) else { return Ok(files) };
            let token = token.split('&').next().unwrap_or_default();
            path = format!("jobs/{job}/tasks/{task}/files?recursive=true&$skiptoken={token}");
        }
    }

    pub async fn download(&self, job: &str, task: &str, name: &str, place: &std::path::Path) -> Result<(), Error> {
        let url = self.file(job, task, name);
        let what = format!("downloading {name}");
        let response = self.send(&what, |http| Ok(http.get(&url))).await?;
        local::write(response, place, FILE, |why| unreachable(&what, why)).await
    }
}

/// What cannot be ended or removed any more has come to its end.
fn is_over(error: Error) -> Result<(), Error> {
    if is_missing(&error) || error.code == "azure::conflict" { Ok(()) } else { Err(error) }
}

impl Service for Client {
    async fn sign(&self, request: Request, again: bool) -> Result<Request, Error> {
        self.0.auth.sign(request, again).await
    }

    fn refused(&self, what: &str, status: StatusCode, headers: &HeaderMap, body: &str) -> Error {
        refused(what, status, headers, body)
    }

    fn unreachable(&self, what: &str, why: &str) -> Error {
        unreachable(what, why)
    }

    fn unexpected(&self, what: &str, why: &str) -> Error {
        unexpected(what, why)
    }
}
