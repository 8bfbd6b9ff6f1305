//! An engine of the test's own, which it may end, fill up, or hide behind TLS; and containers that somebody else takes away.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::json;
use switchyard_plugin_api::ErrorKind;
use tempfile::TempDir;

use crate::setup::{IMAGE, Setup, docker, none};

/// A second dockerd with everything of its own, in a network of its own: without a bridge, it would remove the one of the first.
struct Daemon {
    folder: TempDir,
    more: Vec<String>,
    child: Option<Child>,
    /// A containerd of its own survives its dockerd, as on most machines.
    containerd: Child,
}

impl Daemon {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("switchyard-d").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let containerd = Command::new("containerd")
            .args(["--root", &at("c-root"), "--state", &at("c-state"), "--address", &at("c-sock")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { folder, more: Vec::new(), child: None, containerd }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path("sock").display())
    }

    fn docker(&self, arguments: &[&str]) -> String {
        docker(&[&["-H", &self.host()], arguments].concat())
    }

    /// Starts it, and waits until it answers.
    async fn start(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let at = |name: &str| self.path(name).display().to_string();
        let child = Command::new("unshare")
            .args(["--net", "sh", "-c", "busybox ip link set lo up; exec dockerd \"$@\"", "dockerd"])
            .args([
                "--containerd",
                &at("c-sock"),
                "--host",
                &self.host(),
                "--data-root",
                &at("data"),
                "--exec-root",
                &at("exec"),
                "--pidfile",
                &at("pid"),
            ])
            .args(["--bridge", "none", "--iptables=false", "--ip6tables=false", "--live-restore"])
            .args(&self.more)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let answers = async {
            loop {
                let asked =
                    Command::new("docker").args(["-H", &self.host(), "version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
                if asked.unwrap().success() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), answers).await.is_err() {
            panic!("dockerd does not answer: {}", fs::read_to_string(self.path("log")).unwrap());
        }
    }

    fn load_image(&self) {
        let file = self.path("image.tar");
        docker(&["save", "-o", file.to_str().unwrap(), IMAGE]);
        self.docker(&["load", "-i", file.to_str().unwrap()]);
        fs::remove_file(file).unwrap();
    }

    fn signal(&mut self, name: &str) {
        let Some(mut child) = self.child.take() else { return };
        Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.signal("TERM");
        let _ = self.containerd.kill();
        let _ = self.containerd.wait();
        // dockerd mounts its storage onto itself, and a small file system may be below that.
        for _ in 0..2 {
            let _ = Command::new("umount").args(["-l", self.path("data").to_str().unwrap()]).stderr(Stdio::null()).status();
        }
    }
}

#[tokio::test]
pub async fn docker_d23_an_engine_that_is_killed_and_comes_back_loses_nothing() {
    let mut daemon = Daemon::new();
    daemon.start().await;
    daemon.load_image();
    let script = "i=0; until [ -e /go ]; do echo line $i; echo err $i >&2; i=$((i+1)); sleep 0.05; done; echo $i > count; exit 3";
    let setup = Setup::new(script, json!({ "host": daemon.host(), "networkMode": "none" })).outputs(&["count"]);
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout().contains("line 3\n")).await;
    daemon.signal("KILL");
    // Somebody starts it again after a while.
    daemon.start().await;
    let container = daemon.docker(&["ps", "-q", "--no-trunc"]);
    daemon.docker(&["exec", container.trim(), "touch", "/go"]);
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.exit_code, 3, "{outcome:?}");
    assert!(setup.host.warnings()[0].starts_with(&format!("lost the Docker engine at {}", daemon.host())), "{:?}", setup.host.warnings());
    let count: u32 = setup.read("count").trim().parse().unwrap();
    let lines = |word: &str| (0..count).map(|i| format!("{word} {i}\n")).collect::<String>();
    assert_eq!((setup.host.stdout(), setup.host.stderr()), (lines("line"), lines("err")));
    assert_eq!(daemon.docker(&["ps", "-aq"]), "");
}

#[tokio::test]
pub async fn docker_bad_a_full_disk_is_named_and_leaves_nothing() {
    let mut daemon = Daemon::new();
    fs::create_dir(daemon.path("data")).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=24m", "tmpfs", daemon.path("data").to_str().unwrap()].map(str::to_owned);
    assert!(Command::new("mount").args(&mount).status().unwrap().success());
    daemon.start().await;
    daemon.load_image();
    // Too much on the way in, and too much written by the command itself.
    let setup = Setup::new("true", json!({ "host": daemon.host(), "networkMode": "none" }));
    fs::write(setup.directory.path().join("large"), vec![7; 40 << 20]).unwrap();
    let error = setup.run().await.unwrap_err();
    assert_eq!((error.code.as_str(), error.kind), ("docker::no_space", ErrorKind::Environment), "{error}");
    assert!(error.message.contains("no space left on device"), "{error}");
    assert_eq!((daemon.docker(&["ps", "-aq"]), daemon.docker(&["volume", "ls", "-q"])), (String::new(), String::new()));

    let setup = Setup::new("head -c 40000000 /dev/zero > large", json!({ "host": daemon.host(), "networkMode": "none" }));
    assert_eq!(setup.run().await.unwrap().exit_code, 1);
    assert!(setup.host.stderr().contains("No space left") || setup.host.stderr().contains("I/O error"), "{}", setup.host.stderr());
    assert_eq!((daemon.docker(&["ps", "-aq"]), daemon.docker(&["volume", "ls", "-q"])), (String::new(), String::new()));
}

