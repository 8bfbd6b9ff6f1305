//! Start, exit, kill, removal.

use std::time::{Duration, Instant};

use serde_json::json;
use switchyard_plugin_api::{CancelReason, FailureReason, Phase};

use crate::{cluster::Namespace, setup::none};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k1_echo_is_one_container_and_leaves_nothing() {
    let namespace = Namespace::new();
    let setup = namespace.setup("echo hello; pwd; ls -d $WORKING_DIR", json!({ "labels": { "team": "a b" } }));
    let outcome = setup.run().await.unwrap();
    assert_eq!((outcome.exit_code, outcome.reason), (0, None), "{outcome:?}");
    assert_eq!(setup.host.stdout(), "hello\n/\n/kestra/working-dir\n");
    assert_eq!(setup.host.phases(), [Phase::Queued, Phase::Pulling, Phase::Running, Phase::Done]);
    assert_eq!(setup.host.warnings(), Vec::<String>::new());
    assert!(setup.host.times().iter().all(|t| *t > 1_600_000_000_000_000_000));
    let pod = setup.preview().await;
    assert_eq!(pod["spec"]["containers"].as_array().unwrap().len(), 1);
    assert_eq!(pod["metadata"]["labels"]["kestra.io/flow-id"], "flow");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k4_a_failed_command_reports_its_code_and_keeps_its_files() {
    let namespace = Namespace::new();
    let setup = namespace.setup("echo kept > out.txt; exit 7", none()).outputs(&["out.txt"]);
    let outcome = setup.run().await.unwrap();
    assert_eq!((outcome.exit_code, outcome.message.as_deref()), (7, Some("container main ended with exit code 7")));
    assert_eq!(setup.read("out.txt"), "kept\n");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k5_sidecars_decide_nothing() {
    let namespace = Namespace::new();
    let sidecar = |name: &str, command: &str| json!({ "name": name, "image": "busybox", "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", command] });
    let spec = json!({ "containers": [sidecar("aaa", "exit 0"), sidecar("zzz", "exit 3"), sidecar("forever", "sleep 1000")] });
    let setup = namespace.setup("sleep 2; exit 5", json!({ "podSpec": spec }));
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.exit_code, 5, "{outcome:?}");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k6_out_of_memory_has_its_name() {
    let namespace = Namespace::new();
    let properties = json!({ "resources": { "limit": { "memory": "24Mi" } } });
    let setup = namespace.setup("exec tail /dev/zero", properties);
    let outcome = setup.run().await.unwrap();
    assert_eq!((outcome.exit_code, outcome.reason), (137, Some(FailureReason::OutOfMemory)), "{outcome:?}");
    assert!(outcome.message.as_deref().unwrap().contains("24Mi"));
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k22_with_grace_the_command_sees_the_signal_first() {
    let namespace = Namespace::new();
    let setup =
        namespace.setup("trap 'echo trapped; exit 9' TERM; echo up; while true; do sleep 0.1; done", json!({ "killGracePeriod": "PT20S" }));
    let running = setup.spawn();
    setup.host.until("the trap is set", |h| h.stdout() == "up\n").await;
    setup.host.cancel(CancelReason::Kill, Duration::ZERO);
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::Killed));
    assert_eq!(setup.host.stdout(), "up\ntrapped\n");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k22_without_grace_a_kill_is_immediate() {
    let namespace = Namespace::new();
    let setup = namespace.setup("trap 'echo trapped' TERM; echo up; while true; do sleep 1; done", json!({ "killGracePeriod": "PT0S" }));
    let running = setup.spawn();
    setup.host.until("the trap is set", |h| h.stdout() == "up\n").await;
    let asked = Instant::now();
    setup.host.cancel(CancelReason::Kill, Duration::from_secs(30));
    let outcome = running.await.unwrap().unwrap();
    assert_eq!((outcome.exit_code, outcome.reason), (137, Some(FailureReason::Killed)));
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k22_a_kill_while_pending_or_uploading_leaves_nothing() {
    let namespace = Namespace::new();
    let pending = namespace.setup("echo must not run", json!({ "resources": { "request": { "cpu": 1000 } } }));
    let uploading = namespace.setup("echo must not run", none());
    uploading.write("big", vec![7; 32 << 20]);
    let both = [pending.spawn(), uploading.spawn()];
    pending.host.until("the pod exists", |h| h.detail("podName").is_some()).await;
    uploading.host.until("files move", |h| h.phases().contains(&Phase::StagingIn)).await;
    pending.host.cancel(CancelReason::Kill, Duration::ZERO);
    uploading.host.cancel(CancelReason::Kill, Duration::ZERO);
    for running in both {
        assert_eq!(running.await.unwrap().unwrap_err().code, "task::cancelled");
    }
    assert_eq!((pending.host.stdout(), uploading.host.stdout()), (String::new(), String::new()));
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k23_the_run_has_a_limit() {
    let namespace = Namespace::new();
    let setup = namespace.setup("echo up; sleep 1000", json!({ "waitUntilCompletion": "PT3S" }));
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "kubernetes::ran_too_long");
    assert_eq!(setup.host.stdout(), "up\n");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k24_a_pod_without_a_host_ends_by_itself() {
    let namespace = Namespace::new();
    let setup = namespace.setup("sleep 1000", json!({ "podSpec": { "activeDeadlineSeconds": 5 } }));
    setup.write("in.txt", "x");
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "kubernetes::ran_too_long", "{error}");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k25_a_kept_pod_is_terminal_and_marked() {
    let namespace = Namespace::new();
    let setup = namespace.setup("echo x > out.txt", json!({ "delete": false })).outputs(&["out.txt"]);
    setup.run().await.unwrap();
    assert_eq!(setup.read("out.txt"), "x\n");
    namespace.until("the pod has ended", |n| n.pod()["status"]["phase"] == "Succeeded").await;
    assert_eq!(namespace.pod()["metadata"]["annotations"]["kestra.io/result-reported"], "true");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_a_command_that_is_not_in_the_image_ends_with_127() {
    let namespace = Namespace::new();
    let mut setup = namespace.setup("", none());
    setup.request.command.argv = vec!["no-such-command".into()];
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.exit_code, 127, "{outcome:?}");
    assert!(outcome.message.unwrap().contains("no-such-command"));
}
