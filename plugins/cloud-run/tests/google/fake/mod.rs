//! Google in a process: jobs run as local processes, the bucket is a directory that is "mounted" where the jobs look for it, the log is a
//! list. Speaks the parts of the real services' REST form that a runner needs.

pub mod http;
mod jobs;
mod objects;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use http::{Answer, Request};
use serde_json::{Value, json};

pub const PROJECT: &str = "test-project";
pub const REGION: &str = "europe-west1";
pub const BUCKET: &str = "test-bucket";

#[derive(Default)]
pub struct State {
    /// Names of the jobs with the documents that created them.
    pub jobs: BTreeMap<String, Value>,
    /// Full names of executions, oldest first, with their answers.
    pub executions: BTreeMap<String, Value>,
    /// Processes by execution.
    pids: BTreeMap<String, u32>,
    /// By execution, oldest first.
    pub entries: BTreeMap<String, Vec<Value>>,
    /// How many of them were read.
    pub served: BTreeMap<String, usize>,
    /// `METHOD path` of every request, without its query.
    pub requests: Vec<String>,
    /// Bodies of `:run`.
    pub runs: Vec<Value>,
    /// Answers that come before all others: part of the path, how often, status.
    pub faults: Vec<(String, u32, u16)>,
    /// Tokens that are accepted; any when empty.
    pub tokens: Vec<String>,
    /// Jobs that ever were.
    pub created: Vec<String>,
    /// Executions that never end by themselves and run nothing.
    pub stuck: bool,
    number: u64,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Google(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    pub mount: tempfile::TempDir,
    pub address: String,
}

impl Google {
    /// Listens on a port of its own, on a runtime of its own: it outlives the runtimes of those who ask it.
    pub fn start() -> Self {
        let (sender, started) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = format!("http://{}", listener.local_addr().unwrap());
                let google = Self(Arc::new(Inner { state: Mutex::default(), mount: tempfile::tempdir().unwrap(), address }));
                sender.send(google.clone()).unwrap();
                http::serve(listener, move |request| google.answer(request)).await;
            });
        });
        started.recv().unwrap()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// Where the bucket is.
    pub fn mount(&self) -> PathBuf {
        self.0.mount.path().canonicalize().unwrap()
    }

    /// What an administrator would configure.
    pub fn config(&self) -> Value {
        let address = self.address();
        json!({ "runEndpoint": address, "storageEndpoint": address, "loggingEndpoint": address, "iamEndpoint": address })
    }

    /// Properties that reach it, without a pause that a test would wait for.
    pub fn properties(&self) -> Value {
        json!({
            "projectId": PROJECT,
            "region": REGION,
            "bucket": BUCKET,
            "mountPath": self.mount(),
            "completionCheckInterval": "PT0.02S",
            "waitForLogInterval": "PT0.1S",
        })
    }

    /// How often something was asked whose path holds this text.
    pub fn asked(&self, method: &str, part: &str) -> usize {
        self.state().requests.iter().filter(|line| line.starts_with(method) && line.contains(part)).count()
    }

    fn answer(&self, request: Request) -> Answer {
        {
            let mut state = self.state();
            state.requests.push(format!("{} {}", request.method, request.path));
            if let Some((_, left, status)) =
                state.faults.iter_mut().find(|(part, left, _)| *left > 0 && request.path.contains(part.as_str()))
            {
                *left -= 1;
                return Answer::error(*status, "as the test asked for");
            }
            let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
            let open = request.path.starts_with("/token") || request.path.contains(":generateAccessToken");
            if !open && !state.tokens.is_empty() && !state.tokens.iter().any(|known| known == token) {
                return Answer::error(401, "an unknown token");
            }
        }
        let path = request.path.clone();
        match path.as_str() {
            "/token" => self.token(&request),
            _ if path.contains(":generateAccessToken") => {
                let token = format!("lent to {}", path.rsplit('/').next().unwrap().split(':').next().unwrap());
                self.state().tokens.push(token.clone());
                Answer::json(json!({ "accessToken": token }))
            }
            "/v2/entries:list" => self.list_entries(&request.json()),
            _ if path.contains("/storage/v1/b/") => self.objects(&request),
            _ if path.starts_with("/v2/") => self.run_api(&request),
            _ => Answer::error(404, "no such service"),
        }
    }

    fn token(&self, request: &Request) -> Answer {
        let form = String::from_utf8(request.body.clone()).unwrap();
        let Some(assertion) = form.split("assertion=").nth(1) else { return Answer::error(400, "no assertion") };
        let mut state = self.state();
        state.number += 1;
        let token = format!("token-{}-{}", state.number, assertion.split('.').count());
        state.tokens.push(token.clone());
        Answer::json(json!({ "access_token": token, "expires_in": 3600 }))
    }

    fn list_entries(&self, body: &Value) -> Answer {
        let filter = body["filter"].as_str().unwrap();
        let value = |mark: &str| filter.split(mark).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        let execution = value("labels.\"run.googleapis.com/execution_name\"=\"").unwrap();
        let since = value("timestamp>=\"").unwrap_or_default();
        let offset: usize = body["pageToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let mut state = self.state();
        let all = state.entries.entry(execution.clone()).or_default();
        let start = all.partition_point(|entry| entry["timestamp"].as_str().unwrap() < since.as_str()) + offset;
        let page: Vec<Value> = all.iter().skip(start).take(1000).cloned().collect();
        let next = (page.len() == 1000).then(|| (offset + 1000).to_string());
        state.served.insert(execution, start + page.len());
        Answer::json(json!({ "entries": page, "nextPageToken": next }))
    }
}
