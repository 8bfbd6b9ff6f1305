//! What all services of Google's have in common: tokens, the bucket, the log. A product brings its jobs.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    http::{self, Answer, Request},
    process,
};

pub const PROJECT: &str = "test-project";
pub const REGION: &str = "europe-west1";
pub const BUCKET: &str = "test-bucket";

/// Log entries that wait to be read before a process has to wait.
const MOST: usize = 20_000;

/// A service that runs jobs.
pub trait Product: Default + Send + Sized + 'static {
    fn answer(google: &Google<Self>, request: &Request) -> Answer;
    /// The work whose entries a filter of the log asks for; none when the real service would find nothing by it.
    fn logged(filter: &str) -> Option<String>;
    /// Whether that work is still there.
    fn knows(&self, work: &str) -> bool;
}

#[derive(Default)]
pub struct State<P> {
    pub product: P,
    /// By work, oldest first.
    pub entries: BTreeMap<String, Vec<Value>>,
    /// How many of them were read.
    pub served: BTreeMap<String, usize>,
    /// `METHOD path` of every request, without its query.
    pub requests: Vec<String>,
    /// Answers that come before all others: part of the path, how often, status.
    pub faults: Vec<(String, u32, u16)>,
    /// Tokens that are accepted; any when empty.
    pub tokens: Vec<String>,
    /// What the caller may not do.
    pub forbidden: Vec<String>,
    pub number: u64,
}

impl<P> Deref for State<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.product
    }
}

impl<P> DerefMut for State<P> {
    fn deref_mut(&mut self) -> &mut P {
        &mut self.product
    }
}

pub struct Google<P>(Arc<Inner<P>>);

impl<P> Clone for Google<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Inner<P> {
    state: Mutex<State<P>>,
    mount: tempfile::TempDir,
    address: String,
}

impl<P: Product> Google<P> {
    /// Listens on a port of its own, on a runtime of its own: it outlives the runtimes of those who ask it.
    pub fn start() -> Self {
        let (sender, started) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = format!("http://{}", listener.local_addr().unwrap());
                let state = Mutex::new(State::default());
                let google = Self(Arc::new(Inner { state, mount: tempfile::tempdir().unwrap(), address }));
                sender.send(google.clone()).unwrap();
                http::serve(listener, move |request| google.answer(&request)).await;
            });
        });
        started.recv().unwrap()
    }

    pub fn state(&self) -> MutexGuard<'_, State<P>> {
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
        let names = ["endpoint", "storageEndpoint", "loggingEndpoint", "iamEndpoint", "resourceManagerEndpoint"];
        names.into_iter().map(|name| (name.to_owned(), Value::from(address))).collect::<serde_json::Map<_, _>>().into()
    }

    /// How often something was asked whose path holds this text.
    pub fn asked(&self, method: &str, part: &str) -> usize {
        self.state().requests.iter().filter(|line| line.starts_with(method) && line.contains(part)).count()
    }

    fn answer(&self, request: &Request) -> Answer {
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
        let path = request.path.as_str();
        match path {
            "/token" => self.token(request),
            _ if path.contains(":generateAccessToken") => {
                let token = format!("lent to {}", path.rsplit('/').next().unwrap().split(':').next().unwrap());
                self.state().tokens.push(token.clone());
                Answer::json(json!({ "accessToken": token }))
            }
            "/v2/entries:list" => self.list_entries(&request.json()),
            _ if path.contains(":testIamPermissions") => self.permissions(request.json()["permissions"].as_array().cloned().unwrap()),
            _ if path.ends_with("/iam/testPermissions") => {
                let asked = request.query.iter().filter(|(name, _)| name == "permissions");
                self.permissions(asked.map(|(_, value)| value.as_str().into()).collect())
            }
            _ if path.contains("/storage/v1/b/") => self.objects(request),
            _ => P::answer(self, request),
        }
    }

    fn permissions(&self, asked: Vec<Value>) -> Answer {
        let state = self.state();
        let held: Vec<Value> = asked.into_iter().filter(|asked| !state.forbidden.iter().any(|known| asked == known)).collect();
        Answer::json(json!({ "permissions": held }))
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
        if body["resourceNames"] != json!([format!("projects/{PROJECT}")]) {
            return Answer::error(400, "no resource names");
        }
        let since = filter.split("timestamp>=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let Some(work) = P::logged(filter) else { return Answer::json(json!({})) };
        let offset: usize = body["pageToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let mut state = self.state();
        let all = state.entries.entry(work.clone()).or_default();
        let start = all.partition_point(|entry| entry["timestamp"].as_str().unwrap() < since) + offset;
        let page: Vec<Value> = all.iter().skip(start).take(1000).cloned().collect();
        let next = (page.len() == 1000).then(|| (offset + 1000).to_string());
        state.served.insert(work, start + page.len());
        Answer::json(json!({ "entries": page, "nextPageToken": next }))
    }

    /// Runs a command as this work; each line of its output is an entry that `entry` makes (`true` for standard error).
    pub async fn run(
        &self,
        work: &str,
        command: process::Command,
        started: impl FnOnce(u32),
        entry: impl Fn(bool, String) -> Value + Sync,
    ) -> (i32, String) {
        let parts: [tokio::sync::Mutex<Vec<u8>>; 2] = Default::default();
        let ended = process::run(command, started, |stderr, bytes| {
            let (part, entry) = (&parts[usize::from(stderr)], &entry);
            async move {
                let mut part = part.lock().await;
                part.extend(bytes);
                let whole = part.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let lines: Vec<u8> = part.drain(..whole).collect();
                for line in lines.split_inclusive(|byte| *byte == b'\n') {
                    self.log(work, entry(stderr, String::from_utf8_lossy(&line[..line.len() - 1]).into_owned()));
                }
                while self.waiting(work) > MOST {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if !self.state().knows(work) {
                        return false;
                    }
                }
                true
            }
        })
        .await;
        for (stderr, part) in [false, true].into_iter().zip(parts) {
            let rest = part.into_inner();
            if !rest.is_empty() {
                self.log(work, entry(stderr, String::from_utf8_lossy(&rest).into_owned()));
            }
        }
        ended
    }

    /// Entries of some work that nobody has read.
    fn waiting(&self, work: &str) -> usize {
        let state = self.state();
        state.entries.get(work).map_or(0, Vec::len).saturating_sub(state.served.get(work).copied().unwrap_or_default())
    }

    /// Adds an entry; its time and its id may be given.
    pub fn log(&self, work: &str, entry: Value) {
        let mut state = self.state();
        state.number += 1;
        let number = state.number;
        let (second, rest) = (number / 1_000_000, number % 1_000_000);
        let time = format!("2026-01-01T{:02}:{:02}:{:02}.{rest:09}Z", second / 3600 % 24, second / 60 % 60, second % 60);
        let mut all = json!({ "insertId": format!("{number:012}"), "timestamp": time });
        all.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
        let known = state.entries.entry(work.to_owned()).or_default();
        let place = known.partition_point(|known| known["timestamp"].as_str() <= all["timestamp"].as_str());
        known.insert(place, all);
    }
}
