// The least host: loads a plugin, calls everything that 1.0 has, prints the answers as one JSON document.

use std::sync::{Arc, Mutex};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use serde_json::{Value, json};
use switchyard_plugin_api::{
    BoxFuture, CancelReason, Cancellation, Command, Context, Error, Event, Files, HostContext, LogStream, RunRequest, TaskRef,
    abi::{
        host::{Module, Panic, PluginEvents, Trace},
        layout::ROOT_SYMBOL,
    },
};

struct Silent;

impl PluginEvents for Silent {
    fn trace(&self, _: Trace) {}
    fn panicked(&self, _: Panic) {}
}

#[derive(Default)]
struct Host {
    asked: bool,
    log: Mutex<Vec<String>>,
}

impl HostContext for Host {
    fn try_write_log(&self, stream: LogStream, _: i64, bytes: &[u8]) -> bool {
        self.log.lock().unwrap().push(format!("{stream:?} {bytes:?}"));
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }

    fn notify(&self, event: Event) {
        self.log.lock().unwrap().push(format!("{event:?}"));
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        self.log.lock().unwrap().push(format!("{service} {payload}"));
        let answer = match service {
            "checkpoint" => Ok(Value::Null),
            other => Err(Error::plugin("host::unknown_service", other)),
        };
        Box::pin(std::future::ready(answer))
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        if self.asked { Box::pin(std::future::ready(self.cancellation().unwrap())) } else { Box::pin(std::future::pending()) }
    }

    fn cancellation(&self) -> Option<Cancellation> {
        self.asked.then_some(Cancellation { reason: CancelReason::Kill, grace_ms: 5 })
    }
}

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }.unwrap();
    let header = unsafe { library.get(ROOT_SYMBOL) }.map(|symbol| *symbol).unwrap();
    let module = match unsafe { Module::from_header(header, false, Arc::new(|future| future)) } {
        Ok(module) => module,
        Err(mismatch) => {
            println!("{}", json!({ "refused": mismatch.summary }));
            return;
        }
    };
    module.init(Arc::new(Silent)).unwrap();
    let manifest = module.manifest().unwrap();
    let runner = module.runner("dev.switchyard.test.Frozen").unwrap();
    let task = module.task("dev.switchyard.test.FrozenTask").unwrap();
    let request = |properties: Value| RunRequest {
        task: TaskRef { key: "a-b-0".into(), ..TaskRef::default() },
        properties,
        config: Value::Null,
        command: Command { argv: vec!["x".into(), "y".into()], ..Command::default() },
        files: Files { working_dir: "/tmp".into(), ..Files::default() },
        timeout_ms: None,
    };
    let context = |asked| {
        let host = Arc::new(Host { asked, ..Host::default() });
        (Context::new(host.clone()), host)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let answers = runtime.block_on(async {
        let (first, log) = context(false);
        let ran = runner.run(request(json!({ "word": "w" })), first).await.unwrap();
        let (second, _) = context(true);
        let killed = runner.run(request(json!({ "pause": "PT1S" })), second).await.unwrap();
        let attached = runner.attach(request(json!({})), Some(json!({ "key": "k" })), context(false).0).await.unwrap();
        let gone = runner.attach(request(json!({})), None, context(false).0).await.unwrap();
        let preview = runner.preview(request(json!({}))).await.unwrap();
        let health = runner.health(json!({})).await.unwrap();
        let log = log.log.lock().unwrap().clone();
        json!({ "ran": ran, "killed": killed, "attached": attached, "gone": gone, "preview": preview, "health": health, "log": log })
    });
    println!("{}", json!({
        "components": manifest.components.iter().map(|c| (&c.type_name, &c.description.title, c.capabilities.reattach)).collect::<Vec<_>>(),
        "problems": runner.validate(&json!({ "word": "refused" })).unwrap(),
        "wrong": runner.validate(&json!({ "wurd": 1 })).unwrap_err().code,
        "paths": runner.paths(&json!({}), &Files { working_dir: "/w".into(), ..Files::default() }).unwrap(),
        "plan": task.plan(&json!({ "word": "p" }), &Default::default()).unwrap().argv,
        "answers": answers,
    }));
}
