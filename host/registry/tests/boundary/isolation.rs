//! Plugins in processes of their own: what a crash does, and that nothing else differs.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use switchyard_plugin_api::{
    BoxFuture, CancelReason, Cancellation, Context, Error, Event, Files, HostContext, LogStream, Outcome, RunRequest,
};
use switchyard_registry::{Isolation, Pattern, Registry, Rule, State};
use tokio::{runtime::Runtime, sync::Notify, task::JoinHandle};

use crate::host::{Host, RAW, RUNNER, TASK, misbehave, raw};

fn host() -> Host {
    Host::sharing().with("m.so", &misbehave())
}

fn open(host: &Host) -> Registry {
    let mut options = host.options();
    options.isolation.default.isolation = Isolation::Subprocess;
    Registry::open(options, Vec::new())
}

fn request(properties: Value) -> RunRequest {
    RunRequest {
        task: Default::default(),
        properties,
        config: Value::Null,
        command: Default::default(),
        files: Files::default(),
        timeout_ms: None,
    }
}

/// A host that can be slow and can be asked to cancel.
#[derive(Default)]
struct Side {
    bytes: AtomicU64,
    first: Mutex<Vec<u8>>,
    events: Mutex<Vec<Event>>,
    checkpoints: Mutex<Vec<Value>>,
    /// Takes no log while set.
    full: AtomicBool,
    room: Arc<Notify>,
    cancel: Arc<Notify>,
}

impl HostContext for Side {
    fn try_write_log(&self, _: LogStream, _: i64, bytes: &[u8]) -> bool {
        if self.full.load(Ordering::SeqCst) {
            return false;
        }
        self.bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        self.first.lock().unwrap().extend(&bytes[..bytes.len().min(64)]);
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        // Notified with `notify_one`, which is kept for a waiter that comes late.
        let room = Arc::clone(&self.room);
        Box::pin(async move { room.notified().await })
    }

    fn notify(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        self.checkpoints.lock().unwrap().push(json!({ service: payload }));
        Box::pin(std::future::ready(Ok(Value::Null)))
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        let cancel = Arc::clone(&self.cancel);
        Box::pin(async move {
            cancel.notified().await;
            Cancellation { reason: CancelReason::Kill, grace_ms: 700 }
        })
    }

    fn cancellation(&self) -> Option<Cancellation> {
        None
    }
}

fn start(runtime: &Runtime, registry: &Registry, properties: Value) -> (Arc<Side>, JoinHandle<Result<Outcome, Error>>) {
    let side = Arc::new(Side::default());
    (Arc::clone(&side), follow(runtime, registry, properties, side))
}

fn follow(runtime: &Runtime, registry: &Registry, properties: Value, side: Arc<Side>) -> JoinHandle<Result<Outcome, Error>> {
    let runner = registry.runner(RUNNER).unwrap();
    runtime.spawn(runner.run(request(properties), Context::new(side)))
}

#[test]
fn synchronous_and_other_methods_answer_as_in_the_host() {
    let host = host().apart();
    for (type_name, method) in
        [(RUNNER, "validate"), (RUNNER, "paths"), (RUNNER, "preview"), (RUNNER, "health"), (TASK, "plan"), (TASK, "task")]
    {
        let ended = host.call(type_name, method, json!({ "crime": "nothing" }));
        let here = self::host().call(type_name, method, json!({ "crime": "nothing" }));
        assert!(ended.ok.is_some() && ended.ok == here.ok, "{method}: {ended:?} {here:?}");
    }
    let wrong = host.call(RUNNER, "validate", json!({ "crime": "unheard-of" }));
    let here = self::host().call(RUNNER, "validate", json!({ "crime": "unheard-of" }));
    assert_eq!(wrong.error, here.error);
}

