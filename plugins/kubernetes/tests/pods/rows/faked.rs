//! Rows that need no kubelet: what the API server does, and what a simple kubelet can show.

use std::time::Duration;

use serde_json::json;
use switchyard_plugin_api::{Attached, CancelReason, FailureReason, Level, testkit::Host};

use crate::{
    fake::{Fake, Instead, Settings},
    setup::{Setup, none, runner},
};

fn retitled(setup: &Setup, key: &str) -> Setup {
    let mut other = Setup::new("", json!({}));
    other.request = setup.request.clone();
    other.request.task.key = key.to_owned();
    other
}

#[tokio::test]
async fn kube_k1_a_simple_task_costs_few_requests() {
    let fake = Fake::new().await;
    let setup = fake.setup("echo hello; sleep 0.3", none());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "hello\n");
    let asked: Vec<String> =
        fake.requests().iter().filter(|l| !l.contains("watch=true")).map(|l| l.split(' ').next().unwrap().to_owned()).collect();
    // The second GET makes sure of the log's end.
    assert_eq!(asked, ["POST", "GET", "GET", "DELETE"], "{:?}", fake.requests());
    assert_eq!(fake.count("watch=true"), 1);
    assert!(fake.requests().iter().any(|l| l.contains("fieldValidation=Strict")));
    assert!(fake.pods().is_empty());
}

#[tokio::test]
async fn kube_k2_k33_files_by_both_protocols() {
    for protocol in ["v4.channel.k8s.io", "v5.channel.k8s.io"] {
        let fake = Fake::with(Settings { protocol, ..Settings::default() }).await;
        let setup =
            fake.setup("cat in.txt; wc -c < big > size.txt; mkdir d; echo x > 'd/with space.csv'", none()).outputs(&["*.txt", "d/**"]);
        setup.write("in.txt", "brought\n");
        setup.write("big", vec![1; 3 << 20]);
        let outcome = setup.run().await;
        assert_eq!(outcome.unwrap().exit_code, 0, "{protocol}");
        assert_eq!(setup.host.stdout(), "brought\n", "{protocol}");
        assert_eq!((setup.read("size.txt").trim(), setup.read("d/with space.csv").as_str()), ((3 << 20).to_string().as_str(), "x\n"));
        assert_eq!(setup.host.warnings(), Vec::<String>::new());
        assert_eq!(fake.count("/exec?"), 2, "one transfer each way");
        assert!(fake.pods().is_empty());
    }
}

#[tokio::test]
async fn kube_k3_a_symlink_to_nowhere_travels() {
    let fake = Fake::new().await;
    let setup = fake.setup("true", none());
    std::os::unix::fs::symlink("/nowhere", setup.directory.path().join("in.txt")).unwrap();
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
}

#[tokio::test]
async fn kube_k4_a_failed_task_keeps_its_files() {
    let fake = Fake::new().await;
    let setup = fake.setup("echo kept > out.txt; exit 7", none()).outputs(&["out.txt"]);
    let outcome = setup.run().await.unwrap();
    assert_eq!((outcome.exit_code, outcome.message.as_deref()), (7, Some("container main ended with exit code 7")));
    assert_eq!(setup.read("out.txt"), "kept\n");
}

