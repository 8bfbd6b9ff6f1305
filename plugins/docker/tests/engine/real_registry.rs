//! Debian's registry, open and with a password: every way of giving credentials, wrong ones, and a registry that is down.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;

use crate::setup::{IMAGE, Setup, docker};

/// `robot`, whose password is `p:w`.
const HTPASSWD: &str = "robot:$2y$05$abcdefghijklmnopqrstuuM7E59t/pBLB8x4aZysvBLD.kgRitkEK\n";
const AUTH: &str = "cm9ib3Q6cDp3";

struct Registry {
    folder: TempDir,
    address: String,
    child: Child,
}

impl Registry {
    async fn start(private: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        let root = folder.path().to_owned();
        let at = |name: &str| root.join(name).display().to_string();
        let auth = if private { format!("auth: {{htpasswd: {{realm: test, path: '{}'}}}}\n", at("htpasswd")) } else { String::new() };
        let storage = format!("storage: {{filesystem: {{rootdirectory: '{}'}}}}\n", at("data"));
        fs::write(
            folder.path().join("config.yml"),
            format!("version: 0.1\nlog: {{level: error}}\n{storage}http: {{addr: '{address}'}}\n{auth}"),
        )
        .unwrap();
        let child =
            Command::new("docker-registry").args(["serve", &at("config.yml")]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let registry = Self { folder, address, child };
        let listens = async {
            while tokio::net::TcpStream::connect(&registry.address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), listens).await.expect("docker-registry listens");
        registry.config("push", &json!({ "auths": { registry.address.clone(): { "auth": AUTH } } }));
        let image = registry.image();
        docker(&["tag", IMAGE, &image]);
        let pushed = Command::new("docker").args(["push", "-q", &image]).env("DOCKER_CONFIG", at("push")).output().unwrap();
        docker(&["rmi", &image]);
        assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
        registry
    }

    fn image(&self) -> String {
        format!("{}/team/tool:1", self.address)
    }

    /// A client's configuration of this name.
    fn config(&self, name: &str, content: &serde_json::Value) -> String {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), content.to_string()).unwrap();
        folder.display().to_string()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = Command::new("docker").args(["rmi", "-f", &self.image()]).output();
    }
}

fn pulling(image: &str, properties: serde_json::Value) -> Setup {
    let mut setup = Setup::new("echo pulled; env", properties).image(image);
    setup.request.properties["pullPolicy"] = json!("ALWAYS");
    setup
}

/// The runner reads its process's environment, so each configuration of the client is tried by a process of its own.
#[tokio::test]
pub async fn docker_d13_a_real_registry_with_every_kind_of_credentials() {
    if let Ok(image) = std::env::var("SWITCHYARD_TEST_REGISTRY_IMAGE") {
        let setup = pulling(&image, json!({}));
        match setup.run().await {
            Ok(outcome) => println!("RAN {} {}", outcome.exit_code, setup.host.stdout()),
            Err(error) => println!("REFUSED {} {error}", error.code),
        }
        return;
    }
    let open = Registry::start(false).await;
    assert_eq!(pulling(&open.image(), json!({})).run().await.unwrap().exit_code, 0);

    let private = Registry::start(true).await;
    let (address, image) = (private.address.clone(), private.image());
    for properties in [
        json!({ "credentials": { "username": "robot", "password": "p:w" } }),
        json!({ "credentials": { "registry": format!("http://{address}/v2/"), "auth": AUTH } }),
        json!({ "config": { "auths": { address.clone(): { "auth": AUTH } } } }),
    ] {
        let setup = pulling(&image, properties.clone());
        assert_eq!(setup.run().await.unwrap_or_else(|e| panic!("{properties}: {e}")).exit_code, 0, "{properties}");
        assert!(!setup.host.stdout().contains("p:w") && !setup.host.stdout().contains(AUTH));
    }
    for (properties, part) in [
        (json!({}), "no credentials"),
        (json!({ "credentials": { "username": "robot", "password": "wrong-word" } }), "property credentials"),
    ] {
        let error = pulling(&image, properties).run().await.unwrap_err();
        assert_eq!(error.code, "docker::pull_failed", "{error}");
        assert!(error.message.contains(part) && error.message.contains(&address), "{error}");
        assert!(!error.to_string().contains("wrong-word"), "{error}");
    }

    let helpers = private.folder.path().join("bin");
    fs::create_dir(&helpers).unwrap();
    let helper = helpers.join("docker-credential-test");
    let answer = "#!/bin/sh\nread host\necho \"$host\" > \"$(dirname \"$0\")/asked\"\necho '{\"ServerURL\":\"x\",\"Username\":\"robot\",\"Secret\":\"p:w\"}'\n";
    fs::write(&helper, answer).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", helpers.display(), std::env::var("PATH").unwrap());
    for (name, config, asks) in [
        ("auths", json!({ "auths": { address.clone(): { "auth": AUTH } } }), false),
        ("helper", json!({ "credHelpers": { address.clone(): "test" } }), true),
        ("store", json!({ "credsStore": "test" }), true),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "real_registry::docker_d13_a_real_registry_with_every_kind_of_credentials"])
            .envs([("SWITCHYARD_TEST_REGISTRY_IMAGE", &image), ("DOCKER_CONFIG", &private.config(name, &config)), ("PATH", &path)])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("RAN 0 pulled"), "{name}: {said}");
        assert_eq!(fs::read_to_string(helpers.join("asked")).is_ok_and(|host| host.trim() == address), asks, "{name}");
        let _ = fs::remove_file(helpers.join("asked"));
    }
}

#[tokio::test]
pub async fn docker_bad_a_registry_that_is_down_is_named() {
    let mut registry = Registry::start(false).await;
    registry.child.kill().unwrap();
    registry.child.wait().unwrap();
    let setup = Setup::new("true", json!({ "pullPolicy": "IF_NOT_PRESENT" })).image(&registry.image());
    let error = setup.run().await.unwrap_err();
    assert_eq!(error.code, "docker::pull_failed", "{error}");
    assert!(error.message.contains(&registry.address) && error.message.contains("connection refused"), "{error}");
    setup.assert_gone();
}
