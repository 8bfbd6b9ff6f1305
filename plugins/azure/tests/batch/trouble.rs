//! Services that stumble, refuse, or are full; keys that are wrong; pools that cannot run anything.

use serde_json::json;
use switchyard_plugin_api::ErrorKind;

use crate::setup::{Setup, runner};

#[tokio::test]
async fn z15_services_that_stumble_are_asked_again() {
    let setup = Setup::new("echo works > out; echo works").input("in", "").outputs(&["out"]);
    for (part, status, code) in [
        ("PUT ", 503, "ServerBusy"),
        ("POST /jobs", 429, "TooManyRequests"),
        ("addtaskcollection", 503, "ServerBusy"),
        ("stdout.txt", 500, "InternalError"),
    ] {
        setup.azure.state().faults.push((part.into(), 1, status, code.into()));
    }
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "works\n");
    assert_eq!((setup.made("job"), setup.made("task")), (1, 1));
    setup.assert_gone();
}

#[tokio::test]
async fn z15_lost_answers_make_no_second_job() {
    let setup = Setup::new("echo works");
    setup.azure.state().lost = 1;
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    // The answer about the task.
    let setup = Setup::new("echo works");
    let running = setup.spawn();
    setup.until("the job", |setup| setup.made("job") == 1).await;
    setup.azure.state().lost = 1;
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "works\n");
    assert_eq!((setup.made("job"), setup.made("task")), (1, 1));
    setup.assert_gone();
}

#[tokio::test]
async fn z15_a_full_account_is_waited_for_and_a_kill_ends_that() {
    let setup = Setup::new("echo works");
    let full = ("POST /jobs".to_owned(), 3, 409, "ActiveJobAndScheduleQuotaReached".to_owned());
    setup.azure.state().faults.push(full.clone());
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.warnings().iter().filter(|words| words.contains("waits for other jobs")).count(), 1);

    let setup = Setup::new("true").input("in", "");
    setup.azure.state().faults.push((full.0, u32::MAX, full.2, full.3));
    let running = setup.spawn();
    setup.host.until("the warning", |host| !host.warnings().is_empty()).await;
    setup.host.cancel(switchyard_plugin_api::CancelReason::Kill, std::time::Duration::from_secs(5));
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
    setup.assert_gone();
}

#[tokio::test]
async fn z3_z15_wrong_keys_and_clocks_are_named_at_once() {
    let setup = Setup::new("true").with("accessKey", json!("d3Jvbmc="));
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.kind), ("azure::unauthorized", ErrorKind::User));
    assert_eq!(setup.azure.asked("POST", "/jobs"), 1, "a wrong signature stays wrong");

    let setup = Setup::new("true");
    setup.azure.state().ahead = 3600;
    let error = setup.run().await.unwrap_err();
    assert!(error.code == "azure::clock" && error.message.contains("behind"), "{error}");

    for (name, value, code) in [
        ("accessKey", json!("no base64!"), "azure::invalid_key"),
        ("account", json!(null), "azure::no_account"),
        ("blobStorage", json!({ "containerName": "c", "connectionString": "words" }), "azure::storage_account"),
    ] {
        let setup = Setup::new("true").with(name, value);
        let error = setup.run().await.unwrap_err();
        assert!(error.code == code && error.property.is_some() && error.help.is_some(), "{name}: {error}");
        assert!(!error.to_string().contains("words"), "{error}");
    }
    // The storage's key is another one.
    let setup = Setup::new("true").input("in", "");
    let wrong = setup.azure.connection_string().replace("AccountKey=Zm", "AccountKey=Zn");
    let setup = setup.with("blobStorage", json!({ "containerName": "flows", "connectionString": wrong }));
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.property.as_deref()), ("azure::unauthorized", Some("/blobStorage")));
}

