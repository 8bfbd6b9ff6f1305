//! An API server with a kubelet that runs containers as processes of this machine, below a directory that takes the place of `/kestra`.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use crate::setup::{Setup, with};

type Body = BoxBody<Bytes, io::Error>;
type Answer = Result<Response<Body>, io::Error>;

/// What happens in the place of the usual.
#[derive(Clone)]
pub enum Instead {
    /// Status, reason, message.
    Refuse(u16, &'static str, String),
    /// Status 429 with so many seconds.
    Busy(u64),
    /// It is done, but nobody hears of it.
    LoseAnswer,
    /// The connection ends without a word.
    Break,
}

struct Rule {
    what: &'static str,
    times: u32,
    instead: Instead,
}

/// The server; it ends with the value.
pub struct Fake {
    pub state: Arc<State>,
    port: u16,
    serving: JoinHandle<()>,
}

/// A line of a log, and when it was written.
type Written = (jiff::Timestamp, Vec<u8>);

pub struct State {
    directory: TempDir,
    pods: Mutex<BTreeMap<String, Value>>,
    history: Mutex<Vec<(u64, &'static str, Value)>>,
    /// Events before this one are forgotten.
    forgotten: AtomicU64,
    version: AtomicU64,
    news: watch::Sender<u64>,
    logs: Mutex<HashMap<String, Vec<Written>>>,
    requests: Mutex<Vec<String>>,
    rules: Mutex<Vec<Rule>>,
    work: Mutex<HashMap<String, JoinHandle<()>>>,
    /// Ends all streams when it moves.
    cut: watch::Sender<u64>,
    pub settings: Settings,
}

#[derive(Clone)]
pub struct Settings {
    pub protocol: &'static str,
    /// The first stream of a log breaks after so many bytes, the next after twice as many, and so on.
    pub log_bytes: usize,
    /// Containers are not run: they end at once, with their command as output.
    pub instant: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { protocol: "v5.channel.k8s.io", log_bytes: usize::MAX, instant: false }
    }
}

impl Fake {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let state = Arc::new(State {
            directory: tempfile::tempdir().unwrap(),
            pods: Mutex::default(),
            history: Mutex::default(),
            forgotten: AtomicU64::new(0),
            version: AtomicU64::new(100),
            news: watch::Sender::new(0),
            logs: Mutex::default(),
            requests: Mutex::default(),
            rules: Mutex::default(),
            work: Mutex::default(),
            cut: watch::Sender::new(0),
            settings,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(serve(listener, state.clone()));
        Self { state, port, serving }
    }

    pub fn setup(&self, command: &str, properties: Value) -> Setup {
        let config = json!({ "config": { "masterUrl": format!("http://127.0.0.1:{}", self.port), "oauthToken": "t", "watchReconnectInterval": "PT0.05S" } });
        Setup::new(command, with(config, properties))
    }

    /// Something else for the next so many requests whose line contains this.
    pub fn instead(&self, what: &'static str, times: u32, instead: Instead) {
        self.state.rules.lock().unwrap().push(Rule { what, times, instead });
    }

    pub fn refuse(&self, what: &'static str, times: u32, status: u16, reason: &'static str, message: &str) {
        self.instead(what, times, Instead::Refuse(status, reason, message.to_owned()));
    }

    /// Request lines so far: `POST /api/v1/…`.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.requests().iter().filter(|line| line.contains(what)).count()
    }

    pub fn pods(&self) -> Vec<Value> {
        self.state.pods.lock().unwrap().values().cloned().collect()
    }

    pub fn add(&self, pod: Value) {
        self.state.put("ADDED", pod);
    }

    pub fn delete_all(&self) {
        for pod in self.pods() {
            self.state.remove(pod["metadata"]["name"].as_str().unwrap());
        }
    }

    /// Breaks every stream and connection.
    pub fn cut(&self) {
        self.state.cut.send_modify(|n| *n += 1);
    }

