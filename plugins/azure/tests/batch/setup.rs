//! A run against the fake.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use switchyard_plugin_api::{Attached, Command, DynTaskRunner, Error, Files, Outcome, RunRequest, TaskRef, testkit::Host};

use crate::fake::{ACCOUNT, Azure, CONTAINER, KEY, POOL};

pub const TYPE: &str = "io.kestra.plugin.azure.runner.Batch";

pub fn runner() -> Arc<dyn DynTaskRunner> {
    switchyard_plugin_azure::plugin().find_runner(TYPE).unwrap()
}

/// Properties that reach the fake, without a pause that a test would wait for.
pub fn properties(azure: &Azure) -> Value {
    json!({
        "endpoint": azure.address(),
        "account": ACCOUNT,
        "accessKey": KEY,
        "poolId": POOL,
        "blobStorage": { "containerName": CONTAINER, "connectionString": azure.connection_string() },
        "completionCheckInterval": "PT0.02S",
    })
}

pub struct Setup {
    pub azure: Azure,
    pub request: RunRequest,
    pub host: Host,
    pub directory: tempfile::TempDir,
}

impl Setup {
    pub fn new(script: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let azure = Azure::start();
        let directory = tempfile::tempdir().unwrap();
        let key = format!("execution-{}-0", COUNT.fetch_add(1, Ordering::Relaxed));
        let labels = ["namespace", "flow-id", "task-id", "execution-id", "taskrun-id", "taskrun-attempt"];
        let request = RunRequest {
            task: TaskRef {
                key,
                namespace: "company.team".into(),
                flow_id: "flow".into(),
                task_id: "task".into(),
                labels: labels.map(|name| (format!("kestra.io/{name}"), format!("a-{name}"))).into(),
                ..TaskRef::default()
            },
            properties: properties(&azure),
            config: Value::Null,
            command: Command {
                argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
                image: Some("ubuntu".into()),
                ..Command::default()
            },
            files: Files { working_dir: directory.path().to_owned(), ..Files::default() },
            timeout_ms: None,
        };
        Self { azure, request, host: Host::new(), directory }
    }

    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.request.properties[name] = value;
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.request.properties.as_object_mut().unwrap().remove(name);
        self
    }

    pub fn input(self, name: &str, content: &str) -> Self {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub fn outputs(mut self, globs: &[&str]) -> Self {
        self.request.files.outputs = globs.iter().map(|glob| (*glob).to_owned()).collect();
        self
    }

    pub fn output(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub async fn preview(&self) -> Value {
        runner().preview(self.request.clone()).await.unwrap().document
    }

    pub async fn run(&self) -> Result<Outcome, Error> {
        runner().run(self.request.clone(), self.host.context()).await
    }

    pub fn spawn(&self) -> tokio::task::JoinHandle<Result<Outcome, Error>> {
        tokio::spawn(runner().run(self.request.clone(), self.host.context()))
    }

    pub async fn attach(&self, checkpoint: Option<Value>, host: &Host) -> Result<Attached, Error> {
        runner().attach(self.request.clone(), checkpoint, host.context()).await
    }

    /// The last job.
    pub fn job(&self) -> String {
        let state = self.azure.state();
        state.created.iter().rev().find(|(kind, _)| kind == "job").unwrap().1["id"].as_str().unwrap().to_owned()
    }

    /// How many jobs, or tasks, were made.
    pub fn made(&self, kind: &str) -> usize {
        self.azure.state().created.iter().filter(|(known, _)| known == kind).count()
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(waited.await.is_ok(), "waited in vain: {what}");
    }

    #[track_caller]
    pub fn assert_gone(&self) {
        let state = self.azure.state();
        assert!(state.jobs.is_empty(), "jobs are left: {:?}", state.jobs.keys());
        assert!(state.blobs.is_empty(), "blobs are left: {:?}", state.blobs.keys());
    }
}
