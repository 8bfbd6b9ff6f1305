//! Every way to a cluster, and credentials that change.

use std::{os::unix::fs::PermissionsExt, process::Command, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    cluster::{Account, Namespace, kubectl},
    setup::{runner, with},
};

fn kubeconfig() -> Value {
    serde_json::from_str(&kubectl(&["config", "view", "--minify", "--flatten", "-o", "json"])).unwrap()
}

/// A folder with everything of the kubeconfig in files of its own.
fn taken_apart() -> tempfile::TempDir {
    let view = kubeconfig();
    let (cluster, user) = (&view["clusters"][0]["cluster"], &view["users"][0]["user"]);
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("ca.crt", &cluster["certificate-authority-data"]),
        ("client.crt", &user["client-certificate-data"]),
        ("client.key", &user["client-key-data"]),
    ] {
        std::fs::write(folder.path().join(name), STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap();
    }
    std::fs::write(folder.path().join("kubeconfig"), view.to_string()).unwrap();
    for command in [
        "openssl pkcs8 -topk8 -in client.key -out locked.key -passout pass:open",
        "openssl pkcs12 -export -in client.crt -inkey client.key -out client.p12 -passout pass:open",
        "openssl pkcs12 -export -nokeys -in ca.crt -out ca.p12 -passout pass:open",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        assert!(Command::new(words[0]).args(&words[1..]).current_dir(folder.path()).status().unwrap().success(), "{command}");
    }
    folder
}

/// A program that gives credentials, and notes each call in `calls`.
fn credential_plugin(folder: &std::path::Path, status: &Value) -> String {
    let answer = json!({ "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status });
    std::fs::write(folder.join("answer.json"), answer.to_string()).unwrap();
    let script = folder.join("credentials");
    let here = folder.display();
    std::fs::write(&script, format!("#!/bin/sh\necho \"$KUBERNETES_EXEC_INFO $GREETING $1\" >> {here}/calls\ncat {here}/answer.json\n"))
        .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script.display().to_string()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k32_every_way_in() {
    let folder = taken_apart();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let base64 = |name: &str| STANDARD.encode(text(name));
    let url = kubeconfig()["clusters"][0]["cluster"]["server"].clone();
    let plugin =
        credential_plugin(folder.path(), &json!({ "clientCertificateData": text("client.crt"), "clientKeyData": text("client.key") }));
    let mut with_plugin = kubeconfig();
    with_plugin["users"][0]["user"] = json!({ "exec": { "apiVersion": "client.authentication.k8s.io/v1beta1", "command": plugin,
        "args": ["an argument"], "env": [{ "name": "GREETING", "value": "hello" }], "provideClusterInfo": true } });
    for (form, config) in [
        (
            "base64",
            json!({ "caCertData": base64("ca.crt"), "clientCertData": base64("client.crt"), "clientKeyData": base64("client.key") }),
        ),
        ("PEM", json!({ "caCertData": text("ca.crt"), "clientCertData": text("client.crt"), "clientKeyData": text("client.key") })),
        (
            "old names",
            json!({ "caCert": base64("ca.crt"), "clientCert": text("client.crt"), "clientKey": base64("client.key"), "username": "u" }),
        ),
        ("files", json!({ "caCertFile": file("ca.crt"), "clientCertFile": file("client.crt"), "clientKeyFile": file("client.key") })),
        (
            "a passphrase",
            json!({ "caCertFile": file("ca.crt"), "clientCertFile": file("client.crt"), "clientKeyFile": file("locked.key"),
            "clientKeyPassphrase": "open" }),
        ),
        (
            "stores",
            json!({ "trustStoreFile": file("ca.p12"), "trustStorePassphrase": "open", "keyStoreFile": file("client.p12"),
            "keyStorePassphrase": "open" }),
        ),
        ("no check", json!({ "trustCerts": true, "clientCertFile": file("client.crt"), "clientKeyFile": file("client.key") })),
        ("a file of everything", json!({ "kubeconfig": file("kubeconfig") })),
        ("text of everything", json!({ "kubeconfig": text("kubeconfig") })),
        ("a map of everything", json!({ "kubeconfig": kubeconfig() })),
        ("inherited", json!({ "inheritClusterConfig": true })),
        ("inherited, with another address", json!({ "inheritClusterConfig": true, "caCertFile": file("ca.crt") })),
        ("a credential plugin", json!({ "caCertFile": file("ca.crt"), "exec": { "command": plugin } })),
        ("a credential plugin of the kubeconfig", json!({ "kubeconfig": with_plugin })),
    ] {
        let config =
            if form.contains("everything") || form.contains("kubeconfig") { config } else { with(config, json!({ "masterUrl": url })) };
        let health = runner().health(json!({ "config": config })).await.unwrap();
        assert!(health.ok, "{form}: {health:?}");
    }
    let calls = text("calls");
    assert!(calls.contains(r#""interactive":false"#) && calls.contains("hello an argument") && calls.contains(r#""server":"#), "{calls}");
    // Another authority than the server's.
    let command = "req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.crt -days 2 -subj /CN=other";
    assert!(Command::new("openssl").args(command.split(' ')).current_dir(folder.path()).output().unwrap().status.success());
    let config = json!({ "masterUrl": url, "caCertData": text("other.crt"), "clientCertFile": file("client.crt"), "clientKeyFile": file("client.key") });
    let setup = crate::setup::Setup::new("true", json!({ "config": config }));
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "kubernetes::api_unreachable", "{error}");
    assert!(error.message.contains("certificate") && error.help.as_deref().unwrap().contains("config.caCertData"), "{error:?}");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k26_a_credential_plugin_is_asked_again_when_its_token_is_about_to_expire() {
    let namespace = Namespace::new();
    let account = Account::new(&namespace, &[]);
    let folder = tempfile::tempdir().unwrap();
    let soon = jiff::Timestamp::now() + Duration::from_secs(20);
    let plugin = credential_plugin(folder.path(), &json!({ "token": account.token(), "expirationTimestamp": soon.to_string() }));
    let mut config = account.config.clone();
    config["config"].as_object_mut().unwrap().remove("oauthToken");
    config["config"]["exec"] = json!({ "command": plugin });
    let setup = namespace.setup("cat in.txt", config);
    setup.write("in.txt", "in\n");
    assert_eq!(setup.run().await.unwrap().exit_code, 0);
    assert_eq!(setup.host.stdout(), "in\n");
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap().lines().count();
    assert!(calls > 1, "{calls}");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
async fn cluster_k26_a_token_that_dies_in_the_middle_is_read_again() {
    let namespace = Namespace::new();
    let (first, second) = (Account::new(&namespace, &[]), Account::named(&namespace, "second"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), first.token()).unwrap();
    let mut config = first.config.clone();
    config["config"].as_object_mut().unwrap().remove("oauthToken");
    config["config"]["tokenFile"] = file.path().to_str().unwrap().into();
    let setup = namespace.setup("echo one; sleep 5; echo two; echo x > out.txt", config).outputs(&["out.txt"]);
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout().starts_with("one\n")).await;
    std::fs::write(file.path(), second.token()).unwrap();
    namespace.kubectl(&["delete", "serviceaccount", "switchyard"]);
    assert_eq!(running.await.unwrap().unwrap().exit_code, 0);
    assert_eq!((setup.host.stdout().as_str(), setup.read("out.txt").as_str()), ("one\ntwo\n", "x\n"));
    namespace.assert_empty();
}
