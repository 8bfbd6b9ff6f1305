//! What takes long, or changes the cluster for everybody: `cargo nextest run -p switchyard-plugin-kubernetes --run-ignored only by_hand`, with
//! `--test-threads 1` and `KUBECONFIG` of a cluster that has nobody else.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    path::Path,
    time::Instant,
};

use serde_json::{Value, json};

use crate::{
    cluster::{Namespace, kubectl},
    setup::{Setup, none},
};

/// Puts something back when the test has ended, however it ends.
struct Afterwards<F: FnMut()>(F);

impl<F: FnMut()> Drop for Afterwards<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn node() -> String {
    kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"])
}

async fn running(
    namespace: &Namespace,
    properties: Value,
) -> (Setup, tokio::task::JoinHandle<Result<switchyard_plugin_api::Outcome, switchyard_plugin_api::Error>>) {
    let setup = namespace.setup("echo up; sleep 1000", properties);
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout() == "up\n").await;
    (setup, running)
}

#[tokio::test]
#[ignore = "taints the node; by hand"]
async fn by_hand_k21_a_taint_names_itself() {
    let namespace = Namespace::new();
    let (setup, running) = running(&namespace, none()).await;
    let node = node();
    let _restore = Afterwards(|| drop(std::process::Command::new("kubectl").args(["taint", "nodes", &node, "dedicated-"]).output()));
    kubectl(&["taint", "nodes", &node, "dedicated=others:NoExecute"]);
    let error = running.await.unwrap().unwrap_err();
    eprintln!("{error}\n{:?}", setup.host.warnings());
    assert_eq!(error.code, "kubernetes::pod_disrupted");
    assert!(error.retryable() && error.message.contains("dedicated=others:NoExecute") && error.message.contains(&node), "{error}");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "drains the node; by hand"]
async fn by_hand_k21_a_drain_names_itself() {
    let namespace = Namespace::new();
    let (setup, running) = running(&namespace, none()).await;
    let node = node();
    let _restore = Afterwards(|| drop(std::process::Command::new("kubectl").args(["uncordon", &node]).output()));
    kubectl(&["drain", &node, "--force", "--ignore-daemonsets", "--delete-emptydir-data", "--grace-period=1"]);
    let error = running.await.unwrap().unwrap_err();
    eprintln!("{error}\n{:?}", setup.host.warnings());
    assert_eq!(error.code, "kubernetes::pod_disrupted");
    assert!(error.retryable() && error.message.contains("drain"), "{error}");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "stops the kubelet whose process id is in SWITCHYARD_KUBELET_PID; by hand"]
async fn by_hand_k21_a_node_that_stops_is_named() {
    let kubelet = std::env::var("SWITCHYARD_KUBELET_PID").expect("SWITCHYARD_KUBELET_PID");
    let signal = |name: &str| drop(std::process::Command::new("kill").args([name, &kubelet]).status());
    let namespace = Namespace::new();
    let gone = json!({ "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 10 });
    let (setup, running) = running(&namespace, json!({ "tolerations": [gone] })).await;
    let node = node();
    let began = Instant::now();
    let _restore = Afterwards(|| signal("-CONT"));
    signal("-STOP");
    let error = running.await.unwrap().unwrap_err();
    eprintln!("after {:?}: {error}\n{:?}", began.elapsed(), setup.host.warnings());
    assert_eq!(error.code, "kubernetes::node_lost");
    assert!(error.retryable() && error.message.contains(&node), "{error}");
    namespace.assert_empty();
}

/// Requests that the API server has had, of those that only a runner makes.
fn requests() -> BTreeMap<String, f64> {
    let metrics = kubectl(&["get", "--raw", "/metrics"]);
    let mut found = BTreeMap::new();
    for line in metrics.lines().filter(|l| l.starts_with("apiserver_request_total{") && l.contains(r#"resource="pods""#)) {
        let label =
            |name: &str| line.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned();
        let count: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        *found.entry(format!("{} {} {}", label("verb"), label("subresource"), label("code"))).or_default() += count;
    }
    found
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "two hundred pods; by hand"]
async fn by_hand_k31_two_hundred_pods() {
    const PODS: usize = 200;
    let namespace = Namespace::new();
    let properties = json!({ "waitUntilRunning": "PT30M" });
    let setups: Vec<Setup> =
        (0..PODS).map(|n| namespace.setup(&format!("echo {n}; sleep 2; exit {}", n % 3), properties.clone())).collect();
    let (before, files, began) = (requests(), open_files(), Instant::now());
    let all: Vec<_> = setups.iter().map(Setup::spawn).collect();
    let mut most = 0;
    for (n, (setup, running)) in setups.iter().zip(all).enumerate() {
        let outcome = running.await.unwrap().unwrap();
        most = most.max(open_files());
        assert_eq!((outcome.exit_code, setup.host.stdout()), (i32::try_from(n % 3).unwrap(), format!("{n}\n")));
    }
    let took = began.elapsed();
    for (what, count) in requests() {
        let more = count - before.get(&what).copied().unwrap_or_default();
        if more > 0.0 {
            eprintln!("{what}: {more} ({:.2} per pod)", more / PODS as f64);
        }
    }
    eprintln!("{PODS} pods in {took:?}; open files before {files}, most {most}, after {}", open_files());
    namespace.assert_empty();
}

/// Bytes that look like none before.
fn noise(mut state: u64, chunk: &mut [u8]) -> u64 {
    for word in chunk.chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes());
    }
    state
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

fn same(one: &Path, other: &Path) -> bool {
    let (mut one, mut other) = (std::fs::File::open(one).unwrap(), std::fs::File::open(other).unwrap());
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let read = one.read(&mut a).unwrap();
        if other.read_exact(&mut b[..read]).is_err() || a[..read] != b[..read] {
            return false;
        }
        if read == 0 {
            return other.read(&mut b).unwrap() == 0;
        }
    }
}

#[tokio::test]
#[ignore = "gigabytes each way; by hand"]
async fn by_hand_k3_gigabytes_each_way() {
    let gigabytes: usize = std::env::var("SWITCHYARD_GIGABYTES").ok().and_then(|g| g.parse().ok()).unwrap_or(5);
    let namespace = Namespace::new();
    // The pod's copy goes before the file comes back under another name: it is on the same disk.
    let setup = namespace
        .setup("sha256sum in.bin; mv in.bin out.bin", json!({ "fileVolume": { "medium": "DISK" }, "waitUntilRunning": "PT1H" }))
        .outputs(&["out.bin"]);
    let path = setup.directory.path().join("in.bin");
    {
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
        let (mut state, mut chunk) = (88_172_645_463_325_252, vec![0; 1 << 20]);
        for _ in 0..gigabytes << 10 {
            state = noise(state, &mut chunk);
            file.write_all(&chunk).unwrap();
        }
    }
    let (before, began) = (peak(), Instant::now());
    let outcome = setup.run().await.unwrap();
    eprintln!(
        "{gigabytes} GiB each way in {:?}; peak {} MB before, {} MB after; {}",
        began.elapsed(),
        before >> 10,
        peak() >> 10,
        setup.host.stdout()
    );
    assert_eq!(outcome.exit_code, 0);
    assert!(same(&path, &setup.directory.path().join("out.bin")));
    assert!(peak() - before < 100 << 10, "memory");
    namespace.assert_empty();
}
