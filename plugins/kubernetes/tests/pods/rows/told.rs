//! What kubelets and controllers say of a pod, and what becomes of it: in the shapes of Kubernetes 1.33.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    fake::{Fake, Settings},
    setup::none,
};

async fn manual() -> Fake {
    Fake::with(Settings { manual: true, ..Settings::default() }).await
}

fn container(name: &str, state: &Value) -> Value {
    json!({ "name": name, "image": "busybox", "imageID": "", "ready": false, "started": false, "restartCount": 0, "state": state,
        "lastState": {}, "resources": {}, "user": { "linux": { "uid": 0, "gid": 0, "supplementalGroups": [0] } } })
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({ "status": { "containerStatuses": [container("main", &json!({ "waiting": { "reason": reason, "message": message } }))] } })
}

fn running() -> Value {
    json!({ "status": { "phase": "Running", "containerStatuses": [container("main", &json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } }))] } })
}

fn ended(code: i32) -> Value {
    let end = json!({ "terminated": { "exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" }, "containerID": "containerd://1" } });
    json!({ "status": { "containerStatuses": [container("main", &end)] } })
}

fn on_a_node() -> Value {
    let conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
        .map(|kind| json!({ "type": kind, "status": if kind == "PodScheduled" { "True" } else { "False" }, "observedGeneration": 1 }));
    json!({ "spec": { "nodeName": "node-1" }, "status": { "conditions": conditions, "qosClass": "BestEffort", "hostIPs": [{ "ip": "10.0.0.1" }] } })
}

#[tokio::test]
async fn kube_k9_a_registry_that_comes_back_is_waited_for() {
    let fake = manual().await;
    let setup = fake.setup("true", none());
    let task = setup.spawn();
    setup.host.until("the pod exists", |h| h.detail("podName").is_some()).await;
    fake.status(&on_a_node());
    let refused = "failed to pull and unpack image: dial tcp 10.0.0.9:443: connect: connection refused";
    for (reason, message) in
        [("ContainerCreating", ""), ("ErrImagePull", refused), ("ImagePullBackOff", "Back-off pulling image"), ("ErrImagePull", refused)]
    {
        fake.status(&waiting(reason, message));
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!task.is_finished(), "{reason}");
    }
    fake.status(&running());
    fake.say("at last");
    fake.status(&ended(0));
    assert_eq!(task.await.unwrap().unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "at last\n");
}

