//! The kit that is asked of every runner.

use std::sync::Arc;

use serde_json::{Value, json};
use switchyard_plugin_api::{
    TypedRunner,
    testkit::{self, Options},
};
use switchyard_plugin_kubernetes::runner::Kubernetes;

use crate::{
    cluster::{Namespace, kubectl},
    fake::Fake,
    setup::none,
};

/// A shell that stays for a moment after the script's end.
const LINGERING: [&str; 4] = ["/bin/sh", "-c", r#"script=$1; shift; [ $# = 0 ] || shift; trap 'sleep 1' EXIT; eval "$script""#, "sh"];

/// Whether the nodes lose what a container writes right before its end. `containerd` 1.6 does when its machine is busy: the log file on the node
/// itself ends early, after a whole number of pages, and nobody can read what was never written.
fn nodes_cut_logs() -> bool {
    let versions = kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.containerRuntimeVersion}"]);
    versions.split_whitespace().filter_map(|version| version.strip_prefix("containerd://1.")).any(|rest| {
        let minor: u32 = rest.split('.').next().and_then(|minor| minor.parse().ok()).unwrap_or(u32::MAX);
        minor < 7
    })
}

fn pass(properties: Value, options: Options) {
    let runner = TypedRunner::new(Kubernetes);
    let component = runner.component();
    // Told as they come, since some take their time.
    let told = |row: &testkit::Row| eprintln!("{} {:?} after {} ms", row.behaviour, row.verdict, row.millis);
    testkit::run_dyn(Arc::new(runner), &component, Options { properties, ..options }, told).assert();
}

#[test]
fn kube_conformance() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let fake = runtime.block_on(Fake::new());
    let _inside = runtime.enter();
    let properties = fake.setup("", none()).request.properties;
    let skip = [
        ("files.working_dir", "the fake kubelet has another directory in the place of /kestra"),
        ("cancel.graceful", "the fake kubelet sends no signals"),
    ];
    let skip = skip.map(|(name, reason)| (name.to_owned(), reason.to_owned())).into();
    pass(properties, Options { image: Some("busybox".into()), flood: 4 << 20, skip, ..Options::default() });
    assert!(fake.pods().is_empty());
}

#[test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
fn cluster_conformance() {
    let namespace = Namespace::new();
    let image = std::env::var("SWITCHYARD_KUBE_IMAGE").unwrap_or_else(|_| "busybox".into());
    // The first process of a container hears no signal that it does not ask for: another one has to be the first.
    let spec = json!({ "shareProcessNamespace": true });
    let properties = json!({ "namespace": namespace.0, "fileSidecar": { "image": image }, "podSpec": spec });
    let mut options = Options { image: Some(image), flood: 4 << 20, slack: Some(60), ..Options::default() };
    if nodes_cut_logs() {
        eprintln!("the nodes' runtime loses the end of short logs: commands stay for a second after their output");
        options.shell = LINGERING.map(str::to_owned).into();
    }
    pass(properties, options);
    namespace.assert_empty();
}
