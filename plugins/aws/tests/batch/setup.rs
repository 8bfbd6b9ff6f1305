//! A run against the fake.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use switchyard_plugin_api::{Attached, Command, DynTaskRunner, Error, Files, Outcome, RunRequest, TaskRef, testkit::Host};

use switchyard_cloud_api::fake::aws::Aws;

pub const TYPE: &str = "io.kestra.plugin.aws.runner.Batch";

pub fn runner() -> Arc<dyn DynTaskRunner> {
    switchyard_plugin_aws::plugin().find_runner(TYPE).unwrap()
}

pub struct Setup {
    pub aws: Aws,
    pub request: RunRequest,
    pub host: Host,
    pub directory: tempfile::TempDir,
}

impl Setup {
    pub fn new(script: &str) -> Self {
        Self::at(Aws::start(), script)
    }

    /// Another task of the same account.
    pub fn at(aws: Aws, script: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::tempdir().unwrap();
        let key = format!("execution-{}-0", COUNT.fetch_add(1, Ordering::Relaxed));
        let labels = ["namespace", "flow-id", "task-id", "execution-id", "taskrun-id", "taskrun-attempt"]
            .map(|name| (format!("kestra.io/{name}"), if name == "execution-id" { key.clone() } else { format!("the-{name}") }));
        let request = RunRequest {
            task: TaskRef {
                key,
                namespace: "company.team".into(),
                flow_id: "flow".into(),
                task_id: "task".into(),
                labels: labels.into_iter().collect(),
                ..TaskRef::default()
            },
            properties: aws.properties(),
            config: Value::Null,
            command: Command {
                argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
                image: Some("ubuntu".into()),
                ..Command::default()
            },
            files: Files { working_dir: directory.path().to_owned(), ..Files::default() },
            timeout_ms: None,
        };
        Self { aws, request, host: Host::new(), directory }
    }

    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.request.properties[name] = value;
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.request.properties.as_object_mut().unwrap().remove(name);
        self
    }

    /// Asks for these output files.
    pub fn outputs(mut self, patterns: &[&str]) -> Self {
        self.request.files.outputs = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        self
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.directory.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
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

    pub async fn preview(&self) -> Value {
        runner().preview(self.request.clone()).await.unwrap().document
    }

    /// The body of one request of a preview.
    pub async fn body(&self, operation: &str) -> Value {
        let document = self.preview().await;
        let requests = document["requests"].as_array().unwrap();
        requests.iter().find(|request| request["operation"] == operation).unwrap_or_else(|| panic!("{operation} is not asked"))["body"]
            .clone()
    }

    /// The only task of the job definition.
    pub async fn task(&self) -> Value {
        self.body("RegisterJobDefinition").await["ecsProperties"]["taskProperties"][0].clone()
    }

    /// Ids of the jobs that were submitted.
    pub fn jobs(&self) -> Vec<String> {
        self.aws.state().jobs.keys().cloned().collect()
    }

    #[track_caller]
    pub fn assert_gone(&self) {
        let state = self.aws.state();
        let left: Vec<_> =
            state.definitions.iter().filter(|(_, definition)| definition["status"] == "ACTIVE").map(|(arn, _)| arn).collect();
        assert!(left.is_empty(), "definitions are left: {left:?}");
        assert!(state.objects.is_empty(), "files are left: {:?}", state.objects.keys());
        assert_eq!(state.queues.keys().collect::<Vec<_>>(), ["tasks"], "queues are left");
        let warnings = self.host.warnings();
        assert!(!warnings.iter().any(|warning| warning.contains("left on AWS")), "{warnings:?}");
    }
}

pub fn ended(attached: Attached) -> Outcome {
    match attached {
        Attached::Ended { outcome } => outcome,
        Attached::Gone => panic!("nothing was found"),
    }
}

/// Waits for something that only the fake knows.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waited).await.unwrap_or_else(|_| panic!("no {what}"));
}
