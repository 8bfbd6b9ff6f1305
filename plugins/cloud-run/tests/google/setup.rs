//! A run against the fake, and a host that remembers.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use switchyard_plugin_api::{
    Attached, BoxFuture, CancelReason, Cancellation, Command, Context, DynTaskRunner, Error, Event, Files, HostContext, LogStream, Outcome,
    RunRequest, TaskRef,
};
use tokio::sync::watch;

use crate::fake::Google;

pub const TYPE: &str = "io.kestra.plugin.gcp.runner.CloudRun";

pub fn runner() -> Arc<dyn DynTaskRunner> {
    switchyard_plugin_cloud_run::plugin().find_runner(TYPE).unwrap()
}

#[derive(Default)]
pub struct Told {
    pub stdout: String,
    pub stderr: String,
    pub events: Vec<Event>,
    pub checkpoints: Vec<Value>,
}

pub struct Host {
    pub told: Mutex<Told>,
    changed: watch::Sender<()>,
    asked: watch::Sender<Option<Cancellation>>,
}

impl Host {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { told: Mutex::default(), changed: watch::Sender::new(()), asked: watch::Sender::new(None) })
    }

    pub fn cancel(&self, reason: CancelReason) {
        self.asked.send_replace(Some(Cancellation { reason, grace_ms: 5000 }));
    }

    pub fn stdout(&self) -> String {
        self.told.lock().unwrap().stdout.clone()
    }

    pub fn messages(&self) -> String {
        format!("{:?}", self.told.lock().unwrap().events)
    }

    pub async fn until(&self, holds: impl Fn(&Told) -> bool) {
        let mut changes = self.changed.subscribe();
        let wait = async {
            while !holds(&self.told.lock().unwrap()) {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
    }
}

impl HostContext for Host {
    fn try_write_log(&self, stream: LogStream, _: i64, bytes: &[u8]) -> bool {
        let mut told = self.told.lock().unwrap();
        let text = String::from_utf8_lossy(bytes);
        match stream {
            LogStream::Stdout => told.stdout.push_str(&text),
            LogStream::Stderr => told.stderr.push_str(&text),
        }
        drop(told);
        self.changed.send_replace(());
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }

    fn notify(&self, event: Event) {
        self.told.lock().unwrap().events.push(event);
        self.changed.send_replace(());
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        let answer = match service {
            "checkpoint" => {
                self.told.lock().unwrap().checkpoints.push(payload);
                self.changed.send_replace(());
                Ok(Value::Null)
            }
            other => Err(Error::plugin("host::unknown_service", other)),
        };
        Box::pin(std::future::ready(answer))
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        let mut asked = self.asked.subscribe();
        Box::pin(async move { asked.wait_for(Option::is_some).await.unwrap().unwrap() })
    }

    fn cancellation(&self) -> Option<Cancellation> {
        *self.asked.borrow()
    }
}

pub struct Setup {
    pub google: Google,
    pub request: RunRequest,
    pub host: Arc<Host>,
    pub directory: tempfile::TempDir,
}

impl Setup {
    pub fn new(script: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let google = Google::start();
        let directory = tempfile::tempdir().unwrap();
        let key = format!("execution-{}-0", COUNT.fetch_add(1, Ordering::Relaxed));
        let labels = [("kestra.io/namespace".to_owned(), "company.team".to_owned())].into_iter().collect();
        let request = RunRequest {
            task: TaskRef {
                key,
                namespace: "company.team".into(),
                flow_id: "flow".into(),
                task_id: "task".into(),
                labels,
                ..TaskRef::default()
            },
            properties: google.properties(),
            config: google.config(),
            command: Command {
                argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
                image: Some("ubuntu".into()),
                ..Command::default()
            },
            files: Files { working_dir: directory.path().to_owned(), ..Files::default() },
            timeout_ms: None,
        };
        Self { google, request, host: Host::new(), directory }
    }

    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.request.properties[name] = value;
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.request.properties.as_object_mut().unwrap().remove(name);
        self
    }

    pub async fn run(&self) -> Result<Outcome, Error> {
        runner().run(self.request.clone(), Context::new(self.host.clone())).await
    }

    pub fn spawn(&self) -> tokio::task::JoinHandle<Result<Outcome, Error>> {
        tokio::spawn(runner().run(self.request.clone(), Context::new(self.host.clone())))
    }

    pub async fn attach(&self, checkpoint: Option<Value>, host: &Arc<Host>) -> Result<Attached, Error> {
        runner().attach(self.request.clone(), checkpoint, Context::new(host.clone())).await
    }

    /// The document that created the only job.
    pub fn container(document: &Value) -> &Value {
        &document["template"]["template"]["containers"][0]
    }

    #[track_caller]
    pub fn assert_gone(&self) {
        let state = self.google.state();
        assert!(state.jobs.is_empty(), "jobs are left: {:?}", state.jobs.keys());
        let left: Vec<_> = std::fs::read_dir(self.google.mount()).unwrap().collect();
        assert!(left.is_empty(), "files are left: {left:?}");
    }
}

pub fn none() -> Value {
    json!({})
}
