//! Several hosts in one namespace, and what a dead one leaves.

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_plugin_api::{Attached, CancelReason, testkit::Host};

use crate::{
    fake::Fake,
    setup::{Setup, none},
};

const INSTANCE: &str = "kestra.io/runner-instance";

fn of_host(fake: &Fake, host: &str, command: &str) -> Setup {
    let mut setup = fake.setup(command, none());
    setup.request.task.labels.insert(INSTANCE.to_owned(), host.to_owned());
    setup
}

fn pod(name: &str, host: &str, execution: &str, more: &Value) -> Value {
    let mut annotations = json!({ "kestra.io/execution-id": execution, "switchyard.run/key": name });
    annotations.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "metadata": { "name": name, "uid": name, "annotations": annotations, "labels": { "app.kubernetes.io/managed-by": "switchyard", INSTANCE: host } },
        "status": { "phase": "Running" },
    })
}

#[tokio::test]
async fn kube_k31_hosts_in_one_namespace_do_not_hear_each_other() {
    let fake = Fake::new().await;
    let (one, two) = (of_host(&fake, "a1", "echo one; sleep 0.3"), of_host(&fake, "b2", "echo two; sleep 0.3"));
    let (first, second) = tokio::join!(one.run(), two.run());
    assert_eq!((first.unwrap().exit_code, second.unwrap().exit_code), (0, 0));
    assert_eq!((one.host.stdout().as_str(), two.host.stdout().as_str()), ("one\n", "two\n"));
    for host in ["a1", "b2"] {
        let selector = format!("labelSelector=app.kubernetes.io%2Fmanaged-by%3Dswitchyard%2Ckestra.io%2Frunner-instance%3D{host}");
        let watches = fake.requests().iter().filter(|line| line.contains("watch=true") && line.contains(&selector)).count();
        assert_eq!(watches, 1, "{:?}", fake.requests());
    }
}

#[tokio::test]
async fn kube_k18_a_host_with_another_id_finds_the_pod_of_the_task() {
    let fake = Fake::new().await;
    let mut setup = of_host(&fake, "a1", "echo one; sleep 0.6; echo two; exit 3");
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout().starts_with("one\n")).await;
    setup.host.cancel(CancelReason::Detach, Duration::ZERO);
    assert!(running.await.unwrap().unwrap().detached);
    setup.request.task.labels.insert(INSTANCE.to_owned(), "b2".to_owned());
    let host = Host::after(4, 0);
    let Attached::Ended { outcome } = setup.attach(setup.host.checkpoints().last().cloned(), &host).await.unwrap() else { panic!("gone") };
    assert_eq!((outcome.exit_code, host.stdout().as_str()), (3, "two\n"));
    assert!(fake.pods().is_empty());
}

#[tokio::test]
async fn kube_k24_what_a_dead_host_left_goes_when_its_execution_has_ended() {
    let fake = Fake::new().await;
    for (name, host, execution, more) in [
        ("ended", "a1", "over", json!({})),
        ("goes-on", "a1", "running", json!({})),
        ("of-another-host", "b2", "over", json!({})),
        ("kept", "a1", "over", json!({ "switchyard.run/keep": "true" })),
        ("reported", "a1", "over", json!({ "kestra.io/result-reported": "true" })),
    ] {
        fake.add(pod(name, host, execution, &more));
    }
    let setup = of_host(&fake, "a1", "sleep 1000");
    setup.host.answer("ended_executions", json!({ "ids": ["over"] }));
    let running = setup.spawn();
    let names = || fake.pods().iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    fake.until(|| !names().contains(&"ended".to_owned())).await;
    setup.host.cancel(CancelReason::Kill, Duration::ZERO);
    let _ = running.await.unwrap();
    assert_eq!(names(), ["goes-on", "kept", "of-another-host", "reported"]);
}