    /// A watch that comes back has missed too much.
    pub fn forget(&self) {
        self.state.forgotten.store(self.state.version.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Nobody answers for a while.
    pub async fn restart(&mut self, pause: Duration) {
        self.serving.abort();
        self.cut();
        tokio::time::sleep(pause).await;
        let listener = loop {
            match TcpListener::bind(("127.0.0.1", self.port)).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        self.serving = tokio::spawn(serve(listener, self.state.clone()));
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
        for (_, work) in self.state.work.lock().unwrap().drain() {
            work.abort();
        }
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (state, mut cut) = (state.clone(), state.cut.subscribe());
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| handle(state.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
            tokio::select! {
                biased;
                _ = cut.changed() => {}
                _ = connection => {}
            }
        });
    }
}

fn full(status: u16, body: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {}).boxed();
    Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
}

fn refusal(status: u16, reason: &str, message: &str) -> Response<Body> {
    full(status, &json!({ "kind": "Status", "status": "Failure", "code": status, "reason": reason, "message": message }))
}

async fn handle(state: Arc<State>, request: Request<Incoming>) -> Answer {
    let line = format!("{} {}", request.method(), request.uri());
    state.requests.lock().unwrap().push(line.clone());
    let instead = {
        let mut rules = state.rules.lock().unwrap();
        rules.iter_mut().find(|r| r.times > 0 && line.contains(r.what)).map(|rule| {
            rule.times -= 1;
            rule.instead.clone()
        })
    };
    match instead {
        Some(Instead::Refuse(status, reason, message)) => return Ok(refusal(status, reason, &message)),
        Some(Instead::Busy(seconds)) => {
            let mut answer = refusal(429, "TooManyRequests", "slow down");
            answer.headers_mut().insert("retry-after", seconds.into());
            return Ok(answer);
        }
        Some(Instead::Break) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Instead::LoseAnswer) => {
            let _ = route(state, request).await;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        None => {}
    }
    route(state, request).await
}

async fn route(state: Arc<State>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let query = query(request.uri().query().unwrap_or_default());
    let value = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (request.method(), parts.as_slice()) {
        (&Method::GET, ["version"]) => Ok(full(200, &json!({ "gitVersion": "v1.33.0-fake" }))),
        (&Method::POST, ["apis", "authorization.k8s.io", ..]) => Ok(full(201, &json!({ "status": { "allowed": true } }))),
        (&Method::GET, [.., "events"]) => {
            let event = json!({ "type": "Warning", "reason": "Failed", "message": "something happened", "count": 2 });
            Ok(full(200, &json!({ "items": [event] })))
        }
        (&Method::POST, [.., "secrets"]) => Ok(full(201, &json!({}))),
        (&Method::DELETE, [.., "secrets", _]) => Ok(full(200, &json!({}))),
        (&Method::GET, [.., "pods"]) if value("watch").is_some() => {
            Ok(watching(state, value("resourceVersion").and_then(|v| v.parse().ok())))
        }
        (&Method::GET, [.., "pods"]) => {
            let items: Vec<Value> =
                state.pods.lock().unwrap().values().filter(|p| selects(p, &value("labelSelector").unwrap_or_default())).cloned().collect();
            let version = state.version.load(Ordering::SeqCst).to_string();
            Ok(full(200, &json!({ "kind": "PodList", "metadata": { "resourceVersion": version }, "items": items })))
        }
        (&Method::POST, [.., "namespaces", namespace, "pods"]) => {
            let namespace = (*namespace).to_owned();
            let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            Ok(state.create(&namespace, serde_json::from_slice(&body).unwrap()))
        }
        (&Method::GET, [.., "pods", name, "log"]) => Ok(logging(state, name, value("follow").is_some(), value("sinceTime"))),
        (&Method::GET, [.., "pods", name, "exec"]) => {
            let name = (*name).to_owned();
            let command = query.into_iter().filter(|(n, _)| n == "command").map(|(_, v)| v).collect();
            Ok(exec(state, name, command, request))
        }
        (&Method::GET, [.., "pods", name]) => match state.pods.lock().unwrap().get(*name) {
            Some(pod) => Ok(full(200, pod)),
            None => Ok(refusal(404, "NotFound", &format!("pods \"{name}\" not found"))),
        },
        (&Method::PATCH, [.., "pods", name]) => {
            let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            let patch: Value = serde_json::from_slice(&body).unwrap();
            let pod = state.change(name, |pod| {
                for (key, value) in patch["metadata"]["annotations"].as_object().unwrap() {
                    pod["metadata"]["annotations"][key] = value.clone();
                }
            });
            Ok(full(200, &pod.unwrap_or_default()))
        }
        (&Method::DELETE, [.., "pods", name]) => {
            if !state.pods.lock().unwrap().contains_key(*name) {
                return Ok(refusal(404, "NotFound", &format!("pods \"{name}\" not found")));
            }
            let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            let options: Value = serde_json::from_slice(&body).unwrap_or_default();
            if options["gracePeriodSeconds"] == 0 {
                state.remove(name);
            } else {
                state.change(name, |pod| pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into());
                let (state, name) = (state.clone(), (*name).to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    state.remove(&name);
                });
            }
            Ok(full(200, &json!({})))
        }
        _ => Ok(refusal(404, "NotFound", &path)),
    }
}

fn query(text: &str) -> Vec<(String, String)> {
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), unescape(value))).collect()
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

