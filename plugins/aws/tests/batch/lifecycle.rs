//! From submission to the end: results, logs, kills.

use std::time::Duration;

use serde_json::json;
use switchyard_plugin_api::{CancelReason, ErrorKind, FailureReason};

use crate::setup::{Setup, until};
use switchyard_cloud_api::fake::aws::Aws;

pub const GRACE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn b11_results_have_their_codes_and_reasons() {
    for (script, code) in [("true", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137)] {
        let setup = Setup::new(script);
        let outcome = setup.run().await.unwrap();
        assert_eq!((outcome.exit_code, outcome.reason), (code, None), "{script}");
        assert_eq!(outcome.details["exitCode"], code);
        assert!(code == 0 || outcome.message.unwrap().contains("Essential container in task exited"), "{script}");
        setup.assert_gone();
    }
    let mut setup = Setup::new("true");
    setup.request.command.image = Some("missing".into());
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.kind), ("aws_batch::image_pull_failed", ErrorKind::User));
    setup.assert_gone();
}

#[tokio::test]
async fn b11_the_end_of_a_container_for_files_is_explained() {
    // The container cannot reach a bucket of this name, though the host could.
    let setup = Setup::new("true").outputs(&["x"]).with("delete", json!(false));
    setup.aws.state().stuck = Some("RUNNABLE".into());
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    let id = setup.jobs().remove(0);
    setup.aws.log("out/stream", "fatal error: Access Denied");
    let containers = json!([{ "name": "main", "exitCode": 0 }, { "name": "outputFiles", "exitCode": 1, "logStreamName": "out/stream" }]);
    setup.aws.end_job(&id, "FAILED", json!({ "statusReason": "Essential container in task exited", "ecsProperties": { "taskProperties": [{ "containers": containers }] } }));
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.message.unwrap().contains("container outputFiles ended with exit code 1"));
    let told = format!("{:?}", setup.host.events());
    assert!(told.contains("outputFiles: fatal error: Access Denied"), "{told}");
}

#[tokio::test]
async fn b11_the_local_limit_ends_the_job_and_tells_its_state() {
    for (state, code) in [("RUNNABLE", 3), ("STARTING", 5), ("RUNNING", 2)] {
        let setup = Setup::new("true").with("waitUntilCompletion", json!("PT0.3S"));
        setup.aws.state().stuck = Some(state.into());
        let outcome = setup.run().await.unwrap();
        assert_eq!((outcome.exit_code, outcome.reason), (code, Some(FailureReason::DeadlineExceeded)), "{state}");
        assert!(outcome.message.unwrap().contains(state));
        assert_eq!(setup.aws.asked("terminatejob"), 1);
        setup.assert_gone();
    }
}

#[tokio::test]
async fn b11_a_job_that_waits_says_why() {
    let setup = Setup::new("true");
    setup.aws.state().stuck = Some("RUNNABLE".into());
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    let id = setup.jobs().remove(0);
    setup.aws.end_job(&id, "RUNNABLE", json!({ "statusReason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT" }));
    setup.host.until("reason", |host| host.warnings().iter().any(|warning| warning.contains("MISCONFIGURATION"))).await;
    setup.aws.end_job(&id, "FAILED", json!({ "statusReason": "Host EC2 (instance i-1) terminated." }));
    assert_eq!(running.await.unwrap().unwrap().reason, Some(FailureReason::Evicted));
}

#[tokio::test]
async fn b12_a_kill_terminates_once_and_a_finished_job_not_at_all() {
    let setup = Setup::new("echo ready; sleep 100");
    let running = setup.spawn();
    setup.host.until("output", |host| host.stdout().contains("ready")).await;
    setup.host.cancel(CancelReason::Kill, GRACE);
    let outcome = running.await.unwrap().unwrap();
    assert_eq!((outcome.reason, outcome.exit_code), (Some(FailureReason::Killed), 143));
    assert_eq!(setup.aws.asked("terminatejob"), 1);
    assert!(setup.aws.asked("deregisterjobdefinition") == 1);
    setup.assert_gone();

    // It ended a moment ago, which nobody has seen yet.
    let setup = Setup::new("true").with("completionCheckInterval", json!("PT60S"));
    setup.aws.state().stuck = Some("RUNNING".into());
    let running = setup.spawn();
    until("a look", || setup.aws.asked("describejobs") >= 1).await;
    setup.aws.end_job(&setup.jobs().remove(0), "SUCCEEDED", json!({}));
    setup.host.cancel(CancelReason::Kill, GRACE);
    assert_eq!(running.await.unwrap().unwrap().reason, Some(FailureReason::Killed));
    assert_eq!(setup.aws.asked("terminatejob"), 0);
}

#[tokio::test]
async fn b12_a_kill_before_the_submission_submits_nothing_and_leaves_nothing() {
    // During the upload, which does not get on.
    let setup = Setup::new("true");
    setup.write("input", "x");
    setup.aws.fault("s3.PUT", 1000, 503, "SlowDown");
    let running = setup.spawn();
    until("upload", || setup.aws.asked("s3.PUT") >= 1).await;
    setup.host.cancel(CancelReason::Kill, GRACE);
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(setup.aws.asked("submitjob"), 0);

    // While the queue is made.
    let setup = Setup::new("true").without("jobQueueArn");
    let running = setup.spawn();
    until("queue", || setup.aws.asked("createjobqueue") >= 1).await;
    setup.host.cancel(CancelReason::Kill, GRACE);
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(setup.aws.asked("submitjob"), 0);
    setup.assert_gone();
}