#[tokio::test]
async fn kube_k12_a_typo_is_told_before_anything_is_asked() {
    let fake = Fake::new().await;
    let error = fake.setup("true", json!({ "containerSpec": { "imagePullPolcy": "Always" } })).run().await.unwrap_err();
    assert_eq!(error.code, "kubernetes::unknown_field");
    assert!(
        error.message.contains("spec.containers[0].imagePullPolcy") && error.message.contains("did you mean imagePullPolicy?"),
        "{error}"
    );
    assert_eq!(fake.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn kube_k13_k34_what_may_pass_is_waited_for() {
    for (status, reason, message) in [
        (403, "Forbidden", r#"pods "x" is forbidden: exceeded quota: q, requested: pods=1"#),
        (409, "Conflict", "Operation cannot be fulfilled on resourcequotas: the object has been modified"),
        (500, "InternalError", "etcdserver: leader changed"),
        (503, "ServiceUnavailable", "apiserver is shutting down"),
        (403, "Forbidden", r#"pods "x" is forbidden: error looking up service account a/default: serviceaccount "default" not found"#),
    ] {
        let fake = Fake::new().await;
        fake.refuse("POST /api/v1/namespaces/default/pods", 2, status, reason, message);
        let setup = fake.setup("echo hello", none());
        assert_eq!(setup.run().await.unwrap().exit_code, 0, "{message}");
        assert_eq!(fake.count("POST"), 3, "{message}");
    }
}

#[tokio::test]
async fn kube_k13_a_quota_that_stays_full_is_an_error() {
    let fake = Fake::new().await;
    fake.refuse("POST", 1000, 403, "Forbidden", r#"pods "x" is forbidden: exceeded quota: q"#);
    let error = fake.setup("true", json!({ "scheduleTimeout": "PT0.3S" })).run().await.unwrap_err();
    assert_eq!(error.code, "kubernetes::quota_exceeded", "{error}");
}

#[tokio::test]
async fn kube_k34_a_lost_answer_makes_no_second_pod() {
    let fake = Fake::new().await;
    fake.instead("POST", 1, Instead::LoseAnswer);
    let setup = fake.setup("echo once", none());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!((setup.host.stdout().as_str(), fake.count("POST")), ("once\n", 2));
    assert!(fake.pods().is_empty());
}

#[tokio::test]
async fn kube_k34_somebody_elses_pod_is_left_alone() {
    let fake = Fake::new().await;
    let setup = fake.setup("true", none());
    let mut pod = setup.preview().await;
    pod["metadata"]["annotations"]["switchyard.run/key"] = "another".into();
    pod["metadata"]["uid"] = "u".into();
    fake.add(pod);
    assert_eq!(setup.run().await.unwrap_err().code, "kubernetes::name_taken");
    assert_eq!(fake.pods().len(), 1);
}

#[tokio::test]
async fn kube_k14_k16_a_log_that_breaks_at_any_byte_is_whole() {
    for log_bytes in [37, 61, 250] {
        let fake = Fake::with(Settings { log_bytes, ..Settings::default() }).await;
        let setup = fake.setup("echo one; printf ' two\\n\\nthree three\\n'; sleep 0.3; echo four; printf end", none());
        assert_eq!(setup.run().await.unwrap().exit_code, 0);
        assert_eq!(setup.host.stdout(), "one\n two\n\nthree three\nfour\nend", "{log_bytes}");
        assert_eq!(setup.host.warnings(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn kube_k14_a_log_that_the_server_ends_early_is_read_to_its_end() {
    // What an API server does whose own connection to the kubelet breaks: its answer ends like any other.
    let fake = Fake::with(Settings { manual: true, log_bytes: 61, log_ends_early: true, ..Settings::default() }).await;
    let setup = fake.setup("", none());
    let running = setup.spawn();
    fake.until(|| fake.count("POST") == 1 && !fake.pods().is_empty()).await;
    let main = |state: serde_json::Value| json!({ "status": { "phase": "Running", "containerStatuses": [{ "name": "main", "image": "busybox", "imageID": "", "ready": true, "restartCount": 0, "state": state }] } });
    for line in ["one", "two", "three", "four"] {
        fake.say(line);
    }
    fake.status(&main(json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } })));
    while fake.count("follow=true") == 0 {
        tokio::task::yield_now().await;
    }
    fake.status(&main(json!({ "terminated": { "exitCode": 0, "reason": "Completed" } })));
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "one\ntwo\nthree\nfour\n");
    assert_eq!(setup.host.warnings(), Vec::<String>::new());
}

#[tokio::test]
async fn kube_k16_a_node_with_another_clock_changes_nothing() {
    for skew in [-7200, 7200] {
        let fake = Fake::with(Settings { skew, log_bytes: 61, ..Settings::default() }).await;
        let setup = fake.setup("echo one; sleep 0.4; echo two; sleep 0.4; echo three", none());
        let running = setup.spawn();
        setup.host.until("it runs", |h| h.stdout().starts_with("one\n")).await;
        setup.host.cancel(CancelReason::Detach, Duration::ZERO);
        assert!(running.await.unwrap().unwrap().detached);
        let stored = setup.host.stdout();
        let host = Host::after(stored.len() as u64, 0);
        let Attached::Ended { outcome } = setup.attach(setup.host.checkpoints().last().cloned(), &host).await.unwrap() else {
            panic!("gone")
        };
        assert_eq!((outcome.exit_code, stored + &host.stdout()), (0, "one\ntwo\nthree\n".to_owned()), "{skew}");
    }
}

#[tokio::test]
async fn kube_k16_an_api_server_that_restarts_in_the_middle() {
    let mut fake = Fake::new().await;
    let setup = fake.setup("echo one; sleep 1.5; echo two; cp in.txt out.txt", none()).outputs(&["out.txt"]);
    setup.write("in.txt", "x");
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout().starts_with("one\n")).await;
    fake.restart(Duration::from_millis(700)).await;
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    assert_eq!((setup.host.stdout().as_str(), setup.read("out.txt").as_str()), ("one\ntwo\n", "x"));
    assert!(fake.pods().is_empty());
}

#[tokio::test]
async fn kube_k16_a_watch_that_missed_too_much_looks_again() {
    let fake = Fake::new().await;
    let setup = fake.setup("echo one; sleep 0.7; echo two", none());
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout().starts_with("one\n")).await;
    // Something happens that the watch does not see.
    fake.cut();
    fake.add(json!({ "metadata": { "name": "other", "labels": { "app.kubernetes.io/managed-by": "switchyard" } } }));
    fake.forget();
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "one\ntwo\n");
    assert!(fake.requests().iter().any(|l| l.starts_with("GET") && l.contains("pods?labelSelector")), "{:?}", fake.requests());
}

#[tokio::test]
async fn kube_k18_another_host_takes_over() {
    for with_checkpoint in [true, false] {
        let fake = Fake::new().await;
        let setup = fake.setup("echo one; sleep 0.6; echo two; exit 3", none());
        let running = setup.spawn();
        setup.host.until("it runs", |h| h.stdout().starts_with("one\n")).await;
        setup.host.cancel(CancelReason::Detach, Duration::ZERO);
        assert!(running.await.unwrap().unwrap().detached);
        let checkpoint = with_checkpoint.then(|| setup.host.checkpoints().last().cloned()).flatten();
        let host = Host::after(4, 0);
        let Attached::Ended { outcome } = setup.attach(checkpoint, &host).await.unwrap() else { panic!("gone") };
        assert_eq!((outcome.exit_code, host.stdout().as_str()), (3, "two\n"));
        assert!(fake.pods().is_empty());
    }
}

#[tokio::test]
async fn kube_k19_a_reported_pod_is_not_taken_for_a_new_result() {
    let fake = Fake::new().await;
    let setup = fake.setup("echo x", json!({ "delete": false }));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(fake.pods()[0]["metadata"]["annotations"]["kestra.io/result-reported"], "true");
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
    // The same attempt again replaces it, a later one has a pod of its own.
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let mut later = retitled(&setup, "execution-later-1");
    later.request.task.attempt = 1;
    assert_eq!(later.run().await.unwrap().exit_code, 0);
    assert_eq!(later.host.stdout(), "x\n");
}

#[tokio::test]
async fn kube_k20_a_pod_that_goes_is_noticed_at_once() {
    let fake = Fake::new().await;
    let setup = fake.setup("echo up; sleep 1000", none());
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout() == "up\n").await;
    fake.delete_all();
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.code, "kubernetes::pod_deleted");
    assert!(error.retryable() && error.message.contains("Failed (x2): something happened"), "{error}");
}

