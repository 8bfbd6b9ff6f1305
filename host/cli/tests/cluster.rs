//! The flows of the manual on a real cluster: nothing of them is replaced but the cluster's address, the certificates, and the image where the cluster
//! has another one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{collections::BTreeMap, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value as Json;
use support::Home;

const SHELL_FLOW: &str = include_str!("../../model/tests/flows/kubernetes_script_runner.yaml");
const PYTHON_FLOW: &str = include_str!("../../model/tests/flows/kubernetes_python_runner.yaml");

const DEVELOPMENT: &str = "taskDefaults:
  - type: io.kestra.plugin.scripts
    values:
      taskRunner:
        type: io.kestra.plugin.scripts.runner.docker.DockerTaskRunner
        pullPolicy: IF_NOT_PRESENT # in dev, only pull the image when needed
        cpu:
          cpus: 1
        memory:
          memory: 512Mi
";

const PRODUCTION: &str = "taskDefaults:
  - type: io.kestra.plugin.scripts
    values:
      taskRunner:
        type: io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner
        namespace: default
        pullPolicy: ALWAYS # Always pull the latest image in production
        config:
          username: docker-desktop
          masterUrl: https://docker-for-desktop:6443
          caCert: xxx
          clientCert: xxx
          clientKey: xxx
        resources:
          request: # The resources the container is guaranteed to get
            cpu: \"500m\" # Request 1/2 of a CPU (500 milliCPU)
            memory: \"256Mi\" # Request 256 MB of memory
";

/// What `kubectl config view --minify --flatten` shows, by the names that the flow has for it.
fn kubeconfig() -> BTreeMap<&'static str, String> {
    let output = Command::new("kubectl").args(["config", "view", "--minify", "--flatten", "-o", "json"]).output().unwrap();
    let view: Json = serde_json::from_slice(&output.stdout).unwrap();
    let (cluster, user) = (&view["clusters"][0]["cluster"], &view["users"][0]["user"]);
    [
        ("masterUrl", &cluster["server"]),
        ("caCert", &cluster["certificate-authority-data"]),
        ("clientCert", &user["client-certificate-data"]),
        ("clientKey", &user["client-key-data"]),
    ]
    .map(|(name, value)| (name, value.as_str().unwrap_or_else(|| panic!("the kubeconfig has no {name}")).to_owned()))
    .into()
}

/// The text with the values of `config` that this cluster has; certificates as base64, or as the PEM in it.
fn connected(text: &str, raw: bool) -> String {
    let config = kubeconfig();
    let line = |line: &str| {
        let name = line.trim_start().split(':').next().unwrap_or_default();
        let (Some(value), indentation) = (config.get(name), &line[..line.len() - line.trim_start().len()]) else { return line.to_owned() };
        if !raw || name == "masterUrl" {
            return format!("{indentation}{name}: {value}");
        }
        let pem = String::from_utf8(STANDARD.decode(value).unwrap()).unwrap();
        let block: String = pem.lines().map(|line| format!("\n{indentation}  {line}")).collect();
        format!("{indentation}{name}: |{block}")
    };
    text.lines().map(|l| line(l) + "\n").collect()
}

fn image() -> String {
    std::env::var("SWITCHYARD_KUBE_IMAGE").unwrap_or_else(|_| "busybox".to_owned())
}

/// Without the surroundings' kubeconfig: what the flow says is all there is.
fn run(home: &Home, flow: &str, arguments: &[&str], surroundings: bool) -> Json {
    home.file("flow.yaml", flow);
    let mut command = home.command(&[&["run", "flow.yaml", "--output", "json"], arguments].concat());
    if !surroundings {
        command.env_remove("KUBECONFIG");
    }
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let document: Json = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}\n{stderr}"));
    assert_eq!(document["state"]["current"], "SUCCESS", "{stderr}");
    document
}

fn outputs(document: &Json) -> &Json {
    &document["taskRunList"][0]["outputs"]
}

/// The content of a kept file, which is in the storage below the home.
fn kept(home: &Home, name: &str) -> Vec<u8> {
    fn find(folder: &Path, name: &str, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                find(&path, name, found);
            } else if path.file_name().is_some_and(|file| file.to_string_lossy().ends_with(name)) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    find(&home.folder.path().join("data"), name, &mut found);
    let newest = found.into_iter().max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    std::fs::read(newest.unwrap_or_else(|| panic!("{name} was not kept"))).unwrap()
}

#[test]
fn the_working_directory_may_stand_in_the_runners_own_properties() {
    let home = Home::new(&["scripts", "kubernetes"]);
    let flow = SHELL_FLOW.replace(
        "KubernetesTaskRunner\n",
        "KubernetesTaskRunner\n      containerSpec: {env: [{name: PLACE, value: \"{{ workingDir }}/x\"}]}\n      labels: {flow: \"{{ flow.id }}\"}\n",
    );
    home.file("rows.bin", "rows");
    let ran = home.flow(&flow, &["-i", "file=@rows.bin", "--dry-run", "--output", "json"]).expect(0);
    let tasks: Json = serde_json::from_str(&ran.stdout()).unwrap();
    let pod = &tasks[0]["preview"]["document"];
    let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    assert!(env.contains(&serde_json::json!({ "name": "PLACE", "value": "/kestra/working-dir/x" })), "{pod}");
    assert_eq!(pod["metadata"]["labels"]["flow"], "kubernetes_script_runner");
}

