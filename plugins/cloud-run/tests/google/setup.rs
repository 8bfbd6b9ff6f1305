//! A run against the fake.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};
use switchyard_plugin_api::{Attached, Command, DynTaskRunner, Error, Files, Outcome, RunRequest, TaskRef, testkit::Host};

use crate::fake::{self, Google};

pub const TYPE: &str = "io.kestra.plugin.gcp.runner.CloudRun";

pub fn runner() -> Arc<dyn DynTaskRunner> {
    switchyard_plugin_cloud_run::plugin().find_runner(TYPE).unwrap()
}

pub struct Setup {
    pub google: Google,
    pub request: RunRequest,
    pub host: Host,
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
            properties: fake::properties(&google),
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
        runner().run(self.request.clone(), self.host.context()).await
    }

    pub fn spawn(&self) -> tokio::task::JoinHandle<Result<Outcome, Error>> {
        tokio::spawn(runner().run(self.request.clone(), self.host.context()))
    }

    pub async fn attach(&self, checkpoint: Option<Value>, host: &Host) -> Result<Attached, Error> {
        runner().attach(self.request.clone(), checkpoint, host.context()).await
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