fn selects(pod: &Value, selector: &str) -> bool {
    selector.split_once('=').is_none_or(|(name, value)| pod["metadata"]["labels"][name] == value)
}

impl State {
    fn put(&self, kind: &'static str, mut pod: Value) -> Value {
        let version = self.version.fetch_add(1, Ordering::SeqCst) + 1;
        pod["metadata"]["resourceVersion"] = version.to_string().into();
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        if kind == "DELETED" {
            self.pods.lock().unwrap().remove(&name);
        } else {
            self.pods.lock().unwrap().insert(name, pod.clone());
        }
        self.history.lock().unwrap().push((version, kind, pod.clone()));
        self.news.send_replace(version);
        pod
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Value)) -> Option<Value> {
        let mut pod = self.pods.lock().unwrap().get(name).cloned()?;
        change(&mut pod);
        Some(self.put("MODIFIED", pod))
    }

    fn remove(&self, name: &str) {
        if let Some(work) = self.work.lock().unwrap().remove(name) {
            work.abort();
        }
        let pod = self.pods.lock().unwrap().get(name).cloned();
        if let Some(pod) = pod {
            self.put("DELETED", pod);
        }
    }

    fn create(self: &Arc<Self>, namespace: &str, mut pod: Value) -> Response<Body> {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        if self.pods.lock().unwrap().contains_key(&name) {
            return refusal(409, "AlreadyExists", &format!("pods \"{name}\" already exists"));
        }
        let uid = format!("uid-{}", self.version.load(Ordering::SeqCst));
        pod["metadata"]["uid"] = uid.into();
        pod["metadata"]["namespace"] = namespace.into();
        pod["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
        pod["status"] = json!({ "phase": "Pending" });
        let created = self.put("ADDED", pod);
        let (state, pod) = (self.clone(), created.clone());
        let work = tokio::spawn(async move { state.kubelet(pod).await });
        self.work.lock().unwrap().insert(name, work);
        full(201, &created)
    }

    fn root(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn kubelet(self: Arc<Self>, pod: Value) {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        std::fs::create_dir_all(self.root(&name).join("working-dir")).unwrap();
        self.change(&name, |pod| pod["spec"]["nodeName"] = "node-1".into());
        let containers = pod["spec"]["containers"].as_array().unwrap().clone();
        if self.settings.instant {
            let command = containers[0]["command"].as_array().unwrap().last().unwrap().as_str().unwrap();
            self.logs.lock().unwrap().entry(name.clone()).or_default().push((jiff::Timestamp::now(), format!("{command}\n").into_bytes()));
            self.set(&name, "containerStatuses", "main", &json!({ "terminated": { "exitCode": 0, "reason": "Completed" } }));
            return;
        }
        for container in pod["spec"]["initContainers"].as_array().into_iter().flatten() {
            if self.run(&name, "initContainerStatuses", container).await != 0 {
                self.change(&name, |pod| pod["status"]["phase"] = "Failed".into());
                return;
            }
        }
        self.change(&name, |pod| pod["status"]["phase"] = "Running".into());
        let codes = futures_util::future::join_all(containers.iter().map(|c| self.run(&name, "containerStatuses", c))).await;
        let phase = if codes.iter().all(|c| *c == 0) { "Succeeded" } else { "Failed" };
        self.change(&name, |pod| pod["status"]["phase"] = phase.into());
    }

    fn set(&self, pod: &str, list: &str, container: &str, state: &Value) {
        let status = json!({ "name": container, "image": "busybox", "imageID": "", "ready": true, "restartCount": 0, "state": state });
        self.change(pod, |pod| {
            if !pod["status"][list].is_array() {
                pod["status"][list] = json!([]);
            }
            let all = pod["status"][list].as_array_mut().unwrap();
            match all.iter_mut().find(|c| c["name"] == container) {
                Some(known) => *known = status,
                None => all.push(status),
            }
        });
    }

    /// A command with the place of this pod's files.
    fn command(&self, pod: &str, words: &[String]) -> Command {
        let here = self.root(pod).display().to_string();
        let words: Vec<String> = words.iter().map(|w| w.replace("$$", "$").replace("/kestra", &here)).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).kill_on_drop(true).current_dir(self.root(pod).join("working-dir"));
        command
    }

    async fn run(&self, pod: &str, list: &str, container: &Value) -> i32 {
        let name = container["name"].as_str().unwrap();
        let words: Vec<String> = container["command"].as_array().unwrap().iter().map(|w| w.as_str().unwrap().to_owned()).collect();
        let mut command = self.command(pod, &words);
        for variable in container["env"].as_array().into_iter().flatten() {
            let here = self.root(pod).display().to_string();
            command.env(variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap().replace("/kestra", &here));
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        self.set(pod, list, name, &json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } }));
        let mut stdout = child.stdout.take().unwrap();
        let mut buffer = vec![0; 4096];
        let mut line = Vec::new();
        while let Ok(read @ 1..) = stdout.read(&mut buffer).await {
            for byte in &buffer[..read] {
                line.push(*byte);
                if *byte == b'\n' && name == "main" {
                    self.say(pod, std::mem::take(&mut line));
                }
            }
        }
        if !line.is_empty() && name == "main" {
            self.say(pod, line);
        }
        let code = child.wait().await.unwrap().code().unwrap_or(137);
        let reason = if code == 0 { "Completed" } else { "Error" };
        self.set(pod, list, name, &json!({ "terminated": { "exitCode": code, "reason": reason } }));
        code
    }

    fn say(&self, pod: &str, line: Vec<u8>) {
        self.logs.lock().unwrap().entry(pod.to_owned()).or_default().push((jiff::Timestamp::now(), line));
        self.news.send_modify(|_| {});
    }

    fn has_ended(&self, pod: &str) -> bool {
        let pods = self.pods.lock().unwrap();
        let statuses = pods.get(pod).and_then(|p| p["status"]["containerStatuses"].as_array());
        !pods.contains_key(pod) || statuses.is_some_and(|s| s.iter().any(|c| c["name"] == "main" && c["state"].get("terminated").is_some()))
    }
}