/// A certificate authority, a server and a client.
fn certificates(folder: &Path) {
    let script = "set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=ca
        printf 'subjectAltName=IP:127.0.0.1' > server.ext; printf 'extendedKeyUsage=clientAuth' > client.ext
        for name in server client; do
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name-key.pem -out $name.csr -subj /CN=$name
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out $name-cert.pem -days 2 -extfile $name.ext
        done
        mkdir client stranger; cp ca.pem client/; cp client-key.pem client/key.pem; cp client-cert.pem client/cert.pem
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout stranger/key.pem -out stranger/cert.pem -days 2 -subj /CN=x
        cp ca.pem stranger/";
    let output = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The runner reads the environment of its process, so a process of its own runs this with certificates that fit, and with others.
#[tokio::test]
pub async fn docker_d28_an_engine_behind_tls_wants_a_client_that_it_knows() {
    if let Ok(host) = std::env::var("SWITCHYARD_TEST_TLS_HOST") {
        let setup = Setup::new("cat in.txt; echo b > out.txt", json!({ "host": host, "networkMode": "none" })).outputs(&["out.txt"]);
        setup.write("in.txt", "over tls\n");
        match setup.run().await {
            Ok(outcome) => println!("RAN {} {}{}", outcome.exit_code, setup.host.stdout(), setup.read("out.txt")),
            Err(error) => println!("REFUSED {} {error}", error.code),
        }
        return;
    }
    let mut daemon = Daemon::new();
    certificates(daemon.folder.path());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = daemon.folder.path().to_owned();
    let at = |name: &str| folder.join(name).display().to_string();
    daemon.more = vec!["--host".into(), format!("tcp://127.0.0.1:{port}"), "--tlsverify".into()];
    for (option, file) in [("--tlscacert", "ca.pem"), ("--tlscert", "server-cert.pem"), ("--tlskey", "server-key.pem")] {
        daemon.more.extend([option.to_owned(), at(file)]);
    }
    daemon.start().await;
    daemon.load_image();
    let network = format!("--net=/proc/{}/ns/net", daemon.child.as_ref().unwrap().id());
    let run = |host: String, certificates: &str| {
        let output = Command::new("nsenter")
            .arg(&network)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "daemon::docker_d28_an_engine_behind_tls_wants_a_client_that_it_knows"])
            .envs([("SWITCHYARD_TEST_TLS_HOST", host), ("DOCKER_TLS_VERIFY", "1".into()), ("DOCKER_CERT_PATH", at(certificates))])
            .env_remove("DOCKER_HOST")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for scheme in ["tcp", "https"] {
        let said = run(format!("{scheme}://127.0.0.1:{port}"), "client");
        assert!(said.contains("RAN 0 over tls\nb\n"), "{scheme}: {said}");
    }
    let said = run(format!("https://127.0.0.1:{port}"), "stranger");
    assert!(said.contains("REFUSED docker::engine_unreachable") && said.contains("certificate"), "{said}");
    assert!(run(format!("https://127.0.0.1:{port}"), "absent").contains("REFUSED docker::engine_unreachable"));
}

#[tokio::test]
pub async fn docker_bad_a_container_removed_by_hand_is_named() {
    let setup = Setup::new("echo up; sleep 1000", none()).outputs(&["x"]);
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout() == "up\n").await;
    // As people do it: the volume stays.
    docker(&["rm", "-f", &setup.containers()[0]]);
    match running.await.unwrap() {
        // The engine may still answer for a moment, and then says that it was killed.
        Ok(outcome) => assert_eq!(outcome.exit_code, 137, "{outcome:?}"),
        Err(error) => assert!(["docker::container_vanished", "docker::download_failed"].contains(&error.code.as_str()), "{error}"),
    }
    setup.assert_gone();
}

#[tokio::test]
pub async fn docker_bad_a_user_or_network_that_is_not_there_is_named() {
    for (property, code) in [("user", "docker::no_user"), ("networkMode", "docker::no_network")] {
        let setup = Setup::new("true", json!({ property: "nosuchthing" }));
        setup.write("in.txt", "");
        let error = setup.run().await.unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.kind, error.property),
            (code, ErrorKind::User, Some(format!("/{property}"))),
            "{}",
            error.message
        );
        assert!(error.message.contains("nosuchthing"), "{}", error.message);
        setup.assert_gone();
    }
}

#[tokio::test]
pub async fn docker_bad_ten_gigabytes_are_asked_for_as_such() {
    let setup = Setup::new("echo up; sleep 1000", json!({ "memory": { "memory": "10GB" } }));
    let running = setup.spawn();
    setup.host.until("it runs", |h| h.stdout() == "up\n").await;
    assert_eq!(setup.inspect()["HostConfig"]["Memory"], 10_u64 << 30);
    setup.kill(running).await;
    setup.assert_gone();
}