#[test]
fn a_crash_is_an_error_that_says_who_and_how_and_what_to_do() {
    for (crime, how) in [("segfault", "was ended by SIGSEGV"), ("abort", "was ended by SIGABRT"), ("exit", "ended itself with exit code 7")]
    {
        let ended = host().apart().call(RUNNER, "run", json!({ "crime": crime }));
        let error = ended.error.as_ref().unwrap();
        assert_eq!((ended.error_code(), error["kind"].as_str()), ("plugin::process_died", Some("plugin")), "{crime}: {ended:?}");
        assert_eq!(ended.message(), format!("the process of plugin misbehave {how}"), "{crime}");
        assert!(error["help"].as_str().unwrap().contains("next task gets a fresh process"), "{ended:?}");
        assert!(ended.alive, "{crime}: {ended:?}");
    }
}

#[test]
fn a_memory_limit_ends_the_plugin_only() {
    let ended = host().apart().starved(256 << 20).call(RUNNER, "run", json!({ "crime": "take-memory", "bytes": 1 << 30 }));
    assert_eq!((ended.error_code(), ended.alive), ("plugin::process_died", true), "{ended:?}");
    assert!(ended.message().contains("memory allocation of 1073741824 bytes failed"), "{ended:?}");
    assert!(ended.error.as_ref().unwrap()["help"].as_str().unwrap().contains("256 MiB"), "{ended:?}");
    let ended = host().apart().starved(256 << 20).call(RUNNER, "run", json!({ "crime": "take-memory", "bytes": 1 << 20 }));
    assert_eq!(ended.ok.as_ref().unwrap()["exitCode"], 0, "{ended:?}");
}

#[test]
fn a_process_that_does_not_answer_is_killed() {
    for (method, crime, what) in [("run", "block-runtime", "the threads"), ("validate", "block-in-validate", "`validate`")] {
        let ended = host().apart().call(RUNNER, method, json!({ "crime": crime, "millis": 600_000 }));
        assert_eq!((ended.error_code(), ended.alive), ("plugin::process_hung", true), "{ended:?}");
        assert!(ended.message().starts_with(what), "{ended:?}");
    }
}

/// What runs elsewhere is not lost with the process that began it.
#[test]
fn work_is_found_again_once() {
    let ended = host().apart().call(RUNNER, "run", json!({ "crime": "segfault-after-checkpoint" }));
    assert_eq!(ended.ok.as_ref().unwrap()["details"]["found"], "where the work is", "{ended:?}");
    for crime in ["segfault", "segfault-twice"] {
        let ended = host().apart().call(RUNNER, "run", json!({ "crime": crime }));
        assert_eq!((ended.error_code(), ended.alive), ("plugin::process_died", true), "{crime}: {ended:?}");
    }
}

/// The raw trait's crimes end the host when they are committed in it.
#[test]
fn crimes_against_the_raw_trait_end_only_their_process() {
    for (method, crime, code) in [
        ("validate", "panic-in-call", "plugin::process_died"),
        ("run", "panic-in-drop", "plugin::process_died"),
        ("run", "wrong-json", "plugin::protocol"),
        ("validate", "wrong-json", "plugin::protocol"),
    ] {
        let ended = Host::sharing().apart().with("raw.so", &raw()).call(RAW, method, json!({ "crime": crime }));
        assert_eq!((ended.error_code(), ended.alive), (code, true), "{crime}: {ended:?}");
    }
}

