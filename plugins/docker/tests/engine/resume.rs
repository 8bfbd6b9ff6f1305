//! A host that dies and comes back.

use std::time::Duration;

use serde_json::json;
use switchyard_plugin_api::{Attached, CancelReason, Outcome, testkit::Host};

use crate::setup::{Setup, docker, none};

fn ended(attached: Attached) -> Outcome {
    match attached {
        Attached::Ended { outcome } => outcome,
        Attached::Gone => panic!("the container was not found"),
    }
}

/// Prints half of its output, waits for the file `go`, and prints the rest.
fn halves(properties: serde_json::Value) -> Setup {
    let script =
        "for i in 1 2 3; do echo out $i; echo err $i >&2; done; until [ -e /go ]; do sleep 0.1; done; echo out 4; echo done > result";
    Setup::new(script, properties).outputs(&["result"])
}

async fn printed_half(setup: &Setup) {
    setup.host.until("half of the output", |h| h.stdout().contains("out 3\n") && h.stderr().contains("err 3\n")).await;
}

#[tokio::test]
pub async fn docker_d21_another_host_goes_on_where_the_first_one_stopped() {
    let setup = halves(none());
    let running = setup.spawn();
    printed_half(&setup).await;
    let container = setup.containers();
    // The host dies: nothing is cleaned up, because nothing of it runs any more.
    let checkpoint = setup.host.checkpoints().first().cloned();
    assert_eq!(checkpoint, Some(json!({ "containerId": container[0], "stdout": 0, "stderr": 0 })));
    setup.host.cancel(CancelReason::Detach, Duration::ZERO);
    let outcome = running.await.unwrap().unwrap();
    assert!(outcome.detached);
    assert_eq!(setup.containers(), container);

    let second = Host::new();
    let (attached, _) = tokio::join!(setup.attach(setup.host.checkpoints().last().cloned(), &second), async {
        docker(&["exec", &container[0], "touch", "/go"]);
    });
    assert_eq!(ended(attached.unwrap()).exit_code, 0);
    assert_eq!((second.stdout().as_str(), second.stderr().as_str()), ("out 4\n", ""));
    assert_eq!(setup.read("result"), "done\n");
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d21_a_dead_host_is_followed_by_one_that_knows_what_it_has() {
    let setup = halves(none());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(crate::setup::runner().run(setup.request.clone(), setup.host.context()));
    printed_half(&setup).await;
    let container = setup.containers();
    // All of the first host's tasks vanish between two instructions.
    runtime.shutdown_background();

    // Its log had one line and a half of the output.
    let second = Host::after("out 1\nout".len() as u64, 0);
    let (attached, _) = tokio::join!(setup.attach(None, &second), async {
        docker(&["exec", &container[0], "touch", "/go"]);
    });
    assert_eq!(ended(attached.unwrap()).exit_code, 0);
    assert_eq!((second.stdout().as_str(), second.stderr().as_str()), (" 2\nout 3\nout 4\n", "err 1\nerr 2\nerr 3\n"));
    assert_eq!(second.detail("containerId"), Some(json!(container[0])));
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d22_a_container_that_was_never_started_is_discarded() {
    let setup = Setup::new("true", none());
    let label = format!("switchyard.run/key={}", setup.key());
    docker(&["create", "--label", &label, crate::setup::IMAGE, "true"]);
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d22_the_result_of_an_exited_container_is_collected() {
    let setup = Setup::new("echo out; echo kept > result; exit 6", json!({ "delete": false })).outputs(&["result"]);
    assert_eq!(setup.run().await.unwrap().exit_code, 6);
    std::fs::remove_file(setup.directory.path().join("result")).unwrap();
    let second = Host::new();
    assert_eq!(ended(setup.attach(None, &second).await.unwrap()).exit_code, 6);
    assert_eq!((second.stdout().as_str(), setup.read("result").as_str()), ("out\n", "kept\n"));
}

#[tokio::test]
pub async fn docker_d22_without_resume_the_container_is_removed() {
    let mut setup = Setup::new("sleep 1000", json!({ "wait": false }));
    setup.run().await.unwrap();
    setup.request.properties = json!({ "resume": false });
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_d22_nothing_left_means_gone() {
    let setup = Setup::new("true", none());
    let checkpoint = json!({ "containerId": "0123456789abcdef", "stdout": 0, "stderr": 0 });
    assert_eq!(setup.attach(Some(checkpoint), &Host::new()).await.unwrap(), Attached::Gone);
}

#[tokio::test]
pub async fn the_same_key_twice_is_one_container() {
    let setup = halves(none());
    let first = setup.spawn();
    printed_half(&setup).await;
    let container = setup.containers();
    // A second call for the same key finds the running container by its name and follows it from the beginning.
    let second = Host::new();
    let again = tokio::spawn(crate::setup::runner().run(setup.request.clone(), second.context()));
    second.until("the second host follows", |h| h.stdout().contains("out 3\n")).await;
    assert_eq!(setup.containers(), container);
    setup.host.cancel(CancelReason::Detach, Duration::ZERO);
    assert!(first.await.unwrap().unwrap().detached);
    docker(&["exec", &container[0], "touch", "/go"]);
    assert_eq!(again.await.unwrap().unwrap().exit_code, 0);
    assert_eq!(second.stdout(), "out 1\nout 2\nout 3\nout 4\n");
    setup.assert_gone();
}

#[tokio::test]
pub async fn a_left_over_of_the_same_key_is_replaced() {
    let setup = Setup::new("echo fresh", none());
    let (name, label) = (format!("switchyard-{}", setup.key()), format!("switchyard.run/key={}", setup.key()));
    docker(&["create", "--name", &name, "--label", &label, crate::setup::IMAGE, "true"]);
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "fresh\n");
    setup.assert_gone();
}

#[tokio::test]
pub async fn somebody_elses_container_of_that_name_is_left_alone() {
    let setup = Setup::new("true", none());
    let name = format!("switchyard-{}", setup.key());
    docker(&["create", "--name", &name, crate::setup::IMAGE, "true"]);
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "docker::name_taken");
    docker(&["rm", &name]);
}
