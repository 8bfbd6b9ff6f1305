//! From create to delete: results, kills, restarts, faults.

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_plugin_api::{Attached, CancelReason, ErrorKind, FailureReason, testkit::Host};

use switchyard_cloud_api::fake::google::{BUCKET, PROJECT, REGION};

use crate::{
    fake::entry,
    setup::{Setup, runner},
};

const GRACE: Duration = Duration::from_secs(5);

fn ended(attached: Attached) -> i32 {
    match attached {
        Attached::Ended { outcome } => outcome.exit_code,
        Attached::Gone => panic!("nothing was found"),
    }
}

#[tokio::test]
async fn c4_relative_and_absolute_paths_work_and_outputs_come_back() {
    let mut setup = Setup::new("cat in.txt $WORKING_DIR/deep/in.txt > out.txt; cp out.txt $OUTPUT_DIR/copy.txt; echo left > other");
    setup.request.files.outputs = vec!["out.txt".into()];
    setup.request.files.output_dir = Some("outputs".into());
    let folder = setup.directory.path();
    std::fs::create_dir_all(folder.join("deep")).unwrap();
    std::fs::write(folder.join("in.txt"), "one\n").unwrap();
    std::fs::write(folder.join("deep/in.txt"), "two\n").unwrap();
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.exit_code, 0, "{}", setup.host.stderr());
    for name in ["out.txt", "outputs/copy.txt"] {
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), "one\ntwo\n", "{name}");
    }
    assert!(!folder.join("other").exists(), "what nobody asked for stays away");
    setup.assert_gone();
}

#[tokio::test]
async fn c6_c9_three_results_and_nothing_is_left() {
    for (script, code) in [("true", 0), ("exit 3", 3), ("exit 255", 255)] {
        let setup = Setup::new(script);
        let outcome = setup.run().await.unwrap();
        assert_eq!((outcome.exit_code, outcome.reason), (code, None), "{script}");
        assert_eq!(setup.google.asked("DELETE", "/jobs/"), 1, "{script}");
        assert!(outcome.details["execution"].is_string());
        setup.assert_gone();
    }
    // Somebody else cancels it.
    let setup = Setup::new("echo ready; sleep 100");
    let running = setup.spawn();
    setup.host.until("output", |host| host.stdout().contains("ready")).await;
    let name = setup.google.state().executions.keys().next().unwrap().clone();
    setup.google.state().executions.get_mut(&name).unwrap().as_object_mut().unwrap().extend(
        json!({ "runningCount": 0, "cancelledCount": 1, "conditions": [{ "type": "Completed", "message": "by an operator" }] })
            .as_object()
            .unwrap()
            .clone(),
    );
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::KilledOutside));
    assert!(outcome.exit_code != 0 && outcome.message.unwrap().contains("by an operator"));
}

#[tokio::test]
async fn c7_a_kill_cancels_once_and_a_finished_execution_not_at_all() {
    let setup = Setup::new("echo ready; sleep 100");
    let running = setup.spawn();
    setup.host.until("output", |host| host.stdout().contains("ready")).await;
    setup.host.cancel(CancelReason::Kill, GRACE);
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::Killed));
    assert_eq!(setup.google.asked("POST", ":cancel"), 1);
    setup.assert_gone();

    let setup = Setup::new("true");
    setup.run().await.unwrap();
    setup.host.cancel(CancelReason::Kill, GRACE);
    assert_eq!(setup.google.asked("POST", ":cancel"), 0);
}

#[tokio::test]
async fn c8_a_running_execution_is_adopted_with_its_log_and_a_finished_one_is_not() {
    let setup = Setup::new("echo one; until test -e go; do sleep 0.05; done; echo two; exit 4");
    let running = setup.spawn();
    setup.host.until("output", |host| host.stdout().contains("one")).await;
    setup.host.cancel(CancelReason::Detach, GRACE);
    assert!(running.await.unwrap().unwrap().detached);
    let checkpoint = setup.host.checkpoints().last().cloned();
    assert_eq!(setup.google.asked("DELETE", "/jobs/"), 0, "the work goes on");

    let second = Host::new();
    let (attached, ()) = tokio::join!(setup.attach(checkpoint.clone(), &second), async {
        second.until("output", |host| host.stdout().contains("one")).await;
        let folder = std::fs::read_dir(setup.google.mount()).unwrap().next().unwrap().unwrap().path();
        std::fs::write(folder.join("go"), "").unwrap();
    });
    assert_eq!(ended(attached.unwrap()), 4);
    assert_eq!(second.stdout(), "one\ntwo\n", "a host that has nothing gets the whole log");
    assert_eq!(setup.google.state().created.len(), 1, "nothing was started twice");
    setup.assert_gone();
    assert_eq!(setup.attach(checkpoint, &Host::new()).await.unwrap(), Attached::Gone);

    // Without a checkpoint only what still runs is adopted.
    let setup = Setup::new("exit 2").with("delete", json!(false));
    setup.run().await.unwrap();
    assert_eq!(setup.attach(None, &Host::new()).await.unwrap(), Attached::Gone);
}