#[tokio::test]
async fn kube_k9_a_registry_that_stays_away_is_named_with_its_first_trouble() {
    let fake = manual().await;
    let setup = fake.setup("true", json!({ "imagePullTimeout": "PT0.5S" }));
    let task = setup.spawn();
    setup.host.until("the pod exists", |h| h.detail("podName").is_some()).await;
    fake.status(&on_a_node());
    fake.status(&waiting("ErrImagePull", "dial tcp: i/o timeout"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    fake.status(&waiting("ImagePullBackOff", "Back-off pulling image \"busybox\""));
    let error = task.await.unwrap().unwrap_err();
    assert_eq!(error.code, "kubernetes::image_pull_failed");
    assert!(error.retryable() && error.message.contains("i/o timeout"), "{error}");
    assert!(fake.pods().is_empty());
}

/// Conditions and reasons of everything that takes a pod's place away.
#[tokio::test]
async fn kube_k21_disruptions_have_their_reason() {
    let target = |reason: &str, message: &str| json!({ "conditions": [{ "type": "PodScheduled", "status": "True" }, { "type": "DisruptionTarget", "status": "True", "reason": reason, "message": message }] });
    let deleted = json!({ "deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30 });
    for (news, code, words) in [
        (
            json!({ "metadata": deleted, "status": target("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint") }),
            "kubernetes::pod_disrupted",
            "NoExecute",
        ),
        (
            json!({ "metadata": deleted, "status": target("EvictionByEvictionAPI", "Eviction API: evicting") }),
            "kubernetes::pod_disrupted",
            "EvictionByEvictionAPI",
        ),
        (
            json!({ "metadata": deleted, "status": target("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod") }),
            "kubernetes::pod_disrupted",
            "higher priority",
        ),
        (
            json!({ "metadata": deleted, "status": target("DeletionByPodGC", "PodGC: node no longer exists") }),
            "kubernetes::pod_disrupted",
            "node no longer exists",
        ),
        (
            json!({ "status": { "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.",
                "conditions": target("TerminationByKubelet", "The node was low on resource: memory.")["conditions"],
                "containerStatuses": ended(137)["status"]["containerStatuses"] } }),
            "kubernetes::pod_disrupted",
            "low on resource: memory",
        ),
        (
            json!({ "status": { "phase": "Failed", "reason": "Terminated", "message": "Pod was terminated in response to imminent node shutdown.",
                "containerStatuses": ended(143)["status"]["containerStatuses"] } }),
            "kubernetes::pod_disrupted",
            "node shutdown",
        ),
        (
            json!({ "status": { "phase": "Failed", "reason": "OutOfcpu", "message": "Pod was rejected: Node didn't have enough resource: cpu", "containerStatuses": [] } }),
            "kubernetes::pod_disrupted",
            "OutOfcpu",
        ),
        (
            json!({ "metadata": deleted, "status": { "reason": "NodeLost", "message": "Node node-1 which was running pod is unresponsive" } }),
            "kubernetes::node_lost",
            "node-1",
        ),
        (
            json!({ "metadata": deleted, "status": { "conditions": [{ "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status." }] } }),
            "kubernetes::node_lost",
            "Kubelet stopped posting node status",
        ),
        (
            json!({ "status": { "phase": "Failed", "reason": "UnexpectedAdmissionError", "message": "Allocate failed due to no healthy devices" } }),
            "kubernetes::pod_disrupted",
            "no healthy devices",
        ),
    ] {
        for started in [true, false] {
            let fake = manual().await;
            let setup = fake.setup("true", none());
            let task = setup.spawn();
            setup.host.until("the pod exists", |h| h.detail("podName").is_some()).await;
            fake.status(&on_a_node());
            if started {
                fake.status(&running());
                setup.host.until("it runs", |h| h.phases().contains(&switchyard_plugin_api::Phase::Running)).await;
            }
            fake.status(&news);
            fake.delete_all_marked();
            let error = task.await.unwrap().unwrap_err();
            assert_eq!(error.code, code, "{started} {news}: {error}");
            assert!(error.retryable() && error.message.contains(words), "{started} {news}: {error}");
        }
    }
}

/// A mesh puts its proxy into every pod: as a container that never ends, and since 1.29 as an init container that goes on.
#[tokio::test]
async fn kube_k30_sidecars_of_a_mesh_do_not_hold_the_task() {
    fn as_a_container(pod: &mut Value) {
        pod["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .insert(0, json!({ "name": "istio-proxy", "image": "proxy", "command": ["sleep", "1000"] }));
    }
    fn as_a_sidecar(pod: &mut Value) {
        let proxy = json!({ "name": "istio-proxy", "image": "proxy", "restartPolicy": "Always", "command": ["sleep", "1000"] });
        let spec = &mut pod["spec"];
        if !spec["initContainers"].is_array() {
            spec["initContainers"] = json!([]);
        }
        spec["initContainers"].as_array_mut().unwrap().insert(0, proxy);
    }
    for inject in [as_a_container as fn(&mut Value), as_a_sidecar] {
        let fake = Fake::with(Settings { inject: Some(inject), ..Settings::default() }).await;
        let setup = fake.setup("cat in.txt > out.txt; exit 5", none()).outputs(&["out.txt"]);
        setup.write("in.txt", "x");
        let outcome = setup.run().await.unwrap();
        assert_eq!((outcome.exit_code, setup.read("out.txt").as_str()), (5, "x"), "{outcome:?}");
        assert!(fake.pods().is_empty());
    }
}

#[tokio::test]
async fn kube_k5_a_sidecar_that_is_restarted_is_no_failed_init_container() {
    let fake = manual().await;
    let setup = fake
        .setup("true", json!({ "podSpec": { "initContainers": [{ "name": "helper", "image": "busybox", "restartPolicy": "Always" }] } }));
    let task = setup.spawn();
    setup.host.until("the pod exists", |h| h.detail("podName").is_some()).await;
    fake.status(&on_a_node());
    let helper = |state: Value| json!({ "status": { "initContainerStatuses": [container("helper", &state)] } });
    for state in [
        json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } }),
        json!({ "terminated": { "exitCode": 1, "reason": "Error" } }),
        json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container=helper" } }),
    ] {
        fake.status(&helper(state));
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!task.is_finished());
    }
    fake.status(&running());
    fake.status(&ended(0));
    assert_eq!(task.await.unwrap().unwrap().exit_code, 0);
}

/// A pod that a dead host had finished, and two of the same task run.
#[tokio::test]
async fn kube_k19_ended_pods_are_taken_up_and_of_two_one() {
    use switchyard_plugin_api::{Attached, testkit::Host};
    for (end, code) in [("Succeeded", 0), ("Failed", 7)] {
        let fake = manual().await;
        let setup = fake.setup("true", none());
        let mut pod = setup.preview().await;
        pod["metadata"]["uid"] = "own".into();
        pod["status"] = json!({ "phase": end, "containerStatuses": ended(code)["status"]["containerStatuses"] });
        let mut older = pod.clone();
        older["metadata"]["name"] = "older".into();
        older["metadata"]["uid"] = "older".into();
        older["metadata"]["annotations"]["switchyard.run/key"] = "execution-before".into();
        older["status"] = running()["status"].clone();
        for pod in [older, pod] {
            fake.add(pod);
        }
        let Attached::Ended { outcome } = setup.attach(None, &Host::new()).await.unwrap() else { panic!("gone") };
        assert_eq!(outcome.exit_code, code, "{end}");
        assert!(fake.pods().is_empty(), "{end}: at most one may be at work");
    }
}
