//! What the cluster, or somebody in it, does to a running pod.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    cluster::{Namespace, Wire, kubectl},
    setup::none,
};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k20_a_pod_that_is_deleted_from_outside_fails_at_once() {
    let namespace = Namespace::new();
    let setup = namespace.setup("trap '' TERM; echo up; while true; do sleep 1; done", none());
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout() == "up\n").await;
    let began = Instant::now();
    namespace.kubectl(&["delete", "pod", "--all", "--wait=false"]);
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.code, "kubernetes::pod_deleted", "{error}");
    assert!(error.retryable() && began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(setup.host.stdout(), "up\n");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k21_an_eviction_is_the_clusters_doing() {
    let namespace = Namespace::new();
    let setup = namespace.setup("echo up; sleep 1000", none());
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout() == "up\n").await;
    let pod = namespace.pod()["metadata"]["name"].as_str().unwrap().to_owned();
    let version = kubectl(&["version", "-o", "json"]);
    let group = if version.contains("\"minor\": \"20") { "policy/v1beta1" } else { "policy/v1" };
    let eviction = json!({ "apiVersion": group, "kind": "Eviction", "metadata": { "name": pod, "namespace": namespace.0 } });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), eviction.to_string()).unwrap();
    kubectl(&["create", "--raw", &format!("/api/v1/namespaces/{}/pods/{pod}/eviction", namespace.0), "-f", file.path().to_str().unwrap()]);
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error.code.as_str(), "kubernetes::pod_disrupted" | "kubernetes::pod_deleted") && error.retryable(), "{error}");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k21_a_full_volume_evicts_with_its_reason() {
    let namespace = Namespace::new();
    let setup = namespace.setup(
        "echo up; head -c 40000000 /dev/zero > $WORKING_DIR/fill; sleep 200",
        json!({ "fileVolume": { "medium": "DISK", "sizeLimit": "1Mi" } }),
    );
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "kubernetes::pod_disrupted", "{error}");
    assert!(error.message.contains("Evicted") && error.message.contains("1Mi"), "{error}");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_an_api_server_that_goes_away_for_a_while_is_waited_for() {
    let namespace = Namespace::new();
    let wire = Wire::new().await;
    let setup = namespace.setup("echo one; sleep 6; echo two", wire.config());
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout().starts_with("one\n")).await;
    let cutting = wire.cut_every(Duration::from_millis(50));
    tokio::time::sleep(Duration::from_secs(4)).await;
    cutting.abort();
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "one\ntwo\n");
    namespace.assert_empty();
}