#[test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
fn cluster_the_first_flow_of_the_manual() {
    let home = Home::new(&["scripts", "kubernetes"]);
    home.file("rows.bin", [0xff, 0, b'\n', 7]);
    let flow = SHELL_FLOW.replace("containerImage: centos", &format!("containerImage: {}", image()));
    let document = run(&home, &flow, &["-i", "file=@rows.bin", "--data-dir", "data"], true);
    assert!(outputs(&document)["outputFiles"]["out.txt"].as_str().unwrap().starts_with("kestra://"), "{document}");
    assert_eq!(kept(&home, "out.txt"), [0xff, 0, b'\n', 7]);
}

#[test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
fn cluster_k32_certificates_in_the_flow() {
    let home = Home::new(&["scripts", "kubernetes"]);
    // The runner's block of the second flow, on the first: it needs no Python in the image.
    let runner = PYTHON_FLOW.split("    taskRunner:\n").nth(1).unwrap().split("    outputFiles:").next().unwrap();
    let flow = SHELL_FLOW
        .replace("containerImage: centos", &format!("containerImage: {}", image()))
        .replace("      type: io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner\n", runner)
        .replace("pullPolicy: Always", "pullPolicy: IfNotPresent");
    assert!(flow.contains("clientKey: xxx"), "{flow}");
    home.file("rows.bin", "rows");
    for raw in [false, true] {
        let flow = connected(&flow, raw);
        let named = [
            flow.clone(),
            flow.replace("caCert:", "caCertData:").replace("clientCert:", "clientCertData:").replace("clientKey:", "clientKeyData:"),
        ];
        for flow in named {
            let document = run(&home, &flow, &["-i", "file=@rows.bin"], false);
            assert!(outputs(&document)["outputFiles"]["out.txt"].is_string(), "{document}");
        }
    }
}

/// Needs an image with Python and the package `kestra`: `SWITCHYARD_KUBE_PYTHON_IMAGE`.
#[test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
fn cluster_python_the_second_flow_of_the_manual() {
    let home = Home::new(&["scripts", "kubernetes"]);
    let image = std::env::var("SWITCHYARD_KUBE_PYTHON_IMAGE").unwrap();
    for raw in [false, true] {
        // The script of the manual has given away the name of the module where it needs it.
        let flow = PYTHON_FLOW
            .replace("ghcr.io/kestra-io/pydata:latest", &image)
            .replace("{platform.machine()}", "{__import__('platform').machine()}");
        let flow = connected(&flow, raw);
        let document = run(&home, &flow, &["--data-dir", "data"], false);
        let vars = &outputs(&document)["vars"];
        assert!(vars["python_version"].as_str().unwrap().starts_with("3."), "{document}");
        let file: Json = serde_json::from_slice(&kept(&home, "environment_info.json")).unwrap();
        assert_eq!(&file, vars);
    }
}

/// Needs a container engine too.
#[test]
#[ignore = "needs a cluster: cargo xtask test --kube KUBECONFIG"]
fn cluster_docker_in_development_and_kubernetes_in_production() {
    let home = Home::new(&["scripts", "docker", "kubernetes"]);
    let image = image();
    let docker = |arguments: &[&str]| Command::new("docker").args(arguments).output().unwrap().status.success();
    assert!(docker(&["image", "inspect", &image]) || docker(&["tag", "busybox:switchyard-test", &image]), "no image {image}");
    let flow = format!(
        "id: anywhere
namespace: myteam
tasks:
  - id: shell
    type: io.kestra.plugin.scripts.shell.Commands
    containerImage: {image}
    inputFiles:
      in.txt: hello
    outputFiles:
      - \"*.csv\"
    commands:
      - tr a-z A-Z < in.txt > out.csv
      - echo '::{{\"outputs\":{{\"here\":\"'$(pwd)'\"}}}}::'
"
    );
    let production = connected(PRODUCTION, false);
    // An image that was loaded into the cluster cannot be pulled.
    let production =
        if std::env::var_os("SWITCHYARD_KUBE_IMAGE").is_some() { production.replace("ALWAYS", "IF_NOT_PRESENT") } else { production };
    for name in ["taskDefaults", "pluginDefaults"] {
        for (defaults, directory) in [(DEVELOPMENT, None), (production.as_str(), Some("/kestra/working-dir"))] {
            home.file("switchyard.yaml", defaults.replace("taskDefaults", name));
            let document = run(&home, &flow, &["--data-dir", "data"], false);
            let outputs = outputs(&document);
            assert_eq!(outputs["vars"]["here"] == "/kestra/working-dir", directory.is_some(), "{outputs}");
            assert!(outputs["outputFiles"]["out.csv"].is_string(), "{outputs}");
            assert_eq!(kept(&home, "out.csv"), b"HELLO");
        }
    }
}
