//! Azure Batch and Azure Storage in a process. Requests without the right signature are refused, as the real services do it.

mod blobs;
mod jobs;
mod node;
mod signature;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use serde_json::{Value, json};
use switchyard_cloud_api::fake::http::{self, Answer, Request};

pub const ACCOUNT: &str = "testbatch";
pub const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub const STORAGE: &str = "teststorage";
pub const STORAGE_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
pub const CONTAINER: &str = "flows";
pub const POOL: &str = "test-pool";

#[derive(Default)]
pub struct State {
    /// By id; as they are answered.
    pub jobs: BTreeMap<String, Value>,
    /// By job.
    pub tasks: BTreeMap<String, Value>,
    /// Processes by job.
    pids: BTreeMap<String, u32>,
    /// Tasks that somebody wants to end.
    ending: Vec<String>,
    /// `stdout.txt` and `stderr.txt` by job.
    pub output: BTreeMap<String, [Vec<u8>; 2]>,
    /// Directories on nodes by job.
    nodes: BTreeMap<String, tempfile::TempDir>,
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// `METHOD path` of every request, without its query.
    pub requests: Vec<String>,
    /// Bodies that created something.
    pub created: Vec<(String, Value)>,
    /// Answers that come before all others: part of the line `METHOD path`, how often, status, Azure's code.
    pub faults: Vec<(String, u32, u16, String)>,
    /// Tasks stay in this state and run nothing.
    pub stuck: Option<&'static str>,
    /// Seconds by which the service's clock is ahead.
    pub ahead: i64,
    /// The next answers to a creation are lost.
    pub lost: u32,
    /// Nodes store nothing at the end.
    pub keeps_outputs: bool,
    /// What the pool is.
    pub pool: Value,
    /// Answered with a task that has ended.
    pub stats: Option<Value>,
    /// Tokens of Entra that were given out.
    pub tokens: Vec<String>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Azure(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    address: String,
}

impl Azure {
    /// Listens on a port of its own, on a runtime of its own: it outlives the runtimes of those who ask it.
    pub fn start() -> Self {
        let (sender, started) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = format!("http://{}", listener.local_addr().unwrap());
                let pool = json!({
                    "id": POOL, "state": "active", "allocationState": "steady", "currentDedicatedNodes": 1, "targetDedicatedNodes": 1,
                    "virtualMachineConfiguration": { "containerConfiguration": { "type": "dockerCompatible" } },
                });
                let azure = Self(Arc::new(Inner { state: Mutex::new(State { pool, ..State::default() }), address }));
                sender.send(azure.clone()).unwrap();
                http::serve(listener, move |request| azure.answer(&request)).await;
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

    pub fn connection_string(&self) -> String {
        format!("AccountName={STORAGE};AccountKey={STORAGE_KEY};BlobEndpoint={}/{STORAGE}", self.address())
    }

    /// How often something was asked whose path holds this text.
    pub fn asked(&self, method: &str, part: &str) -> usize {
        self.state().requests.iter().filter(|line| line.starts_with(method) && line.contains(part)).count()
    }

    fn answer(&self, request: &Request) -> Answer {
        let line = format!("{} {}", request.method, request.path);
        let date = {
            let mut state = self.state();
            state.requests.push(line.clone());
            if let Some((_, left, status, code)) =
                state.faults.iter_mut().find(|(part, left, ..)| *left > 0 && line.contains(part.as_str()))
            {
                *left -= 1;
                return refuse(*status, code, "as the test asked for");
            }
            jiff::Timestamp::now() + jiff::SignedDuration::from_secs(state.ahead)
        };
        let mut answer = if request.path.ends_with("/oauth2/v2.0/token") {
            self.token(request)
        } else if self.state().tokens.iter().any(|token| request.header("authorization") == Some(&format!("Bearer {token}"))) {
            self.batch_api(request)
        } else if request.path.starts_with(&format!("/{STORAGE}/")) {
            self.blob_api(request)
        } else {
            match signature::check(request, date) {
                Ok(()) => self.batch_api(request),
                Err(reason) => refuse(403, "AuthenticationFailed", &reason),
            }
        };
        answer.headers.push(("date", date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        answer
    }
}

impl Azure {
    /// For a service principal with its secret, or with an assertion of its platform.
    fn token(&self, request: &Request) -> Answer {
        let form = String::from_utf8(request.body.clone()).unwrap();
        let proof = form.contains("client_secret=right") || form.contains("client_assertion=right");
        let scope = form.contains("scope=https%3A%2F%2Fbatch%2Ecore%2Ewindows%2Enet%2F%2F%2Edefault");
        if request.path != "/tenant/oauth2/v2.0/token" || !proof || !scope || !form.contains("client_id=client") {
            return Answer {
                status: 401,
                ..Answer::json(json!({ "error": "invalid_client", "error_description": "AADSTS7000215: wrong.\nTrace" }))
            };
        }
        let mut state = self.state();
        let token = format!("token-{}", state.tokens.len());
        state.tokens.push(token.clone());
        Answer::json(json!({ "access_token": token, "expires_in": "3600" }))
    }
}

pub fn refuse(status: u16, code: &str, message: &str) -> Answer {
    Answer { status, ..Answer::json(json!({ "code": code, "message": { "lang": "en-us", "value": message } })) }
}

fn empty(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}
