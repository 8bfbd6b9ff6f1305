//! What takes long, or changes the cluster for everybody: `cargo nextest run -p switchyard-plugin-kubernetes --run-ignored only by_hand`, with
//! `--test-threads 1` and `KUBECONFIG` of a cluster that has nobody else.

use std::{collections::BTreeMap, path::Path, time::Instant};

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
    // Connections stay open for the next pods: no more than there were at the same time.
    eprintln!("{PODS} pods in {took:?}; open files before {files}, most {most}, after {}", open_files());
    assert!(open_files() <= most.max(files) + 5);
    namespace.assert_empty();
}

/// Greatest memory of this process so far, in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kilobytes: u64 = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    kilobytes >> 10
}

/// What a shell of this machine prints.
fn shell(script: &str, directory: &Path) -> String {
    let output = std::process::Command::new("sh").args(["-c", script]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{script}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[ignore = "gigabytes each way; by hand"]
async fn by_hand_k3_gigabytes_each_way() {
    let gigabytes: u64 = std::env::var("SWITCHYARD_GIGABYTES").ok().and_then(|g| g.parse().ok()).unwrap_or(5);
    let properties = json!({ "fileVolume": { "medium": "DISK" }, "waitUntilRunning": "PT1H" });
    let (bytes, namespace) = (gigabytes << 30, Namespace::new());
    // One after the other: each way needs the room twice.
    for (way, command) in
        [("in", "sha256sum data.bin".to_owned()), ("out", format!("head -c {bytes} /dev/urandom > data.bin; sha256sum data.bin"))]
    {
        let mut setup = namespace.setup(&command, properties.clone());
        if way == "in" {
            shell(&format!("head -c {bytes} /dev/urandom > data.bin"), setup.directory.path());
        } else {
            setup = setup.outputs(&["data.bin"]);
        }
        let (before, began) = (peak(), Instant::now());
        let outcome = setup.run().await.unwrap();
        eprintln!("{gigabytes} GiB {way} in {:?}; greatest memory {before} MB before, {} MB after", began.elapsed(), peak());
        assert_eq!((outcome.exit_code, setup.host.stdout()), (0, shell("sha256sum data.bin", setup.directory.path())));
        assert!(peak() - before < 100, "memory");
        namespace.assert_empty();
    }
}
