//! Services that stumble, refuse, or forget; who the runner is; what it lacks.

use std::{process::Command, sync::LazyLock};

use serde_json::json;
use switchyard_plugin_api::ErrorKind;

use crate::setup::{Setup, runner};

#[tokio::test]
async fn g13_services_that_stumble_are_asked_again() {
    let setup = Setup::new("echo works").input("in", "");
    for part in ["/jobs", "entries:list", "/o", "/upload/"] {
        setup.google.state().faults.push((part.into(), 1, 503));
    }
    setup.google.state().faults.push(("/jobs".into(), 1, 429));
    setup.google.state().unknown = 2;
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "works\n");
    assert_eq!(setup.google.state().created.len(), 1);
    setup.assert_gone();
}

#[tokio::test]
async fn g13_a_lost_answer_makes_no_second_job() {
    let setup = Setup::new("echo works");
    setup.google.state().lost = 2;
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "works\n");
    assert_eq!(setup.google.state().created.len(), 1);
    setup.assert_gone();
}

/// A key of this test run; none is kept in the sources.
static KEY: LazyLock<String> = LazyLock::new(|| {
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output().unwrap();
    assert!(made.status.success(), "openssl makes no key: {}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap()
});

fn with_key(setup: Setup) -> Setup {
    let key = json!({
        "type": "service_account",
        "client_email": "runner@test.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": *KEY,
        "project_id": "test-project",
        "token_uri": format!("{}/token", setup.google.address()),
    });
    setup.google.state().tokens.push("nothing else is accepted".into());
    setup.with("serviceAccount", json!(key.to_string()))
}

#[tokio::test]
async fn g13_g16_a_key_becomes_a_token_that_is_renewed_once_and_lent_last() {
    let setup = with_key(Setup::new("true")).without("projectId");
    setup.google.state().faults.push(("/jobs".into(), 1, 401));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.google.asked("POST", "/token"), 2);

    let setup = with_key(Setup::new("true")).with("impersonatedServiceAccount", json!("other@x.iam"));
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!((setup.google.asked("POST", "/token"), setup.google.asked("POST", "generateAccessToken")), (1, 1));

    let setup = Setup::new("true");
    setup.google.state().faults.push(("/jobs".into(), 100, 401));
    assert_eq!(setup.run().await.unwrap_err().code, "google::unauthorized");
}

#[tokio::test]
async fn what_is_refused_is_explained() {
    for (status, code, kind) in [
        (403, "google::forbidden", ErrorKind::User),
        (404, "google::not_found", ErrorKind::Environment),
        (400, "google::refused", ErrorKind::User),
    ] {
        let setup = Setup::new("true").input("in", "");
        setup.google.state().faults.push(("/jobs".into(), 100, status));
        let error = setup.run().await.unwrap_err();
        assert_eq!((error.code.as_str(), error.kind), (code, kind), "{error}");
        assert!(error.help.is_some() && error.message.contains("as the test asked for"), "{error}");
        setup.google.state().faults.clear();
        setup.assert_gone();
    }
    for (image, argv, code) in [(None, "true", "gcp_batch::image_required"), (Some("ubuntu"), "a\0b", "gcp_batch::nul_character")] {
        let mut setup = Setup::new(argv);
        setup.request.command.image = image.map(str::to_owned);
        assert_eq!(setup.run().await.unwrap_err().code, code);
    }
    let mut setup = Setup::new("x");
    setup.request.command.argv.clear();
    assert_eq!(setup.run().await.unwrap_err().code, "gcp_batch::empty_command");
}

#[test]
fn health_names_each_permission_that_is_missing() {
    // `health` is not told the configuration, so it is asked in a process with an environment of its own.
    if std::env::var_os("SWITCHYARD_GCP_BATCH_ENDPOINT").is_some() {
        let properties = json!({ "projectId": "test-project", "region": "europe-west1", "bucket": "test-bucket" });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let health = runtime.block_on(runner().health(properties)).unwrap();
        println!("HEALTH {} {}", health.ok, health.message);
        return;
    }
    let setup = Setup::new("x");
    let ask = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "trouble::health_names_each_permission_that_is_missing", "--nocapture"]);
        for name in ["ENDPOINT", "STORAGE_ENDPOINT", "RESOURCE_MANAGER_ENDPOINT"] {
            child.env(format!("SWITCHYARD_GCP_BATCH_{name}"), setup.google.address());
        }
        let said = String::from_utf8(child.output().unwrap().stdout).unwrap();
        said.split("HEALTH ").nth(1).unwrap_or_else(|| panic!("{said}")).lines().next().unwrap().to_owned()
    };
    assert_eq!(ask(), "true Google Batch answers in europe-west1");
    setup.google.state().forbidden = vec!["batch.jobs.create".into(), "storage.objects.delete".into()];
    assert_eq!(
        ask(),
        "false the runner's account lacks batch.jobs.create in project test-project, storage.objects.delete in bucket test-bucket"
    );
    // That may be granted on one account only.
    setup.google.state().forbidden = vec!["iam.serviceAccounts.actAs".into()];
    assert_eq!(ask(), "true Google Batch answers in europe-west1");
    setup.google.state().forbidden.clear();
    // Who may not ask for permissions may still have them.
    setup.google.state().faults.push((":testIamPermissions".into(), 1, 403));
    assert_eq!(ask(), "true Google Batch answers in europe-west1");
    setup.google.state().faults.push(("/jobs".into(), 1, 403));
    assert!(ask().starts_with("false while asking for the jobs Google answered 403"));
}
