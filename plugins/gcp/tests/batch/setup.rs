//! A run against the fake.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};
use switchyard_cloud_api::fake::google::{BUCKET, PROJECT, REGION};
use switchyard_plugin_api::{Attached, Command, DynTaskRunner, Error, Files, Outcome, RunRequest, TaskRef, testkit::Host};

use crate::fake::Google;

pub const TYPE: &str = "io.kestra.plugin.gcp.runner.Batch";

pub fn runner() -> Arc<dyn DynTaskRunner> {
    switchyard_plugin_gcp::plugin().find_runner(TYPE).unwrap()
}

/// Properties that reach the fake, without a pause that a test would wait for.
pub fn properties(mounts: &std::path::Path) -> Value {
    json!({
        "projectId": PROJECT,
        "region": REGION,
        "bucket": BUCKET,
        "mountPath": mounts,
        "completionCheckInterval": "PT0.02S",
        "waitForLogInterval": "PT0.1S",
    })
}

pub struct Setup {
    pub google: Google,
    pub request: RunRequest,
    pub host: Host,
    pub directory: tempfile::TempDir,
    /// Where containers see their files.
    _mounts: tempfile::TempDir,
}

impl Setup {
    pub fn new(script: &str) -> Self {
        Self::at(Google::start(), script)
    }

    pub fn at(google: Google, script: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (directory, mounts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
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
            properties: properties(mounts.path()),
            config: google.config(),
            command: Command {
                argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
                image: Some("ubuntu".into()),
                ..Command::default()
            },
            files: Files { working_dir: directory.path().to_owned(), ..Files::default() },
            timeout_ms: None,
        };
        Self { google, request, host: Host::new(), directory, _mounts: mounts }
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

    /// Name of the only job.
    pub fn job(&self) -> String {
        self.google.state().created.last().unwrap().0.clone()
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while !holds(self) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        });
        assert!(waited.await.is_ok(), "waited in vain: {what}");
    }

    #[track_caller]
    pub fn assert_gone(&self) {
        let state = self.google.state();
        assert!(state.jobs.is_empty(), "jobs are left: {:?}", state.jobs.keys());
        let left: Vec<_> = std::fs::read_dir(self.google.mount()).unwrap().collect();
        assert!(left.is_empty(), "files are left: {left:?}");
    }
}
