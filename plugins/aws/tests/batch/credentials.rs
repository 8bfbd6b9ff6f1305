//! Who signs.

use serde_json::json;
use switchyard_plugin_api::ErrorKind;

use crate::setup::{Setup, runner};
use switchyard_cloud_api::fake::aws::{KEY, REGION};

const ROLE: &str = "arn:aws:iam::123456789012:role/worker";

#[tokio::test]
async fn b17_static_keys_sign_and_a_role_comes_before_them() {
    let setup = Setup::new("true");
    setup.run().await.unwrap();
    assert!(setup.aws.state().signers.iter().all(|(_, key)| key == KEY));

    let setup = Setup::new("true").with("stsRoleArn", json!(ROLE)).with("stsRoleSessionName", json!("night"));
    setup.write("input", "x");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let state = setup.aws.state();
    assert_eq!(
        state.signers.iter().filter(|(operation, _)| operation == "sts.AssumeRole").map(|(_, key)| key.as_str()).collect::<Vec<_>>(),
        [KEY]
    );
    let others: Vec<_> =
        state.signers.iter().filter(|(operation, key)| operation != "sts.AssumeRole" && !key.starts_with("ASIA")).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(state.signers.iter().any(|(operation, _)| operation == "s3.PUT"));
}

#[tokio::test]
async fn b17_a_session_token_belongs_to_its_keys() {
    let setup = Setup::new("true");
    setup.aws.state().keys.insert("ASIAOWN".into(), ("s".into(), Some("t/+=".into())));
    let setup = setup.with("accessKeyId", json!("ASIAOWN")).with("secretKeyId", json!("s")).with("sessionToken", json!("t/+="));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
}

#[tokio::test]
async fn b17_a_session_that_is_over_is_renewed_once() {
    let setup = Setup::new("true").with("stsRoleArn", json!(ROLE));
    setup.aws.fault("describejobs", 1, 403, "ExpiredTokenException");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.aws.asked("sts.AssumeRole"), 2);

    // Keys of the flow cannot be renewed.
    let setup = Setup::new("true");
    setup.aws.fault("registerjobdefinition", 1, 403, "ExpiredTokenException");
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.kind), ("aws_batch::expired_credentials", ErrorKind::User));
    assert!(error.help.unwrap().contains("sessionToken"));
}

#[tokio::test]
async fn b17_an_external_id_and_a_role_that_is_refused() {
    let setup = Setup::new("true").with("stsRoleArn", json!(format!("{ROLE}/external"))).with("stsRoleExternalId", json!("x-1"));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    let setup = Setup::new("true").with("stsRoleArn", json!(format!("{ROLE}/external")));
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("aws_batch::forbidden", Some("/stsRoleArn")));
    assert!(error.help.unwrap().contains("sts:AssumeRole"));
}

#[tokio::test]
async fn wrong_keys_are_told_without_being_shown() {
    for (id, secret, code) in [
        (KEY, "NOT-THE-SECRET", "unauthorized"),
        ("AKIDNOBODY", "NOT-THE-SECRET", "unauthorized"),
        ("A\nB", "NOT-THE-SECRET", "invalid_credentials"),
        ("", "NOT-THE-SECRET", "invalid_credentials"),
    ] {
        let setup = Setup::new("true").with("accessKeyId", json!(id)).with("secretKeyId", json!(secret));
        let error = setup.run().await.unwrap_err();
        assert_eq!(error.code, format!("aws_batch::{code}"), "{error}");
        assert!(!error.to_string().contains("NOT-THE-SECRET") && error.help.is_some(), "{error}");
    }
}

#[tokio::test]
async fn health_names_every_right_that_is_missing() {
    let setup = Setup::new("true");
    let health = runner().health(setup.request.properties.clone()).await.unwrap();
    assert!(health.ok, "{}", health.message);
    assert!(health.message.contains(REGION));
    assert_eq!((&health.facts["identity"], &health.facts["platform"]), (&json!("arn:aws:iam::123456789012:user/test"), &json!("FARGATE")));

    let refuse = |operation: &str| setup.aws.fault(operation, 1, 403, "AccessDeniedException");
    ["describejobs", "listjobs", "logs.DescribeLogGroups"].into_iter().for_each(refuse);
    let health = runner().health(setup.request.properties.clone()).await.unwrap();
    assert!(!health.ok);
    for what in ["looking at the jobs", "looking for the job", "looking for the log group"] {
        assert!(health.message.contains(what), "{what}: {}", health.message);
    }
    let setup = setup.with("secretKeyId", json!("wrong"));
    let health = runner().health(setup.request.properties.clone()).await.unwrap();
    assert!(!health.ok && health.message.contains("accessKeyId"), "{}", health.message);
}
