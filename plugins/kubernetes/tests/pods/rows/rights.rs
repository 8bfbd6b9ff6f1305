//! Accounts, rights, and many pods at once.

use serde_json::{Value, json};
use switchyard_plugin_api::Level;

use crate::{
    cluster::{Namespace, kubectl},
    setup::{Setup, none, runner, with},
};

/// An account with the rights of `rbac.yaml`, without some.
struct Account {
    config: Value,
}

impl Account {
    async fn without(namespace: &Namespace, missing: &[(&str, &str)]) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/rbac.yaml");
        namespace.kubectl(&["apply", "-f", file]);
        let role: Value = serde_json::from_str(&namespace.kubectl(&["get", "role", "switchyard-runner", "-o", "json"])).unwrap();
        let mut rules = role["rules"].as_array().unwrap().clone();
        for rule in &mut rules {
            let resource = rule["resources"][0].as_str().unwrap().to_owned();
            rule["verbs"].as_array_mut().unwrap().retain(|verb| !missing.contains(&(verb.as_str().unwrap(), &resource)));
        }
        rules.retain(|rule| !rule["verbs"].as_array().unwrap().is_empty());
        namespace.apply(&json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "switchyard-runner" }, "rules": rules }));
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": { "audiences": [], "expirationSeconds": 3600 } });
        let body = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(body.path(), review.to_string()).unwrap();
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/switchyard/token", namespace.0);
        let token: Value = serde_json::from_str(&kubectl(&["create", "--raw", &path, "-f", body.path().to_str().unwrap()])).unwrap();
        let view: Value = serde_json::from_str(&kubectl(&["config", "view", "--minify", "--flatten", "-o", "json"])).unwrap();
        let cluster = &view["clusters"][0]["cluster"];
        let config = json!({ "config": {
            "masterUrl": cluster["server"],
            "caCertData": cluster["certificate-authority-data"],
            "oauthToken": token["status"]["token"],
        }});
        Self { config }
    }

    fn setup(&self, namespace: &Namespace, command: &str) -> Setup {
        namespace.setup(command, self.config.clone())
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k27_the_rights_of_the_manifest_are_enough() {
    let namespace = Namespace::new();
    let account = Account::without(&namespace, &[]).await;
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
        let account =
            Account::without(&namespace, &[(verb, resource), ("create", if resource == "pods/exec" { "pods/exec" } else { "" })]).await;
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
    let account = Account::without(&namespace, &[]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let token = account.config["config"]["oauthToken"].as_str().unwrap().to_owned();
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