#[tokio::test]
async fn b12_an_error_at_any_step_leaves_nothing() {
    for (step, status) in [("registerjobdefinition", 400), ("createjobqueue", 400), ("describejobqueues", 400), ("submitjob", 400)] {
        let setup = Setup::new("true").without("jobQueueArn");
        setup.write("input", "x");
        setup.aws.fault(step, 1, status, "ClientException");
        let error = setup.run().await.unwrap_err();
        assert_eq!(error.code, "aws_batch::refused", "{step}: {error}");
        setup.assert_gone();
    }
}

#[tokio::test]
async fn somebody_else_ends_the_job() {
    let setup = Setup::new("echo ready; sleep 100");
    let running = setup.spawn();
    setup.host.until("output", |host| host.stdout().contains("ready")).await;
    setup.aws.end_job(&setup.jobs().remove(0), "FAILED", json!({ "isTerminated": true, "statusReason": "by an operator" }));
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.reason, Some(FailureReason::KilledOutside));
    assert!(outcome.exit_code != 0 && outcome.message.unwrap().contains("by an operator"));
}

#[tokio::test]
async fn b10_outputs_are_found_in_the_middle_of_a_line() {
    let setup = Setup::new(r#"printf 'text ::{"outputs":{"a":1}}::\n'; printf '10%%\r50%%\n'"#);
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "text \n::{\"outputs\":{\"a\":1}}::\n10%\n50%\n");
}

#[tokio::test]
async fn b18_late_lines_and_many_lines_arrive_once_in_order() {
    let setup = Setup::new("seq 1 10000");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let expected: String = (1..=10_000).map(|number| format!("{number}\n")).collect();
    assert!(setup.host.stdout() == expected);
    assert!(setup.host.times().is_sorted());

    // The stream appears only after the end, as ingestion goes.
    let setup = Setup::new("x").with("waitForLogInterval", json!("PT1S"));
    setup.aws.state().stuck = Some("RUNNABLE".into());
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    let id = setup.jobs().remove(0);
    setup.aws.state().late.insert("s/main/1".into());
    setup.aws.begin(&id, "s/main/1");
    (0..3000).for_each(|number| setup.aws.log("s/main/1", &format!("line {number}")));
    setup.aws.end_job(&id, "SUCCEEDED", json!({}));
    let reads = setup.aws.asked("logs.GetLogEvents");
    until("a read in vain", || setup.aws.asked("logs.GetLogEvents") > reads).await;
    setup.aws.state().late.clear();
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    let expected: String = (0..3000).map(|number| format!("line {number}\n")).collect();
    assert!(setup.host.stdout() == expected, "{}", setup.host.stdout().len());
}

#[tokio::test]
async fn every_attempt_of_a_job_has_its_log() {
    let setup = Setup::new("x").with("maxSpotAttempts", json!(2));
    setup.aws.state().stuck = Some("RUNNABLE".into());
    let running = setup.spawn();
    setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    let id = setup.jobs().remove(0);
    setup.aws.log("s/main/1", "first");
    setup.aws.begin(&id, "s/main/1");
    setup.host.until("the first attempt", |host| host.stdout() == "first\n").await;
    let first = json!([{ "taskProperties": [{ "containers": [{ "name": "main", "logStreamName": "s/main/1" }] }] }]);
    setup.aws.log("s/main/1", "its last words");
    setup.aws.log("s/main/2", "second");
    setup.aws.end_job(&id, "RUNNABLE", json!({ "attempts": first, "statusReason": "Host EC2 (instance i-1) terminated." }));
    setup.aws.begin(&id, "s/main/2");
    setup.aws.end_job(&id, "SUCCEEDED", json!({}));
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "first\nits last words\nsecond\n");
}

#[tokio::test]
async fn without_streaming_the_log_is_read_at_the_end() {
    let setup = Setup::new("echo one; echo two").with("streamLogs", json!(false));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "one\ntwo\n");
    assert_eq!(setup.aws.asked("logs.CreateLogGroup"), 1, "the group is made when nobody has");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b16_many_tasks_share_their_questions() {
    const TASKS: usize = 300;
    let aws = Aws::start();
    aws.state().stuck = Some("RUNNABLE".into());
    let setups: Vec<Setup> =
        (0..TASKS).map(|_| Setup::at(aws.clone(), "x").without("bucket").with("completionCheckInterval", json!("PT1S"))).collect();
    let running: Vec<_> = setups.iter().map(Setup::spawn).collect();
    for setup in &setups {
        setup.host.until("checkpoint", |host| !host.checkpoints().is_empty()).await;
    }
    // Until the pauses have grown.
    let whole = |aws: &Aws| aws.bodies("describejobs").iter().filter(|body| body["jobs"].as_array().unwrap().len() == 100).count();
    until("the pauses", || whole(&aws) >= 20).await;
    let (before, since) = (aws.asked("describejobs"), std::time::Instant::now());
    until("some intervals", || since.elapsed() > Duration::from_secs(3)).await;
    let asked = aws.asked("describejobs") - before;
    assert!(asked <= 3 * 4, "{asked} questions in three intervals and a bit");
    assert!(asked >= 3, "{asked}");
    let ids: Vec<String> = setups[0].jobs();
    ids.iter().for_each(|id| aws.end_job(id, "SUCCEEDED", json!({})));
    for one in running {
        assert_eq!(one.await.unwrap().unwrap().exit_code, 0);
    }
    assert_eq!(aws.asked("submitjob"), TASKS);
}
