//! The real cluster, seen by its own client.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::setup::{Setup, unique, with};

/// A namespace of its own; it goes with the value.
pub struct Namespace(pub String);

impl Namespace {
    pub fn new() -> Self {
        let name = format!("switchyard-{}", unique());
        kubectl(&["create", "namespace", &name]);
        Self(name)
    }

    /// A run in it.
    pub fn setup(&self, command: &str, properties: Value) -> Setup {
        let image = std::env::var("SWITCHYARD_KUBE_IMAGE").unwrap_or_else(|_| "busybox".into());
        let sidecar = json!({ "namespace": self.0, "fileSidecar": { "image": image } });
        Setup::new(command, with(sidecar, properties)).image(&image)
    }

    pub fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl(&[&["-n", &self.0], arguments].concat())
    }

    pub fn apply(&self, document: &Value) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), document.to_string()).unwrap();
        self.kubectl(&["apply", "-f", file.path().to_str().unwrap()]);
    }

    pub fn pods(&self) -> Vec<Value> {
        let list: Value = serde_json::from_str(&self.kubectl(&["get", "pods", "-o", "json"])).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    pub fn pod(&self) -> Value {
        self.pods().into_iter().next().expect("a pod")
    }

    /// Waits for what only the cluster can tell.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..600 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("waited in vain for: {what}");
    }

    pub fn assert_empty(&self) {
        let left = self.kubectl(&["get", "pods,secrets", "-o", "name"]);
        let left: Vec<&str> = left.lines().filter(|l| !l.contains("default-token") && !l.contains("-token-")).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("kubectl").args(["delete", "namespace", &self.0, "--wait=false"]).output();
    }
}

pub fn kubectl(arguments: &[&str]) -> String {
    let output = Command::new("kubectl").args(arguments).output().unwrap();
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// An account with the rights of `rbac.yaml`, without some.
pub struct Account {
    pub config: Value,
}

impl Account {
    pub fn new(namespace: &Namespace, missing: &[(&str, &str)]) -> Self {
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
        Self::of(namespace, "switchyard")
    }

    /// Another one with the same rights.
    pub fn named(namespace: &Namespace, name: &str) -> Self {
        namespace.kubectl(&["create", "serviceaccount", name]);
        let subject = format!("--serviceaccount={}:{name}", namespace.0);
        namespace.kubectl(&["create", "rolebinding", name, "--role=switchyard-runner", &subject]);
        Self::of(namespace, name)
    }

    fn of(namespace: &Namespace, name: &str) -> Self {
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": { "audiences": [], "expirationSeconds": 3600 } });
        let body = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(body.path(), review.to_string()).unwrap();
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/{name}/token", namespace.0);
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

    pub fn token(&self) -> String {
        self.config["config"]["oauthToken"].as_str().unwrap().to_owned()
    }

    pub fn setup(&self, namespace: &Namespace, command: &str) -> Setup {
        namespace.setup(command, self.config.clone())
    }
}

/// The API server behind a wire that can be cut.
pub struct Wire {
    pub port: u16,
    task: JoinHandle<()>,
    cut: tokio::sync::watch::Sender<u64>,
}

impl Wire {
    pub async fn new() -> Self {
        let config: Value = serde_json::from_str(&kubectl(&["config", "view", "--minify", "--flatten", "-o", "json"])).unwrap();
        let server =
            config["clusters"][0]["cluster"]["server"].as_str().unwrap().trim_start_matches("https://").trim_end_matches('/').to_owned();
        let server = if server.contains(':') { server } else { format!("{server}:443") };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = tokio::sync::watch::Sender::new(0_u64);
        let cuts = cut.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (server, mut cuts) = (server.clone(), cuts.subscribe());
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Self { port, task, cut }
    }

    /// Breaks every connection again and again.
    pub fn cut_every(&self, interval: Duration) -> JoinHandle<()> {
        let cut = self.cut.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                cut.send_modify(|n| *n += 1);
            }
        })
    }

    /// The runner's way through it.
    pub fn config(&self) -> Value {
        let kubeconfig = kubectl(&["config", "view", "--minify", "--flatten", "-o", "json"]);
        json!({ "config": { "kubeconfig": kubeconfig, "masterUrl": format!("https://127.0.0.1:{}", self.port), "trustCerts": true, "watchReconnectInterval": "PT0.2S" } })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}
