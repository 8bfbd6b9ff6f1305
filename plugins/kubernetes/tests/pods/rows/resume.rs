//! Another host takes over.

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_plugin_api::{Attached, CancelReason, Phase, testkit::Host};

use crate::{
    cluster::Namespace,
    setup::{Setup, none},
};

/// Ends a host as `kill -9` does: nothing of it is asked, nothing cleaned up.
fn kill(running: tokio::task::JoinHandle<Result<switchyard_plugin_api::Outcome, switchyard_plugin_api::Error>>) {
    // A future that is dropped would delete its pod; a process that dies cannot.
    std::mem::forget(running);
}

/// A run in a process of its own, which can be killed.
struct Victim(std::thread::JoinHandle<()>, Host);

impl Victim {
    /// Runs until `when` holds, then stops as a whole: the runtime is left behind with everything on it asleep.
    fn until(setup: &Setup, when: impl Fn(&Host) -> bool + Send + 'static) -> Self {
        let (request, host) = (setup.request.clone(), setup.host.clone());
        let watcher = host.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let running = tokio::spawn(crate::setup::runner().run(request, watcher.context()));
                watcher.until("the moment of the kill", when).await;
                kill(running);
            });
            // Not dropped: dropping would run the destructors of all tasks.
            std::mem::forget(runtime);
        });
        Self(thread, host)
    }

    fn dead(self) -> Host {
        self.0.join().unwrap();
        self.1
    }
}

async fn take_over(setup: &Setup, dead: &Host, with_checkpoint: bool) -> (Host, i32) {
    let stored = dead.stdout().len() as u64;
    let host = Host::after(stored, 0);
    let checkpoint = with_checkpoint.then(|| dead.checkpoints().last().cloned()).flatten();
    match setup.attach(checkpoint, &host).await.unwrap() {
        Attached::Ended { outcome } => (host, outcome.exit_code),
        Attached::Gone => panic!("the pod was not found"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k18_a_host_that_dies_at_any_stage_is_replaced() {
    let namespace = Namespace::new();
    let command = "echo $(date +%s%N) >> $WORKING_DIR/runs; echo one; sleep 3; echo two; cp in.txt out.txt; exit 4";
    type When = fn(&Host) -> bool;
    let stages: [(&str, When); 4] = [
        ("created", |h| h.detail("podName").is_some()),
        ("uploading", |h| h.phases().contains(&Phase::StagingIn)),
        ("running", |h| h.stdout().contains("one\n")),
        ("downloading", |h| h.phases().contains(&Phase::StagingOut)),
    ];
    for with_checkpoint in [true, false] {
        let mut all = Vec::new();
        for (stage, when) in stages {
            let setup = namespace.setup(command, none()).outputs(&["out.txt", "runs"]);
            setup.write("in.txt", vec![b'x'; 3 << 20]);
            let victim = Victim::until(&setup, when);
            all.push((stage, setup, victim));
        }
        for (stage, setup, victim) in all {
            let dead = tokio::task::spawn_blocking(move || victim.dead()).await.unwrap();
            let (host, code) = take_over(&setup, &dead, with_checkpoint).await;
            let output = format!("{}{}", dead.stdout(), host.stdout());
            assert_eq!((output.as_str(), code), ("one\ntwo\n", 4), "{stage} {with_checkpoint}");
            assert_eq!((setup.read("out.txt").len(), setup.read("runs").lines().count()), (3 << 20, 1), "{stage} {with_checkpoint}");
        }
    }
    namespace.assert_empty();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k18_a_finished_pod_is_not_run_again() {
    let namespace = Namespace::new();
    let setup = namespace.setup("echo once", none());
    let dead = tokio::task::spawn_blocking({
        let victim = Victim::until(&setup, |h| h.detail("podName").is_some());
        move || victim.dead()
    })
    .await
    .unwrap();
    namespace.until("it has ended", |n| n.pod()["status"]["phase"] == "Succeeded").await;
    let (host, code) = take_over(&setup, &dead, true).await;
    assert_eq!((host.stdout().as_str(), code), ("once\n", 0));
    let again = setup.attach(None, &Host::new()).await.unwrap();
    assert_eq!(again, Attached::Gone);
    namespace.assert_empty();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k18_a_later_attempt_takes_over_a_pod_that_still_runs() {
    let namespace = Namespace::new();
    let mut setup = namespace.setup("echo one; sleep 4; echo two", none());
    let dead = tokio::task::spawn_blocking({
        let victim = Victim::until(&setup, |h| h.stdout().starts_with("one\n"));
        move || victim.dead()
    })
    .await
    .unwrap();
    setup.request.task.attempt = 1;
    setup.request.task.key = setup.request.task.key.trim_end_matches("-0").to_owned() + "-1";
    setup.host = Host::new();
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(dead.stdout().starts_with("one\n"));
    assert_eq!(setup.host.stdout(), "one\ntwo\n");
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k19_without_resume_the_old_pod_goes() {
    let namespace = Namespace::new();
    let mut setup = namespace.setup("echo up; sleep 1000", none());
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout() == "up\n").await;
    setup.host.cancel(CancelReason::Detach, Duration::ZERO);
    let outcome = running.await.unwrap().unwrap();
    assert!(outcome.detached);
    assert_eq!(namespace.pods().len(), 1);
    setup.request.properties["resume"] = json!(false);
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
    namespace.assert_empty();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k22_a_resumed_pod_can_be_killed() {
    let namespace = Namespace::new();
    let setup = namespace.setup("echo up; sleep 1000", json!({ "killGracePeriod": "PT0S" }));
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout() == "up\n").await;
    setup.host.cancel(CancelReason::Detach, Duration::ZERO);
    assert!(running.await.unwrap().unwrap().detached);
    let host = Host::new();
    let checkpoint: Option<Value> = setup.host.checkpoints().last().cloned();
    host.cancel(CancelReason::Kill, Duration::ZERO);
    let Attached::Ended { outcome } = setup.attach(checkpoint, &host).await.unwrap() else { panic!("gone") };
    assert_eq!(outcome.reason, Some(switchyard_plugin_api::FailureReason::Killed));
    namespace.assert_empty();
}
