//! Accounts, rights, and many pods at once.

use serde_json::{Value, json};
use switchyard_plugin_api::Level;

use crate::{
    cluster::{Account, Namespace},
    setup::{Setup, none, runner, with},
};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k27_the_rights_of_the_manifest_are_enough() {
    let namespace = Namespace::new();
    let account = Account::new(&namespace, &[]);
    let mut setup = account.setup(&namespace, "cat in.txt > out.txt").outputs(&["out.txt"]);
    setup.request.properties = with(setup.request.properties.clone(), json!({ "credentials": { "username": "u", "password": "p" } }));
    setup.write("in.txt", "x");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.warnings(), Vec::<String>::new());
    let health = runner().health(setup.request.properties.clone()).await.unwrap();
    assert!(health.ok, "{health:?}");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k27_every_missing_right_is_named() {
    for (verb, resource) in [
        ("create", "pods"),
        ("watch", "pods"),
        ("get", "pods/exec"),
        ("get", "pods/log"),
        ("list", "events"),
        ("delete", "pods"),
        ("create", "secrets"),
    ] {
        let namespace = Namespace::new();
        let account = Account::new(&namespace, &[(verb, resource), ("create", if resource == "pods/exec" { "pods/exec" } else { "" })]);
        let mut setup = account.setup(&namespace, "exit 3").outputs(&["out.txt"]);
        if resource == "secrets" {
            setup.request.properties =
                with(setup.request.properties.clone(), json!({ "credentials": { "username": "u", "password": "p" } }));
        }
        if resource == "events" {
            setup = setup.image("busybox:no-such-tag");
        }
        setup.write("in.txt", "x");
        let result = setup.run().await;
        let told = format!("{:?} {:?}", setup.host.messages(Level::Warn), result.as_ref().err().map(ToString::to_string));
        match (verb, resource) {
            ("get", "pods/log") => {
                assert_eq!(result.unwrap().exit_code, 3);
                assert!(told.contains("not allowed to get pods/log"), "{told}");
            }
            ("list", "events") => {
                assert_eq!(result.unwrap_err().code, "kubernetes::image_pull_failed");
                assert!(told.contains("may not list events"), "{told}");
            }
            ("delete", "pods") => {
                assert_eq!(result.unwrap().exit_code, 3);
                assert!(told.contains("could not be deleted"), "{told}");
            }
            _ => {
                let error = result.unwrap_err();
                assert_eq!(error.code, "kubernetes::forbidden", "{verb} {resource}: {error}");
                assert!(told.contains(resource), "{verb} {resource}: {told}");
                namespace.assert_empty();
            }
        }
        let health = runner().health(setup.request.properties.clone()).await.unwrap();
        let facts = Value::from(health.facts.clone()).to_string();
        assert!(facts.contains(&format!("{verb} {resource}")), "{verb} {resource}: {health:?}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k26_a_token_file_that_changes_is_read_again() {
    let namespace = Namespace::new();
    let account = Account::new(&namespace, &[]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let token = account.token();
    std::fs::write(file.path(), "not a token").unwrap();
    let mut config = account.config.clone();
    config["config"].as_object_mut().unwrap().remove("oauthToken");
    config["config"]["tokenFile"] = file.path().to_str().unwrap().into();
    let setup = namespace.setup("echo hello", config);
    let running = setup.spawn();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    std::fs::write(file.path(), token).unwrap();
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "hello\n");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k31_many_at_once() {
    let namespace = Namespace::new();
    let many: Vec<_> = (0..30).map(|n| namespace.setup(&format!("echo {n}"), none())).collect();
    let running: Vec<_> = many.iter().map(Setup::spawn).collect();
    for (n, (setup, running)) in many.iter().zip(running).enumerate() {
        assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
        assert_eq!(setup.host.stdout(), format!("{n}\n"));
    }
    namespace.assert_empty();
}
