//! What keeps a pod from starting.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{cluster::Namespace, setup::none};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k7_k8_images_that_do_not_come_fail_fast() {
    let namespace = Namespace::new();
    let began = Instant::now();
    let bad_name = namespace.setup("true", none()).image("Not A Name");
    let bad_tag = namespace.setup("true", none()).image("busybox:no-such-tag-1");
    let never = namespace.setup("true", json!({ "pullPolicy": "NEVER" })).image("busybox:not-there");
    let sidecar = namespace.setup("true", json!({ "fileSidecar": { "image": "busybox:no-such-tag-2" } })).outputs(&["x"]);
    let (a, b, c, d) = tokio::join!(bad_name.run(), bad_tag.run(), never.run(), sidecar.run());
    for (setup, result, container) in [(&bad_name, a, "main"), (&bad_tag, b, "main"), (&never, c, "main"), (&sidecar, d, "init-files")] {
        let error = result.unwrap_err();
        assert_eq!(error.code, "kubernetes::image_pull_failed", "{error}");
        assert!(error.message.contains(container), "{error}");
        assert!(error.message.contains("events of the pod"), "{error}");
        assert!(!setup.host.warnings().is_empty());
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k7_the_pull_secret_goes_with_the_pod() {
    let namespace = Namespace::new();
    let setup = namespace.setup("sleep 2", json!({ "credentials": { "username": "u", "password": "p" } }));
    let running = setup.spawn();
    namespace.until("the secret is there", |n| n.kubectl(&["get", "secrets", "-o", "name"]).contains("-pull")).await;
    let secret: serde_json::Value =
        serde_json::from_str(&namespace.kubectl(&["get", "secrets", "-l", "app.kubernetes.io/managed-by=switchyard", "-o", "json"]))
            .unwrap();
    assert_eq!(secret["items"][0]["metadata"]["ownerReferences"][0]["kind"], "Pod");
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k10_no_node_says_why() {
    let namespace = Namespace::new();
    let setup = namespace.setup("true", json!({ "resources": { "request": { "cpu": 1000 } }, "scheduleTimeout": "PT3S" }));
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "kubernetes::unschedulable");
    assert!(error.message.contains("Insufficient cpu"), "{error}");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k11_a_missing_config_map_has_its_name() {
    let namespace = Namespace::new();
    let spec = json!({ "envFrom": [{ "configMapRef": { "name": "not-there" } }] });
    let error = namespace.setup("true", json!({ "containerSpec": spec })).run().await.unwrap_err();
    assert_eq!(error.code, "kubernetes::container_not_created", "{error}");
    assert!(error.message.contains("not-there"), "{error}");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k12_what_the_server_rejects_names_the_field() {
    let namespace = Namespace::new();
    let error = namespace
        .setup("true", json!({ "resources": { "request": { "memory": "2Gi" }, "limit": { "memory": "1Gi" } } }))
        .run()
        .await
        .unwrap_err();
    assert_eq!(error.code, "kubernetes::invalid_pod", "{error}");
    assert!(error.message.contains("spec.containers[0].resources"), "{error}");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k13_a_full_quota_is_waited_for() {
    let namespace = Namespace::new();
    namespace
        .apply(&json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "q" }, "spec": { "hard": { "pods": "1" } } }));
    namespace.until("the quota is known", |n| n.kubectl(&["get", "quota", "q", "-o", "jsonpath={.status.hard.pods}"]) == "1").await;
    let first = namespace.setup("echo first; sleep 3", none());
    let running = first.spawn();
    first.host.until("the first one runs", |h| h.stdout() == "first\n").await;
    let second = namespace.setup("echo second", none());
    assert_eq!(second.run().await.unwrap().exit_code, 0);
    assert!(
        second.host.messages(switchyard_plugin_api::Level::Info)[0].contains("quota"),
        "{:?}",
        second.host.messages(switchyard_plugin_api::Level::Info)
    );
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_a_missing_namespace_has_its_name() {
    let error = crate::setup::Setup::new("true", json!({ "namespace": "no-such-namespace" })).run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("kubernetes::namespace_missing", Some("/namespace")), "{error}");
}