/// An endless answer; an error breaks it off.
fn stream(receiver: mpsc::Receiver<io::Result<Bytes>>) -> Response<Body> {
    let frames = futures_util::stream::unfold(receiver, |mut r| async { r.recv().await.map(|item| (item.map(Frame::data), r)) });
    Response::new(BodyExt::boxed(StreamBody::new(frames)))
}

fn watching(state: Arc<State>, since: Option<u64>) -> Response<Body> {
    if since.is_some_and(|s| s < state.forgotten.load(Ordering::SeqCst)) {
        return refusal(410, "Expired", "too old resource version");
    }
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut news = state.news.subscribe();
        let mut at = since.unwrap_or_else(|| state.version.load(Ordering::SeqCst));
        if since.is_none() {
            let all: Vec<Value> = state.pods.lock().unwrap().values().cloned().collect();
            for pod in all {
                let event = json!({ "type": "ADDED", "object": pod });
                if sender.send(Ok(format!("{event}\n").into())).await.is_err() {
                    return;
                }
            }
        }
        loop {
            let new: Vec<_> = state.history.lock().unwrap().iter().filter(|(version, ..)| *version > at).cloned().collect();
            for (version, kind, pod) in new {
                at = version;
                let event = json!({ "type": kind, "object": pod });
                if sender.send(Ok(format!("{event}\n").into())).await.is_err() {
                    return;
                }
            }
            if news.changed().await.is_err() {
                return;
            }
        }
    });
    stream(receiver)
}