#[tokio::test]
async fn kube_k22_a_kill_removes_the_pod() {
    for grace in ["PT0S", "PT2S"] {
        let fake = Fake::new().await;
        let setup = fake.setup("echo up; sleep 1000", json!({ "killGracePeriod": grace }));
        let running = setup.spawn();
        setup.host.until("it runs", |h| h.stdout() == "up\n").await;
        setup.host.cancel(CancelReason::Kill, Duration::ZERO);
        let outcome = running.await.unwrap().unwrap();
        assert_eq!(outcome.reason, Some(FailureReason::Killed), "{grace}");
        assert!(fake.pods().is_empty());
    }
}

#[tokio::test]
async fn kube_k23_the_run_has_a_limit() {
    let fake = Fake::new().await;
    let error = fake.setup("sleep 1000", json!({ "waitUntilCompletion": "PT0.5S" })).run().await.unwrap_err();
    assert_eq!(error.code, "kubernetes::ran_too_long");
    assert!(fake.pods().is_empty());
}

#[tokio::test]
async fn kube_k26_refused_credentials_are_read_again() {
    let fake = Fake::new().await;
    fake.refuse("pods", 2, 401, "Unauthorized", "Unauthorized");
    let setup = fake.setup("echo hello", none());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "hello\n");
}