#[tokio::test]
async fn what_is_refused_is_explained() {
    for (status, azure, code) in [
        (400, "InvalidPropertyValue", "azure::refused"),
        (403, "AuthorizationFailure", "azure::forbidden"),
        (404, "PoolNotFound", "azure::not_found"),
        (413, "RequestBodyTooLarge", "azure::too_large"),
    ] {
        let setup = Setup::new("true").input("in", "");
        setup.azure.state().faults.push(("POST /jobs".into(), 1, status, azure.into()));
        let error = setup.run().await.unwrap_err();
        assert_eq!(error.code, code);
        assert!(error.help.is_some() && error.message.contains(azure), "{error}");
        setup.assert_gone();
    }
    // The job is there already when its task is refused.
    let setup = Setup::new("true").input("in", "");
    setup.azure.state().faults.push(("addtaskcollection".into(), 1, 400, "InvalidPropertyValue".into()));
    setup.run().await.unwrap_err();
    setup.assert_gone();
    for (image, argv, code) in [(None, "true", "azure_batch::image_required"), (Some("ubuntu"), "a\0b", "azure_batch::nul_character")] {
        let mut setup = Setup::new(argv);
        setup.request.command.image = image.map(str::to_owned);
        assert_eq!(setup.run().await.unwrap_err().code, code);
    }
    let mut setup = Setup::new("x");
    setup.request.command.argv.clear();
    assert_eq!(setup.run().await.unwrap_err().code, "azure_batch::empty_command");
}

#[tokio::test]
async fn health_looks_at_key_pool_and_storage() {
    let setup = Setup::new("x");
    let ask = || runner().health(setup.request.properties.clone());
    let health = ask().await.unwrap();
    assert!(health.ok && health.message.contains("1 nodes"), "{health:?}");
    assert!(setup.azure.state().blobs.is_empty());

    setup.azure.state().pool["virtualMachineConfiguration"] = json!({});
    let health = ask().await.unwrap();
    assert!(!health.ok && health.message.contains("cannot run containers"), "{health:?}");

    setup.azure.state().faults.push(("PUT ".into(), 1, 403, "AuthorizationPermissionMismatch".into()));
    let health = ask().await.unwrap();
    assert!(!health.ok && health.message.contains("AuthorizationPermissionMismatch") && health.message.contains("storage"), "{health:?}");

    let other = setup.with("poolId", json!("other"));
    let health = runner().health(other.request.properties.clone()).await.unwrap();
    assert!(!health.ok && health.message.contains("PoolNotFound") && health.message.contains("poolId"), "{health:?}");
}

#[test]
fn without_a_key_the_hosts_identity_asks() {
    const NAME: &str = "SWITCHYARD_TEST_PROPERTIES";
    // The identity is in the environment, so it is asked in a process with one of its own.
    if let Ok(text) = std::env::var(NAME) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let health = runtime.block_on(runner().health(serde_json::from_str(&text).unwrap())).unwrap();
        println!("HEALTH {} {}", health.ok, health.message);
        return;
    }
    let setup = Setup::new("x").without("accessKey").without("account");
    let file = setup.directory.path().join("assertion");
    std::fs::write(&file, "right\n").unwrap();
    for (variable, value, ok) in [
        ("AZURE_CLIENT_SECRET", "right", true),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap(), true),
        ("AZURE_CLIENT_SECRET", "wrong", false),
        ("AZURE_FEDERATED_TOKEN_FILE", "/nowhere", false),
    ] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "trouble::without_a_key_the_hosts_identity_asks", "--nocapture"]);
        child.env(NAME, setup.request.properties.to_string()).env(variable, value);
        child.env("AZURE_AUTHORITY_HOST", setup.azure.address()).env("AZURE_TENANT_ID", "tenant").env("AZURE_CLIENT_ID", "client");
        let said = String::from_utf8(child.output().unwrap().stdout).unwrap();
        let health = said.split("HEALTH ").nth(1).unwrap_or_else(|| panic!("{said}")).lines().next().unwrap();
        assert_eq!(health.starts_with("true"), ok, "{variable}={value}: {health}");
        assert!(ok || health.contains("no token for Azure Batch"), "{health}");
        assert!(!health.contains("Trace"), "{health}");
    }
}
