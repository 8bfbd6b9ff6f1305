//! Who the runner is.

use std::{process::Command, sync::LazyLock};

use serde_json::json;

use crate::setup::Setup;

/// A key of this test run; none is kept in the sources.
static KEY: LazyLock<String> = LazyLock::new(|| {
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output().unwrap();
    assert!(made.status.success(), "openssl makes no key: {}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap()
});

fn key(setup: &Setup) -> String {
    json!({
        "type": "service_account",
        "client_email": "runner@test.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": *KEY,
        "project_id": "test-project",
        "token_uri": format!("{}/token", setup.google.address()),
    })
    .to_string()
}

#[tokio::test]
async fn c15_a_key_becomes_a_token_and_names_project_and_account() {
    let setup = Setup::new("true").without("projectId");
    let text = key(&setup);
    let setup = setup.with("serviceAccount", json!(text)).with("delete", json!(false));
    setup.google.state().tokens.push("nothing else is accepted".into());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.google.asked("POST", "/token"), 1, "one token for all requests");
    let state = setup.google.state();
    assert_eq!(state.jobs.values().next().unwrap()["template"]["template"]["serviceAccount"], "runner@test.iam.gserviceaccount.com");
}

#[tokio::test]
async fn c15_impersonation_comes_last() {
    let setup = Setup::new("true");
    let text = key(&setup);
    let setup = setup.with("serviceAccount", json!(text)).with("impersonatedServiceAccount", json!("other@x.iam"));
    setup.google.state().tokens.push("nothing else is accepted".into());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.google.asked("POST", "generateAccessToken"), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let setup = Setup::new("true");
    let text = key(&setup);
    let setup = setup.with("serviceAccount", json!(text));
    setup.google.state().faults.push(("/jobs".into(), 1, 401));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.google.asked("POST", "/token"), 2);

    let setup = Setup::new("true").without("bucket");
    setup.google.state().faults.push(("/jobs".into(), 100, 401));
    assert_eq!(setup.run().await.unwrap_err().code, "google::unauthorized");
}

#[tokio::test]
async fn wrong_keys_are_named_without_being_shown() {
    for text in ["no json", "{}", r#"{"client_email":"a","private_key":"secret-words"}"#] {
        let setup = Setup::new("true").with("serviceAccount", json!(text));
        let error = setup.run().await.unwrap_err();
        assert_eq!(error.code, "google::invalid_credentials", "{text}: {error}");
        assert!(!error.to_string().contains("secret-words"), "{error}");
    }
}
