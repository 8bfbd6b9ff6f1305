//! Services that stumble.

use serde_json::json;
use switchyard_plugin_api::ErrorKind;

use crate::setup::Setup;

#[tokio::test]
async fn b15_jobs_that_are_not_known_yet_and_services_that_stumble_do_not_fail_a_task() {
    let setup = Setup::new("echo works; cp \"$WORKING_DIR/input\" \"$WORKING_DIR/out\"").outputs(&["out"]);
    setup.write("input", "x");
    setup.aws.state().hidden = 3;
    for (operation, status, name) in [
        ("describecomputeenvironments", 429, "TooManyRequestsException"),
        ("registerjobdefinition", 500, "ServerException"),
        ("submitjob", 429, "TooManyRequestsException"),
        ("describejobs", 503, "ServiceUnavailable"),
        ("logs.GetLogEvents", 400, "ThrottlingException"),
        ("s3.PUT", 503, "SlowDown"),
        ("s3.GET", 500, "InternalError"),
        ("deregisterjobdefinition", 500, "ServerException"),
    ] {
        setup.aws.fault(operation, 1, status, name);
    }
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!((setup.host.stdout(), setup.read("out")), ("works\n".to_owned(), b"x".to_vec()));
    assert_eq!(setup.aws.state().jobs.len(), 1);
    setup.assert_gone();
}

#[tokio::test]
async fn b15_a_lost_answer_never_submits_twice() {
    let setup = Setup::new("echo once");
    setup.aws.state().lost.push(("submitjob".into(), 1));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!((setup.aws.asked("submitjob"), setup.aws.state().jobs.len()), (1, 1), "Batch was asked whether it took the job");
    setup.assert_gone();

    // It was not taken.
    let setup = Setup::new("echo once");
    setup.aws.fault("submitjob", 1, 500, "ServerException");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!((setup.aws.asked("submitjob"), setup.aws.state().jobs.len()), (2, 1));
}

#[tokio::test]
async fn what_cannot_be_removed_is_told_and_fails_nothing() {
    let setup = Setup::new("true");
    setup.write("input", "x");
    setup.aws.fault("deregisterjobdefinition", 1, 403, "AccessDeniedException");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert!(
        setup.host.warnings().iter().any(|warning| warning.contains("left on AWS") && warning.contains("AccessDenied")),
        "{:?}",
        setup.host.warnings()
    );
    assert!(setup.aws.state().objects.is_empty(), "the rest is removed");
}

#[tokio::test]
async fn a_log_that_may_not_be_read_fails_nothing() {
    let setup = Setup::new("echo x; exit 3");
    setup.aws.fault("logs.GetLogEvents", 1000, 403, "AccessDeniedException");
    assert_eq!(setup.run().await.unwrap().exit_code, 3);
    let warnings = setup.host.warnings();
    assert_eq!(warnings.iter().filter(|warning| warning.contains("The rest of the log is not shown")).count(), 1, "{warnings:?}");
    setup.assert_gone();
}

#[tokio::test]
async fn a_job_that_nobody_may_look_at_is_ended() {
    let setup = Setup::new("sleep 100");
    setup.aws.fault("describejobs", 1000, 403, "AccessDeniedException");
    assert_eq!(setup.run().await.unwrap_err().code, "aws_batch::forbidden");
    assert_eq!(setup.aws.asked("terminatejob"), 1);
    setup.assert_gone();
}

#[tokio::test]
async fn nobody_listens() {
    let setup = Setup::new("true").with("endpointOverride", json!("http://127.0.0.1:9"));
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.kind), ("aws_batch::unreachable", ErrorKind::Environment));
    assert!(error.message.contains("looking at the compute environment") && error.help.is_some(), "{error}");
}