#[tokio::test]
async fn kube_k27_every_missing_right_is_named() {
    let no = |verb: &str, resource: &str| {
        format!(r#"{resource} is forbidden: User "u" cannot {verb} resource "{resource}" in API group "" in the namespace "default""#)
    };
    for (what, verb, resource) in
        [("watch=true", "watch", "pods"), ("POST /api/v1/namespaces/default/pods", "create", "pods"), ("/exec?", "create", "pods/exec")]
    {
        let fake = Fake::new().await;
        fake.refuse(what, 100, 403, "Forbidden", &no(verb, resource));
        let setup = fake.setup("true", none());
        setup.write("in.txt", "x");
        let error = setup.run().await.unwrap_err();
        assert_eq!(error.code, "kubernetes::forbidden", "{what}: {error}");
        assert!(error.message.starts_with(&format!("not allowed to {verb} {resource} in namespace default")), "{error}");
        assert!(fake.pods().is_empty());
    }
    // Without its log a task still has its result.
    let fake = Fake::new().await;
    fake.refuse("/log?", 100, 403, "Forbidden", &no("get", "pods/log"));
    let setup = fake.setup("exit 3", none());
    assert_eq!(setup.run().await.unwrap().exit_code, 3);
    assert!(setup.host.messages(Level::Warn)[0].contains("not allowed to get pods/log"));
}

#[tokio::test]
async fn kube_k31_a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let fake = Fake::new().await;
    fake.instead("POST", 1, Instead::Busy(1));
    let began = tokio::time::Instant::now();
    assert_eq!(fake.setup("true", none()).run().await.unwrap().exit_code, 0);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn kube_k31_a_thousand_pods_share_one_watch() {
    let fake = Fake::with(Settings { instant: true, ..Settings::default() }).await;
    let fast = json!({ "config": { "masterUrl": fake.setup("", none()).request.properties["config"]["masterUrl"], "oauthToken": "t", "requestsPerSecond": 100_000 } });
    let all: Vec<Setup> = (0..1000).map(|n| fake.setup(&n.to_string(), fast.clone())).collect();
    let running: Vec<_> = all.iter().map(Setup::spawn).collect();
    for (n, (setup, running)) in all.iter().zip(running).enumerate() {
        assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
        assert_eq!(setup.host.stdout(), format!("{n}\n"));
    }
    assert!(fake.pods().is_empty());
    assert_eq!((fake.count("watch=true"), fake.count("POST"), fake.count("/log?"), fake.count("DELETE")), (1, 1000, 1000, 1000));
}

#[tokio::test]
async fn kube_k32_a_server_that_is_not_there_is_named() {
    let properties = json!({ "config": { "masterUrl": "http://127.0.0.1:1" }, "namespace": "n" });
    let health = runner().health(properties).await.unwrap();
    assert!(!health.ok && health.message.contains("http://127.0.0.1:1"), "{health:?}");
}

#[tokio::test]
async fn health_tells_version_and_rights() {
    let fake = Fake::new().await;
    let health = runner().health(fake.setup("", none()).request.properties).await.unwrap();
    assert!(health.ok && health.message.starts_with("Kubernetes v1.33.0-fake at http://127.0.0.1"), "{health:?}");
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let fake = Fake::new().await;
    for what in ["watch=true", "POST", "/log?", "DELETE"] {
        fake.instead(what, 1, Instead::Break);
    }
    let setup = fake.setup("echo hello", none());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "hello\n");
    assert!(fake.pods().is_empty());
}
