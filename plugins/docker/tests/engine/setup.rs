//! A run against the engine, and looking at the engine with its own client.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::{Value, json};
use switchyard_plugin_api::{Attached, DynTaskRunner, Error, Files, Outcome, RunRequest, TaskRef, testkit::Host};
use tempfile::TempDir;

pub const TYPE: &str = "io.kestra.plugin.scripts.runner.docker.Docker";
pub const IMAGE: &str = "busybox:switchyard-test";

pub fn runner() -> Arc<dyn DynTaskRunner> {
    switchyard_plugin_docker::plugin().find_runner(TYPE).unwrap()
}

/// A request with a working directory and a host of its own.
pub struct Setup {
    pub request: RunRequest,
    pub host: Host,
    pub directory: TempDir,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Setup {
    /// A shell command with these properties of the runner.
    pub fn new(command: &str, properties: Value) -> Self {
        let key = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = tempfile::Builder::new().prefix("switchyard-").tempdir().unwrap();
        let labels: BTreeMap<String, String> = [
            ("namespace", "company.team"),
            ("flow-id", "flow"),
            ("task-id", "task"),
            ("execution-id", "execution"),
            ("taskrun-id", key.as_str()),
            ("taskrun-attempt", "0"),
        ]
        .into_iter()
        .map(|(name, value)| (format!("kestra.io/{name}"), value.to_owned()))
        .collect();
        let mut properties = properties;
        if let Some(host) = ENGINE.with_borrow(Clone::clone)
            && properties.get("host").is_none()
        {
            properties["host"] = host.into();
        }
        let request = RunRequest {
            task: TaskRef { key: key.clone(), taskrun_id: key, labels, ..TaskRef::default() },
            properties,
            config: Value::Null,
            command: switchyard_plugin_api::Command {
                argv: vec!["/bin/sh".into(), "-c".into(), command.into()],
                image: Some(IMAGE.into()),
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

    pub fn key(&self) -> &str {
        &self.request.task.key
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Ids of the containers of this run.
    pub fn containers(&self) -> Vec<String> {
        lines(&docker(&["ps", "-aq", "--no-trunc", "--filter", &format!("label=switchyard.run/key={}", self.key())]))
    }

    /// Names of the volumes of this run.
    pub fn volumes(&self) -> Vec<String> {
        lines(&docker(&["volume", "ls", "-q", "--filter", &format!("label=switchyard.run/key={}", self.key())]))
    }

    /// The engine's view of the container of this run.
    pub fn inspect(&self) -> Value {
        let text = docker(&["inspect", &self.containers()[0]]);
        serde_json::from_str::<Value>(&text).unwrap()[0].clone()
    }

    pub fn assert_gone(&self) {
        assert_eq!((self.containers(), self.volumes()), (vec![], vec![]), "containers and volumes of {}", self.key());
    }

    /// Ends a run that waits: the test has seen what it wanted.
    pub async fn kill(&self, running: tokio::task::JoinHandle<Result<Outcome, Error>>) {
        self.host.cancel(switchyard_plugin_api::CancelReason::Kill, std::time::Duration::ZERO);
        running.await.unwrap().unwrap();
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        // A test that failed must not leave a container behind.
        for id in self.containers() {
            docker(&["rm", "-fv", &id]);
        }
    }
}

thread_local! {
    /// The engine of this test, unless it is the surroundings' own.
    static ENGINE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the rest of this test, and the runtime it makes on its thread, against Podman.
pub fn use_podman() {
    let host = std::env::var("SWITCHYARD_PODMAN").expect("SWITCHYARD_PODMAN names Podman's socket; `cargo xtask test` starts one");
    ENGINE.set(Some(host));
}

pub fn is_podman() -> bool {
    ENGINE.with_borrow(Option::is_some)
}

/// The engine's own command.
pub fn client() -> Command {
    let mut command = Command::new("docker");
    if let Some(host) = ENGINE.with_borrow(Clone::clone) {
        command.env("DOCKER_HOST", host);
    }
    command
}

pub fn docker(arguments: &[&str]) -> String {
    let output = client().args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// An image made of the test's image; it disappears with the value.
pub struct BuiltImage(pub String);

impl BuiltImage {
    pub fn new(changes: &[&str]) -> Self {
        Self::with("true", changes)
    }

    /// After a command was run in it.
    pub fn with(command: &str, changes: &[&str]) -> Self {
        let name = format!("switchyard-test-{}-{}:1", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let container = docker(&["create", IMAGE, "/bin/sh", "-c", command]);
        let container = container.trim();
        docker(&["start", container]);
        docker(&["wait", container]);
        // Not `commit`, which the command and Podman do not agree about.
        let archive = tempfile::NamedTempFile::new().unwrap();
        let path = archive.path().to_str().unwrap();
        docker(&["export", "-o", path, container]);
        docker(&["rm", "-fv", container]);
        let mut arguments = vec!["import", "--change", "ENV PATH=/bin"];
        for change in changes {
            arguments.extend(["--change", change]);
        }
        arguments.extend([path, &name]);
        docker(&arguments);
        Self(name)
    }
}

impl Drop for BuiltImage {
    fn drop(&mut self) {
        docker(&["rmi", "-f", &self.0]);
    }
}

pub fn none() -> Value {
    json!({})
}