#[test]
fn events_of_the_plugin_arrive_with_their_fields() {
    let ended = host().apart().call(RUNNER, "run", json!({ "crime": "trace" }));
    assert!(ended.stderr.contains(r#""loot":"cookies","count":3"#), "{}", ended.stderr);
    let ended = host().apart().call(RUNNER, "run", json!({ "crime": "panic-on-thread" }));
    assert!(ended.stderr.contains("ERROR plugin::misbehave: panicked at"), "{}", ended.stderr);
}

#[test]
fn many_runs_share_a_process_and_its_end() {
    let (host, runtime) = (host(), Runtime::new().unwrap());
    let registry = open(&host);
    let waiting: Vec<_> = (0..50).map(|_| start(&runtime, &registry, json!({ "crime": "heed-cancellation" }))).collect();
    // One after the other ends while they wait.
    let (_, done) = start(&runtime, &registry, json!({ "crime": "nothing" }));
    assert_eq!(runtime.block_on(done).unwrap().unwrap().exit_code, 0);
    waiting[0].0.cancel.notify_one();
    let mut waiting = waiting.into_iter();
    let (_, first) = waiting.next().unwrap();
    let outcome = runtime.block_on(first).unwrap().unwrap();
    assert_eq!((outcome.exit_code, &outcome.details["graceMs"]), (143, &json!(700)));
    let (_, crash) = start(&runtime, &registry, json!({ "crime": "segfault" }));
    assert_eq!(runtime.block_on(crash).unwrap().unwrap_err().code, "plugin::process_died");
    for (_, run) in waiting {
        assert_eq!(runtime.block_on(run).unwrap().unwrap_err().code, "plugin::process_died");
    }
    let (_, next) = start(&runtime, &registry, json!({ "crime": "nothing" }));
    assert_eq!(runtime.block_on(next).unwrap().unwrap().exit_code, 0);
}

#[test]
fn a_slow_host_holds_the_plugin_back() {
    let (host, runtime) = (host(), Runtime::new().unwrap());
    let registry = open(&host);
    let side = Arc::new(Side::default());
    side.full.store(true, Ordering::SeqCst);
    let size = 64_u64 << 20;
    let run = follow(&runtime, &registry, json!({ "crime": "flood-logs", "bytes": size }), Arc::clone(&side));
    // Another run of the same process is not held back by it.
    let (quick, done) = start(&runtime, &registry, json!({ "crime": "flood-logs", "bytes": 1 << 20 }));
    runtime.block_on(done).unwrap().unwrap();
    assert_eq!(quick.bytes.load(Ordering::SeqCst), 1 << 20);
    assert!(!run.is_finished());
    assert_eq!(side.bytes.load(Ordering::SeqCst), 0);
    let memory = resident_of_children();
    assert!(memory < 60 << 20, "the plugin's process keeps what its host does not take: {memory} bytes");
    side.full.store(false, Ordering::SeqCst);
    side.room.notify_one();
    runtime.block_on(run).unwrap().unwrap();
    assert_eq!(side.bytes.load(Ordering::SeqCst), size);
}

/// Resident bytes of the largest child of this process.
fn resident_of_children() -> u64 {
    let own = std::process::id();
    let children = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent: u32 = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        let pages: u64 = std::fs::read_to_string(entry.path().join("statm")).ok()?.split(' ').nth(1)?.parse().ok()?;
        (parent == own).then_some(pages * 4096)
    });
    children.max().unwrap_or_default()
}

#[test]
fn the_process_ends_with_its_host() {
    let (host, runtime) = (host(), Runtime::new().unwrap());
    let registry = open(&host);
    let (_, run) = start(&runtime, &registry, json!({ "crime": "heed-cancellation" }));
    let (_, done) = start(&runtime, &registry, json!({ "crime": "nothing" }));
    runtime.block_on(done).unwrap().unwrap();
    drop(registry);
    drop(runtime);
    drop(run);
    // The last handle of the process is gone with the runs; its end is what the test waits for.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while resident_of_children() > 0 {
        assert!(std::time::Instant::now() < deadline, "the plugin's process still lives");
        std::thread::yield_now();
    }
}

#[test]
fn the_placement_of_each_plugin_is_configured_and_shown() {
    let host = host().with("raw.so", &raw());
    let mut options = host.options();
    let rule = Rule { pattern: Pattern::new("*.Misbehave"), isolation: Some(Isolation::Subprocess), memory: None, hung_after: None };
    options.isolation.rules.push(rule);
    let registry = Registry::open(options, Vec::new());
    for (file, isolation) in [("m.so", Isolation::Subprocess), ("raw.so", Isolation::InProcess)] {
        for row in host.rows(&registry, file) {
            assert_eq!((row.isolation, row.state), (Some(isolation), State::Ready), "{row:?}");
        }
    }
}
