//! AWS in a process: the containers of jobs run as local processes over a real folder, the bucket and the log are maps. As strict as the
//! service where a runner could go wrong; signatures are checked.

mod batch;
mod containers;
mod logs;
mod signature;
mod storage;
mod sts;
mod validate;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::fake::http::{self, Answer, Request};
use serde_json::{Value, json};

pub const REGION: &str = "eu-central-1";
pub const BUCKET: &str = "test-bucket";
pub const KEY: &str = "AKIDTEST";
pub const SECRET: &str = "secret/of+the/test";
/// Prefix of all ARNs.
pub const ARN: &str = "arn:aws:batch:eu-central-1:123456789012";

#[derive(Default)]
pub struct State {
    pub environments: BTreeMap<String, Value>,
    /// Names of queues with their documents.
    pub queues: BTreeMap<String, Value>,
    /// ARNs of job definitions with their documents.
    pub definitions: BTreeMap<String, Value>,
    /// Ids of jobs with their documents, oldest first.
    pub jobs: BTreeMap<String, Value>,
    pids: BTreeMap<String, u32>,
    /// By name, oldest first.
    pub streams: BTreeMap<String, Vec<Value>>,
    /// How many events of a stream were read.
    served: BTreeMap<String, usize>,
    /// Streams whose events nobody sees yet.
    pub late: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub buckets: BTreeSet<String>,
    /// A real AWS CLI for the containers for files, instead of a stand-in.
    pub cli: Option<PathBuf>,
    /// `bucket/key`.
    pub objects: BTreeMap<String, Vec<u8>>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Name of the operation, and its body.
    pub requests: Vec<(String, Value)>,
    /// Access keys that signed, by operation.
    pub signers: Vec<(String, String)>,
    /// Answers that come before all others: operation, how often, status, name of the error.
    pub faults: Vec<(String, u32, u16, String)>,
    /// Requests that are done, and then answered like this.
    pub lost: Vec<(String, u32)>,
    /// Secrets by access key, with the token that belongs to them.
    pub keys: BTreeMap<String, (String, Option<String>)>,
    /// Answers of DescribeJobs that know nothing yet.
    pub hidden: u32,
    /// Jobs stay in this state, and run nothing.
    pub stuck: Option<String>,
    /// Events of a page.
    pub page: usize,
    number: u64,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Where containers see their volumes.
    mount: tempfile::TempDir,
    pub address: String,
}

impl Aws {
    /// Listens on a port of its own, on a runtime of its own: it outlives the runtimes of those who ask it.
    pub fn start() -> Self {
        Self::listen("127.0.0.1:0")
    }

    pub fn listen(place: &str) -> Self {
        let (sender, started) = std::sync::mpsc::channel();
        let place = place.to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind(place).await.unwrap();
                let address = format!("http://{}", listener.local_addr().unwrap());
                let mut state = State { page: 2_000, ..State::default() };
                for (name, kind) in [("fargate", "FARGATE"), ("machines", "EC2")] {
                    state.environment(name, kind);
                }
                state.queue("tasks");
                state.buckets.insert(BUCKET.into());
                state.keys.insert(KEY.into(), (SECRET.into(), None));
                let aws = Self(Arc::new(Inner { state: Mutex::new(state), mount: tempfile::tempdir().unwrap(), address }));
                sender.send(aws.clone()).unwrap();
                http::serve(listener, move |request| aws.answer(request)).await;
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

    pub fn mount(&self) -> PathBuf {
        self.0.mount.path().canonicalize().unwrap()
    }

    /// Properties that reach it, without a pause that a test would wait for.
    pub fn properties(&self) -> Value {
        json!({
            "region": REGION,
            "endpointOverride": self.address(),
            "accessKeyId": KEY,
            "secretKeyId": SECRET,
            "computeEnvironmentArn": format!("{ARN}:compute-environment/fargate"),
            "jobQueueArn": format!("{ARN}:job-queue/tasks"),
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "taskRoleArn": "arn:aws:iam::123456789012:role/task",
            "bucket": BUCKET,
            "mountPath": self.mount(),
            "completionCheckInterval": "PT0.02S",
            "waitForLogInterval": "PT0.1S",
        })
    }

    /// How often an operation was asked.
    pub fn asked(&self, operation: &str) -> usize {
        self.state().requests.iter().filter(|(name, _)| name == operation).count()
    }

    /// Bodies of an operation.
    pub fn bodies(&self, operation: &str) -> Vec<Value> {
        self.state().requests.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }

    pub fn fault(&self, operation: &str, times: u32, status: u16, name: &str) {
        self.state().faults.push((operation.to_owned(), times, status, name.to_owned()));
    }

    fn answer(&self, request: Request) -> Answer {
        let operation = operation(&request);
        {
            let mut state = self.state();
            state.requests.push((operation.clone(), request.json()));
            match signature::check(&request, &state.keys) {
                Ok(key) => state.signers.push((operation.clone(), key)),
                Err(name) => return refuse(403, name, "the signature is wrong"),
            }
            if let Some((_, left, status, name)) = state.faults.iter_mut().find(|(name, left, ..)| *left > 0 && *name == operation) {
                *left -= 1;
                return refuse(*status, name, "as the test asked for");
            }
        }
        let answer = match operation.split_once('.') {
            Some(("sts", action)) => self.sts(action, &request),
            Some(("logs", action)) => self.logs(action, &request.json()),
            Some(("s3", action)) => self.storage(action, &request),
            _ => self.batch(&operation, request.json()),
        };
        let mut state = self.state();
        if let Some((_, left)) = state.lost.iter_mut().find(|(name, left)| *left > 0 && *name == operation) {
            *left -= 1;
            return refuse(502, "BadGateway", "the answer was lost");
        }
        answer
    }
}

/// An operation: `submitjob`, `logs.GetLogEvents`, `sts.AssumeRole`, `s3.PUT`.
fn operation(request: &Request) -> String {
    if let Some(target) = request.header("x-amz-target") {
        return format!("logs.{}", target.trim_start_matches("Logs_20140328."));
    }
    if let Some(operation) = request.path.strip_prefix("/v1/") {
        return operation.to_owned();
    }
    if request.path == "/" {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let action = form.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default().to_owned();
        return format!("sts.{action}");
    }
    format!("s3.{}", request.method)
}

/// An error in the form of Batch and CloudWatch Logs, which the others read too.
pub fn refuse(status: u16, name: &str, message: &str) -> Answer {
    let body = json!({ "__type": name, "message": message }).to_string().into_bytes();
    Answer { status, body, headers: vec![("x-amzn-errortype", name.to_owned())] }
}

impl State {
    fn count(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    pub fn environment(&mut self, name: &str, kind: &str) {
        let document = json!({
            "computeEnvironmentName": name,
            "computeEnvironmentArn": format!("{ARN}:compute-environment/{name}"),
            "state": "ENABLED",
            "status": "VALID",
            "containerOrchestrationType": if kind == "EKS" { "EKS" } else { "ECS" },
            "computeResources": { "type": kind },
        });
        self.environments.insert(name.to_owned(), document);
    }

    pub fn queue(&mut self, name: &str) {
        let document =
            json!({ "jobQueueName": name, "jobQueueArn": format!("{ARN}:job-queue/{name}"), "state": "ENABLED", "status": "VALID" });
        self.queues.insert(name.to_owned(), document);
    }
}

/// The last part of an ARN, or a name.
pub fn name_of(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}
