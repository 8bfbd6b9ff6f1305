//! One call of one component, then an innocent one: whoever reads the output sees whether the host is still there.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use switchyard_plugin_api::{
    BoxFuture, CancelReason, Cancellation, Context, DynTaskRunner, Error, Event, Files, HostContext, LogStream, RunRequest, TaskRequest,
};
use switchyard_registry::{Directory, Isolation, Options, Placement, Registry};

pub fn options(directory: &Path, cache: &Path) -> Options {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("registry-probe"));
    let mut options = Options::new(cache, vec![program.clone().into(), "preflight".into()]).directory(Directory::explicit(directory));
    options.process = vec![program.into(), "plugin".into()];
    options.record_dir = directory.parent().unwrap_or(cache).to_owned();
    if std::env::var_os("PROBE_APART").is_some() {
        options.isolation.default = Placement {
            isolation: Isolation::Subprocess,
            memory: std::env::var("PROBE_MEMORY").ok().and_then(|bytes| bytes.parse().ok()),
            hung_after: Duration::from_secs(1),
        };
    }
    options.preflight_timeout = Duration::from_secs(30);
    options.slow_call = Duration::from_millis(100);
    options.unresponsive_after = Duration::from_millis(200);
    options
}

/// Opens every library and prints the errors.
pub fn open(directory: &Path, cache: &Path) -> ExitCode {
    for (_, error) in Registry::open(options(directory, cache), Vec::new()).load_all() {
        println!("{}", serde_json::to_string(&error).unwrap_or_default());
    }
    ExitCode::SUCCESS
}

pub fn main(directory: &Path, cache: &Path, type_name: &str, method: &str, properties: &str) -> ExitCode {
    let Ok(properties) = serde_json::from_str::<Value>(properties) else { return ExitCode::from(2) };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build() else { return ExitCode::from(2) };
    let registry = Registry::open(options(directory, cache), Vec::new());
    for row in registry.plugins() {
        println!("plugin {}", serde_json::to_string(&row).unwrap_or_default());
    }
    let host = Arc::new(Host::default());
    let answer = runtime.block_on(call(&registry, type_name, method, properties, host.clone()));
    println!("log {}", json!({ "bytes": host.bytes.load(Ordering::Relaxed) }));
    match &answer {
        Ok(value) => println!("ok {value}"),
        Err(error) => println!("error {}", serde_json::to_string(error).unwrap_or_default()),
    }
    // The same plugin still works, on the same threads.
    let innocent = runtime.block_on(call(&registry, type_name, "run", json!({ "crime": "nothing" }), Arc::new(Host::default())));
    println!("alive {}", innocent.is_ok());
    ExitCode::SUCCESS
}

async fn call(registry: &Registry, type_name: &str, method: &str, properties: Value, host: Arc<Host>) -> Result<Value, Error> {
    let request = || RunRequest {
        task: Default::default(),
        properties: properties.clone(),
        config: Value::Null,
        command: Default::default(),
        files: Files::default(),
        timeout_ms: None,
    };
    let context = Context::new(host);
    if method == "plan" || method == "task" {
        let task = registry.task(type_name)?;
        if method == "plan" {
            return json(task.plan(&properties, &Default::default())?);
        }
        let request =
            TaskRequest { task: Default::default(), properties, config: Value::Null, files: Files::default(), plan: Default::default() };
        return json(task.run(request, context).await?);
    }
    let runner: Arc<dyn DynTaskRunner> = registry.runner(type_name)?;
    match method {
        "validate" => json(runner.validate(&properties)?),
        "paths" => json(runner.paths(&properties, &Files::default())?),
        "preview" => json(runner.preview(request()).await?),
        "health" => json(runner.health(properties).await?),
        _ => json(runner.run(request(), context).await?),
    }
}

fn json(value: impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|e| Error::plugin("probe::not_json", e.to_string()))
}

/// Counts log bytes and asks every run to end.
#[derive(Default)]
struct Host {
    bytes: AtomicU64,
}

impl HostContext for Host {
    fn try_write_log(&self, _: LogStream, _: i64, bytes: &[u8]) -> bool {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }

    fn notify(&self, _: Event) {}

    fn call(&self, service: &str, _: Value) -> BoxFuture<Result<Value, Error>> {
        if service == "checkpoint" {
            return Box::pin(std::future::ready(Ok(Value::Null)));
        }
        let error = Error::plugin("host::unknown_service", format!("{service} is not served by the probe"));
        Box::pin(std::future::ready(Err(error)))
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        Box::pin(std::future::ready(Cancellation { reason: CancelReason::Kill, grace_ms: 1500 }))
    }

    fn cancellation(&self) -> Option<Cancellation> {
        Some(Cancellation { reason: CancelReason::Kill, grace_ms: 1500 })
    }
}
