//! Several hosts on one journal, in a real PostgreSQL: processes of their own, one of which is killed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use switchyard_engine::{Config, Engine, Notice, Observer, Options, Submission, built_in, load};
use switchyard_model::Sources;
use switchyard_registry::Registry;
use switchyard_store::journal::{ExecutionFilter, Journal, Sharing};

const HOST: &str = "SWITCHYARD_TEST_HOST";
const URL: &str = "SWITCHYARD_TEST_JOURNAL";
const EACH: usize = 20;
const FLOW: &str = "
id: shared
namespace: tests
tasks:
  - id: one
    type: io.kestra.plugin.core.output.OutputValues
    values: { x: 1 }
  - id: wait
    type: io.kestra.plugin.core.flow.Sleep
    duration: PT3S
  - id: two
    type: io.kestra.plugin.core.output.OutputValues
    values: { y: '{{ outputs.one.values.x }}' }
";

struct Silent;

impl Observer for Silent {
    fn notice(&self, _: &Notice<'_>) {}
}

fn base() -> String {
    std::env::var("SWITCHYARD_POSTGRES").expect("`cargo xtask test` starts a server and sets SWITCHYARD_POSTGRES")
}

/// What a host process does; in the process of the tests it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_host_process() {
    let Ok(url) = std::env::var(URL) else { return };
    let data = tempfile::tempdir().unwrap();
    let mut shared = switchyard_engine::config::Shared::at(url);
    shared.lease = Some(Duration::from_secs(2));
    let config = Arc::new(Config { journal: Some(shared), ..Config::default() });
    let registry = Registry::open(switchyard_registry::Options::new(data.path().join("cache"), Vec::new()), vec![built_in(None)]);
    let options = Options {
        work_dir: data.path().join("work"),
        data_dir: data.path().to_owned(),
        journal: true,
        durable: true,
        patience: Duration::from_secs(10),
        slots: 8,
        grace: Duration::from_secs(5),
        config: Arc::clone(&config),
        secrets: Arc::default(),
        keeper: None,
    };
    let engine = Engine::start(options, registry, Arc::new(Silent)).unwrap();
    engine.recover().await.unwrap();
    let mut sources = Sources::new();
    let flow = load::bytes_of("flow.yaml", FLOW.as_bytes(), engine.registry(), &config, &mut sources).unwrap().program.unwrap();
    for _ in 0..EACH {
        engine.submit(Arc::clone(&flow), Submission::default()).await.unwrap_or_else(|refused| panic!("{refused:?}"));
    }
    println!("\nready");
    // Until the parent goes.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0])).await;
    engine.stop().await;
}

struct Process {
    child: Child,
}

impl Process {
    fn start(name: &str, url: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "postgres_host_process", "--nocapture"]).env(HOST, name).env(URL, url);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "ready"), "{name} did not start");
        // Nothing more is read, and nothing more is written there.
        std::mem::forget(lines);
        Self { child }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn postgres_three_hosts_share_executions_and_one_is_killed() {
    let base = base();
    let database = format!("hosts_{}", std::process::id());
    let (server, connection) = tokio_postgres::connect(&format!("{base}/postgres"), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    server.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
    let url = format!("{base}/{database}");
    let mut first = Process::start("first", &url);
    let (_second, _third) = (Process::start("second", &url), Process::start("third", &url));
    first.child.kill().unwrap();

    let watching =
        Journal::connect(&url, Sharing { host: "watching".into(), lease: Duration::from_secs(3600) }, Default::default()).unwrap();
    let mut pulse = tokio::time::interval(Duration::from_millis(100));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !watching.unfinished().await.unwrap().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "left: {:?}", watching.unfinished().await.unwrap());
        pulse.tick().await;
    }
    let all = watching.list(ExecutionFilter { with_documents: true, ..ExecutionFilter::default() }).await.unwrap();
    assert_eq!(all.len(), 3 * EACH);
    let mut owners: BTreeMap<i64, usize> = BTreeMap::new();
    for summary in &all {
        assert_eq!(summary.state, "SUCCESS", "{}", summary.id);
        let document: serde_json::Value = serde_json::from_slice(summary.document.as_ref().unwrap()).unwrap();
        let runs: Vec<_> = document["taskRunList"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| (&run["taskId"], run["attempts"].as_array().map(Vec::len)))
            .collect();
        assert_eq!(runs.len(), 3, "each task ran once: {runs:?}");
        assert!(runs.iter().all(|(_, attempts)| attempts.is_none_or(|attempts| attempts == 1)), "{runs:?}");
    }
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for row in client.query("SELECT owner, count(*) FROM switchyard.executions GROUP BY owner", &[]).await.unwrap() {
        owners.insert(row.get(0), usize::try_from(row.get::<_, i64>(1)).unwrap());
    }
    assert_eq!(owners.len(), 2, "what the dead one had belongs to the others: {owners:?}");
}
