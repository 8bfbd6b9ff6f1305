//! A run, wherever the cluster is.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::{Value, json};
use switchyard_plugin_api::{Attached, DynTaskRunner, Error, Files, Outcome, RunRequest, TaskRef, testkit::Host};
use tempfile::TempDir;

pub const TYPE: &str = "io.kestra.plugin.kubernetes.runner.Kubernetes";

pub fn runner() -> Arc<dyn DynTaskRunner> {
    switchyard_plugin_kubernetes::plugin().find_runner(TYPE).unwrap()
}

/// A request with a working directory and a host of its own.
pub struct Setup {
    pub request: RunRequest,
    pub host: Host,
    pub directory: TempDir,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

pub fn unique() -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    format!("{}-{nanos:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Setup {
    /// A shell command with these properties of the runner.
    pub fn new(command: &str, properties: Value) -> Self {
        let id = unique();
        let directory = tempfile::Builder::new().prefix("switchyard-").tempdir().unwrap();
        let labels: BTreeMap<String, String> = [
            ("namespace", "company.team"),
            ("flow-id", "flow"),
            ("task-id", "task"),
            ("execution-id", "execution"),
            ("taskrun-id", id.as_str()),
            ("taskrun-attempt", "0"),
        ]
        .into_iter()
        .map(|(name, value)| (format!("kestra.io/{name}"), value.to_owned()))
        .collect();
        let request = RunRequest {
            task: TaskRef {
                key: format!("execution-{id}-0"),
                namespace: "company.team".into(),
                flow_id: "flow".into(),
                task_id: "task".into(),
                execution_id: "execution".into(),
                taskrun_id: id,
                attempt: 0,
                labels,
            },
            properties,
            config: Value::Null,
            command: switchyard_plugin_api::Command {
                argv: vec!["/bin/sh".into(), "-c".into(), command.into()],
                image: Some("busybox".into()),
                ..Default::default()
            },
            files: Files { working_dir: directory.path().to_owned(), ..Files::default() },
            timeout_ms: None,
        };
        Self { request, host: Host::new(), directory }
    }

    pub fn outputs(mut self, globs: &[&str]) -> Self {
        self.request.files.outputs = globs.iter().map(|g| (*g).to_owned()).collect();
        self
    }

    pub fn image(mut self, image: &str) -> Self {
        self.request.command.image = Some(image.to_owned());
        self
    }

    pub async fn run(&self) -> Result<Outcome, Error> {
        runner().run(self.request.clone(), self.host.context()).await
    }

    /// Runs beside the test, which waits for something else first.
    pub fn spawn(&self) -> tokio::task::JoinHandle<Result<Outcome, Error>> {
        tokio::spawn(runner().run(self.request.clone(), self.host.context()))
    }

    /// What another host would do after a restart.
    pub async fn attach(&self, checkpoint: Option<Value>, host: &Host) -> Result<Attached, Error> {
        runner().attach(self.request.clone(), checkpoint, host.context()).await
    }

    /// The pod that the run creates.
    pub async fn preview(&self) -> Value {
        runner().preview(self.request.clone()).await.unwrap().document
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

/// Properties that are the one and the other.
pub fn with(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

pub fn none() -> Value {
    json!({})
}