fn logging(state: Arc<State>, name: &str, follow: bool, since: Option<String>) -> Response<Body> {
    let name = name.to_owned();
    if !state.pods.lock().unwrap().contains_key(&name) {
        return refusal(404, "NotFound", "pod not found");
    }
    let since: Option<jiff::Timestamp> = since.map(|s| s.parse().unwrap());
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut news = state.news.subscribe();
        let streams = state.requests.lock().unwrap().iter().filter(|line| line.contains("/log?")).count();
        let (mut at, mut left) = (0, state.settings.log_bytes.saturating_mul(streams));
        loop {
            let ended = state.has_ended(&name) || !follow;
            let new: Vec<_> = state.logs.lock().unwrap().get(&name).map(|l| l[at..].to_vec()).unwrap_or_default();
            at += new.len();
            for (time, line) in new.into_iter().filter(|(time, _)| since.is_none_or(|s| time.as_second() >= s.as_second())) {
                let mut text = format!("{time:.9} ").into_bytes();
                text.extend(line);
                let cut = text.len() > left;
                text.truncate(left);
                left -= text.len();
                if sender.send(Ok(text.into())).await.is_err() {
                    return;
                }
                if cut {
                    let _ = sender.send(Err(io::ErrorKind::ConnectionReset.into())).await;
                    return;
                }
            }
            if ended || news.changed().await.is_err() {
                return;
            }
        }
    });
    stream(receiver)
}

fn exec(state: Arc<State>, pod: String, words: Vec<String>, mut request: Request<Incoming>) -> Response<Body> {
    let offered = request.headers()["sec-websocket-protocol"].to_str().unwrap().to_owned();
    assert!(offered.contains(state.settings.protocol));
    let key = request.headers()["sec-websocket-key"].to_str().unwrap().to_owned();
    let upgrade = hyper::upgrade::on(&mut request);
    let protocol = state.settings.protocol;
    tokio::spawn(async move {
        let upgraded = upgrade.await.unwrap();
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let (mut sink, mut source) = socket.split();
        let mut child = state.command(&pod, &words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdin, mut stdout, mut stderr) = (child.stdin.take(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let reading = async {
            while let Some(Ok(message)) = source.next().await {
                let Message::Binary(data) = message else { continue };
                match data.split_first() {
                    Some((0, bytes)) => {
                        if let Some(stdin) = &mut stdin
                            && stdin.write_all(bytes).await.is_err()
                        {
                            break;
                        }
                    }
                    Some((255, _)) => stdin = None,
                    _ => {}
                }
            }
            std::future::pending::<()>().await;
        };
        let writing = async {
            let (mut out, mut err) = (vec![0; 8192], vec![0; 8192]);
            let (mut out_open, mut err_open) = (true, true);
            while out_open || err_open {
                let (channel, bytes) = tokio::select! {
                    read = stdout.read(&mut out), if out_open => match read {
                        Ok(n @ 1..) => (1, out[..n].to_vec()),
                        _ => { out_open = false; continue }
                    },
                    read = stderr.read(&mut err), if err_open => match read {
                        Ok(n @ 1..) => (2, err[..n].to_vec()),
                        _ => { err_open = false; continue }
                    },
                };
                let mut frame = vec![channel];
                frame.extend(bytes);
                if sink.send(Message::Binary(frame.into())).await.is_err() {
                    return;
                }
            }
            let code = child.wait().await.unwrap().code().unwrap_or(137);
            let status = if code == 0 {
                json!({ "status": "Success" })
            } else {
                json!({ "status": "Failure", "message": format!("command terminated with exit code {code}"), "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] } })
            };
            let mut frame = vec![3];
            frame.extend(status.to_string().into_bytes());
            let _ = sink.send(Message::Binary(frame.into())).await;
            let _ = sink.close().await;
        };
        let mut cut = state.cut.subscribe();
        tokio::select! {
            () = reading => {}
            () = writing => {}
            _ = cut.changed() => {}
        }
    });
    let empty = Full::new(Bytes::new()).map_err(|never| match never {}).boxed();
    Response::builder()
        .status(101)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
        .header("sec-websocket-protocol", protocol)
        .body(empty)
        .unwrap()
}