#[tokio::test]
async fn c8_without_resume_nothing_is_adopted() {
    let setup = Setup::new("sleep 100");
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    let mut other = setup.request.clone();
    other.properties["resume"] = json!(false);
    let context = Host::new().context();
    assert_eq!(runner().attach(other, None, context).await.unwrap(), Attached::Gone);
    setup.host.cancel(CancelReason::Kill, GRACE);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn c9_without_delete_everything_stays() {
    let setup = Setup::new("exit 1").with("delete", json!(false));
    assert_eq!(setup.run().await.unwrap().exit_code, 1);
    assert_eq!(setup.google.asked("DELETE", ""), 0);
    assert_eq!(setup.google.state().jobs.len(), 1);
}

#[tokio::test]
async fn c12_a_name_that_is_taken_gets_a_suffix_and_what_is_forbidden_is_explained() {
    let setup = Setup::new("echo works");
    setup.google.state().faults.push(("/jobs".into(), 1, 409));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let created = setup.google.state().created.clone();
    assert!(created.len() == 1 && created[0].ends_with("-1"), "{created:?}");

    for (status, code, kind) in [
        (403, "google::forbidden", ErrorKind::User),
        (404, "google::not_found", ErrorKind::Environment),
        (400, "google::refused", ErrorKind::User),
    ] {
        let setup = Setup::new("true").without("bucket");
        setup.google.state().faults.push(("/jobs".into(), 100, status));
        let error = setup.run().await.unwrap_err();
        assert_eq!((error.code.as_str(), error.kind), (code, kind), "{error}");
        assert!(error.help.is_some() && error.message.contains("as the test asked for"), "{error}");
    }
}

#[tokio::test]
async fn services_that_stumble_are_asked_again() {
    let setup = Setup::new("echo works");
    for part in ["/jobs", "/executions/", "entries:list", "/o"] {
        setup.google.state().faults.push((part.into(), 1, 503));
    }
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "works\n");
    setup.assert_gone();
}

#[tokio::test]
async fn c13_late_entries_of_both_streams_and_forms_arrive_once() {
    let setup = Setup::new("unused").with("waitForLogInterval", json!("PT0.5S"));
    setup.google.state().stuck = true;
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    let name = setup.google.state().executions.keys().next().unwrap().clone();
    let id = name.rsplit('/').next().unwrap().to_owned();
    let job = setup.google.state().created[0].clone();
    for number in 0..2500 {
        setup.google.log(&id, entry(&job, &id, "stdout", json!({ "textPayload": format!("line {number}") })));
    }
    setup.google.log(&id, entry(&job, &id, "stderr", json!({ "textPayload": "wrong" })));
    setup.google.log(&id, entry(&job, &id, "stdout", json!({ "jsonPayload": { "a": 1 } })));
    setup.host.until("output", |host| host.stdout().contains("line 2499")).await;
    setup
        .google
        .state()
        .executions
        .get_mut(&name)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .extend(json!({ "runningCount": 0, "succeededCount": 1 }).as_object().unwrap().clone());
    // After the end, as Cloud Logging does it.
    setup.google.log(&id, entry(&job, &id, "stdout", json!({ "textPayload": "late" })));
    setup.google.log(&id, entry(&job, &id, "stdout", json!({ "textPayload": "older", "timestamp": "2026-01-01T00:00:00.000000000Z" })));
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    let expected: String = (0..2500).map(|number| format!("line {number}\n")).collect();
    assert_eq!(setup.host.stdout(), format!("{expected}{{\"a\":1}}\nlate\nolder\n"));
    assert_eq!(setup.host.stderr(), "wrong\n");
}

#[tokio::test]
async fn c14_the_local_limit_cancels_and_is_reported() {
    let setup = Setup::new("sleep 100").with("waitUntilCompletion", json!("PT0.3S"));
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::DeadlineExceeded));
    assert!(outcome.exit_code != 0 && outcome.message.unwrap().contains("was cancelled"));
    assert_eq!(setup.google.asked("POST", ":cancel"), 1);
    setup.assert_gone();
}

#[tokio::test]
async fn the_fake_speaks_of_the_places_that_were_named() {
    let setup = Setup::new("true");
    setup.run().await.unwrap();
    let requests: Vec<String> = setup.google.state().requests.clone();
    assert!(requests.iter().any(|line| line == &format!("POST /v2/projects/{PROJECT}/locations/{REGION}/jobs")), "{requests:?}");
    assert!(requests.iter().any(|line| line.starts_with(&format!("POST /upload/storage/v1/b/{BUCKET}/o"))), "{requests:?}");
    let _: Value = setup.google.config();
}
