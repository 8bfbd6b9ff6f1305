use serde_json::{Value, json};

use super::*;

fn pod(status: Value) -> Pod {
    serde_json::from_value(json!({ "metadata": {}, "spec": { "containers": [] }, "status": status })).unwrap()
}

fn waiting(list: &str, container: &str, reason: &str, message: &str) -> Pod {
    pod(json!({ list: [{ "name": container, "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": { "reason": reason, "message": message } } }] }))
}

#[test]
fn kube_k7_k8_k11_what_a_waiting_container_may_hope_for() {
    for (reason, message, hope) in [
        ("ContainerCreating", "", None),
        ("PodInitializing", "", None),
        ("InvalidImageName", "couldn't parse image reference", Some(Hope::None)),
        ("ErrImageNeverPull", "Container image is not present with pull policy of Never", Some(Hope::None)),
        ("ErrImagePull", "rpc error: code = NotFound desc = docker.io/library/x:1: not found", Some(Hope::None)),
        ("ErrImagePull", "pull access denied, repository does not exist or may require authorization", Some(Hope::None)),
        ("ErrImagePull", "failed to authorize: 401 Unauthorized", Some(Hope::None)),
        ("ErrImagePull", "dial tcp 127.0.0.1:15000: connect: connection refused", Some(Hope::Registry)),
        ("ErrImagePull", "lookup registry.example: no such host", Some(Hope::Registry)),
        ("ErrImagePull", "toomanyrequests: rate limit; denied", Some(Hope::Registry)),
        ("ImagePullBackOff", "Back-off pulling image \"x\"", Some(Hope::Registry)),
        ("CreateContainerConfigError", "configmap \"c\" not found", Some(Hope::Object)),
        ("CreateContainerError", "failed to mount", Some(Hope::Object)),
    ] {
        for list in ["containerStatuses", "initContainerStatuses"] {
            let found = stuck(&waiting(list, "main", reason, message));
            assert_eq!(found.map(|s| s.hope), hope, "{list} {reason} {message}");
        }
    }
}

#[test]
fn kube_k21_what_the_cluster_does_to_pods() {
    for (status, reason) in [
        (json!({ "reason": "Evicted", "message": "low on memory" }), Some("Evicted")),
        (json!({ "reason": "OutOfcpu" }), Some("OutOfcpu")),
        (json!({ "reason": "NodeShutdown" }), Some("NodeShutdown")),
        (
            json!({ "conditions": [{ "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler" }] }),
            Some("PreemptionByScheduler"),
        ),
        (json!({ "conditions": [{ "type": "DisruptionTarget", "status": "False", "reason": "x" }] }), None),
        (json!({ "reason": "DeadlineExceeded" }), None),
        (json!({}), None),
    ] {
        assert_eq!(disruption(&pod(status.clone())).map(|d| d.0).as_deref(), reason, "{status}");
    }
    assert!(node_lost(&pod(json!({ "phase": "Unknown" }))).is_some());
    assert!(node_lost(&pod(json!({ "conditions": [{ "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown" }] }))).is_some());
    let main = json!([{ "name": "main", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": { "running": {} } }]);
    for (reason, lost) in [(json!(null), true), (json!("ContainersNotReady"), false)] {
        let condition = json!({ "type": "Ready", "status": "False", "reason": reason });
        let silent = pod(json!({ "phase": "Running", "conditions": [condition], "containerStatuses": main }));
        assert_eq!(node_lost(&silent).is_some(), lost, "{reason}");
    }
    assert!(node_lost(&pod(json!({ "phase": "Running" }))).is_none());
    assert!(is_past_deadline(&pod(json!({ "reason": "DeadlineExceeded" }))));
}

#[test]
fn kube_k10_the_schedulers_reason() {
    let status = json!({ "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu." }] });
    assert_eq!(unschedulable(&pod(status)).as_deref(), Some("0/1 nodes are available: 1 Insufficient cpu."));
    assert_eq!(unschedulable(&pod(json!({ "conditions": [{ "type": "PodScheduled", "status": "True" }] }))), None);
}

#[test]
fn kube_k5_the_result_is_that_of_main() {
    let ended = |name: &str, code: i32| json!({ "name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": { "terminated": { "exitCode": code } } });
    let running =
        |name: &str| json!({ "name": name, "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": { "running": {} } });
    let both = pod(json!({ "containerStatuses": [ended("aaa", 0), ended("main", 7), running("out-files")] }));
    assert_eq!(end(&both, MAIN).map(|e| e.exit_code), Some(7));
    assert!(has_started(&both) && keeps_files(&both) && !is_running(&both, MAIN));
    assert_eq!(Value::Object(exit_codes(&both)), json!({ "aaa": 0, "main": 7 }));
    let still = pod(json!({ "containerStatuses": [ended("aaa", 1), running("main")] }));
    assert_eq!(end(&still, MAIN), None);
}
