//! From create to delete: logs, results, kills.

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_plugin_api::{CancelReason, FailureReason, Phase};

use crate::{
    fake::{self, entry},
    setup::Setup,
};

const GRACE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn g8_late_entries_of_both_streams_and_forms_arrive_once() {
    let setup = Setup::new("unused").with("waitForLogInterval", json!("PT0.5S"));
    setup.google.state().stuck = Some("RUNNING");
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    let job = setup.job();
    let uid = setup.google.state().jobs[&job]["uid"].as_str().unwrap().to_owned();
    let log = |severity: &str, payload: Value| setup.google.log(&uid, entry(&uid, severity, payload));
    for number in 0..5000 {
        log("INFO", json!({ "textPayload": format!("line {number}") }));
    }
    for severity in ["ERROR", "CRITICAL", "ALERT", "EMERGENCY"] {
        log(severity, json!({ "textPayload": severity }));
    }
    log("WARNING", json!({ "jsonPayload": { "a": 1 } }));
    log("DEFAULT", json!({ "textPayload": "::{\"outputs\":{\"x\":1}}::" }));
    setup.host.until("output", |host| host.stdout().contains("line 4999")).await;
    setup.google.state().jobs.get_mut(&job).unwrap()["status"]["state"] = "SUCCEEDED".into();
    // After the end, as Cloud Logging does it.
    log("INFO", json!({ "textPayload": "late" }));
    log("INFO", json!({ "textPayload": "older", "timestamp": "2026-01-01T00:00:00.000000000Z" }));
    log("INFO", json!({ "textPayload": "of somebody else", "insertId": "1" }));
    log("INFO", json!({ "textPayload": "the same entry again", "insertId": "1" }));
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    let expected: String = (0..5000).map(|number| format!("line {number}\n")).collect();
    assert_eq!(setup.host.stdout(), format!("{expected}{{\"a\":1}}\n::{{\"outputs\":{{\"x\":1}}}}::\nlate\nof somebody else\nolder\n"));
    assert_eq!(setup.host.stderr(), "ERROR\nCRITICAL\nALERT\nEMERGENCY\n");
}

#[tokio::test]
async fn g9_exit_codes_are_those_of_the_command() {
    for (script, code) in [("true", 0), ("exit 3", 3), ("exit 255", 255)] {
        for numbers in [false, true] {
            let setup = Setup::new(script);
            setup.google.state().numbers = numbers;
            let outcome = setup.run().await.unwrap();
            assert_eq!((outcome.exit_code, outcome.reason), (code, None), "{script}");
            assert_eq!(setup.google.asked("DELETE", "/jobs/"), 1, "{script}");
            assert!(outcome.details["job"].is_string() && outcome.details["jobUid"].is_string());
            setup.assert_gone();
        }
    }
}

#[tokio::test]
async fn g9_the_services_own_limit_is_a_time_out() {
    let mut setup = Setup::new("sleep 100");
    setup.request.timeout_ms = Some(1000);
    // The host's own limit comes a little later than the service's.
    let setup = setup.with("completionCheckInterval", json!("PT5S"));
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::DeadlineExceeded), "{outcome:?}");
    setup.assert_gone();
}

#[tokio::test]
async fn g10_a_job_that_somebody_deletes_or_cancels_is_a_failure() {
    for action in ["delete", "cancel"] {
        let setup = Setup::new("echo ready; sleep 100").input("in", "");
        let running = setup.spawn();
        setup.host.until("output", |host| host.stdout().contains("ready")).await;
        match action {
            "delete" => fake::delete(&setup.google, &setup.job()),
            _ => fake::cancel(&setup.google, &setup.job()),
        };
        let outcome = running.await.unwrap().unwrap();
        assert_eq!((outcome.reason, outcome.exit_code == 0), (Some(FailureReason::KilledOutside), false), "{action}");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn g11_a_kill_deletes_once_and_a_finished_job_is_left_alone() {
    let setup = Setup::new("echo ready; sleep 100").input("in", "");
    let running = setup.spawn();
    setup.host.until("output", |host| host.stdout().contains("ready")).await;
    setup.host.cancel(CancelReason::Kill, GRACE);
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::Killed));
    assert!(outcome.exit_code != 0);
    setup.assert_gone();

    // With `delete: false` the work ends all the same.
    let setup = Setup::new("echo ready; sleep 100").with("delete", json!(false));
    let running = setup.spawn();
    setup.host.until("output", |host| host.stdout().contains("ready")).await;
    setup.host.cancel(CancelReason::Kill, GRACE);
    assert_eq!(running.await.unwrap().unwrap().reason, Some(FailureReason::Killed));
    assert_eq!((setup.google.asked("POST", ":cancel"), setup.google.asked("DELETE", "")), (1, 0));
    let job = setup.job();
    assert_eq!(setup.google.state().jobs[&job]["status"]["state"], "CANCELLED");

    let setup = Setup::new("true").with("delete", json!(false));
    setup.run().await.unwrap();
    setup.host.cancel(CancelReason::Kill, GRACE);
    assert_eq!((setup.google.asked("POST", ":cancel"), setup.google.asked("DELETE", "")), (0, 0));
}

#[tokio::test]
async fn g11_a_kill_ends_it_in_every_state() {
    for state in ["QUEUED", "SCHEDULED", "RUNNING"] {
        let setup = Setup::new("unused").input("in", "");
        setup.google.state().stuck = Some(state);
        let running = setup.spawn();
        setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
        setup.host.cancel(CancelReason::Kill, GRACE);
        assert_eq!(running.await.unwrap().unwrap().reason, Some(FailureReason::Killed), "{state}");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn g14_the_local_limit_deletes_the_job_and_is_reported() {
    let setup = Setup::new("unused").with("waitUntilCompletion", json!("PT0.3S")).input("in", "");
    // It waits for a machine, so the service's own limit does not begin.
    setup.google.state().stuck = Some("QUEUED");
    let outcome = setup.run().await.unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::DeadlineExceeded));
    assert!(outcome.exit_code != 0 && outcome.message.unwrap().contains("had not ended"));
    setup.assert_gone();
}

#[tokio::test]
async fn phases_and_the_services_words_are_told() {
    let mut setup = Setup::new("true").input("in", "");
    setup.request.files.outputs = vec!["*".into()];
    setup.run().await.unwrap();
    let events = format!("{:?}", setup.host.events());
    for phase in [Phase::StagingIn, Phase::Starting, Phase::Running, Phase::StagingOut] {
        assert!(events.contains(&format!("{phase:?}")), "{phase:?}: {events}");
    }
    assert!(events.contains("Job state is set from"), "{events}");
}
