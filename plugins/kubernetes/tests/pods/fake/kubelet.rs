//! Containers as processes.

use std::{path::PathBuf, process::Stdio, sync::Arc};

use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, process::Command};

use super::store::State;

impl State {
    pub fn root(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub async fn kubelet(self: Arc<Self>, pod: Value) {
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        std::fs::create_dir_all(self.root(&name).join("working-dir")).unwrap();
        self.change(&name, |pod| pod["spec"]["nodeName"] = "node-1".into());
        let containers = pod["spec"]["containers"].as_array().unwrap().clone();
        if self.settings.instant {
            let command = containers[0]["command"].as_array().unwrap().last().unwrap().as_str().unwrap();
            self.logs.lock().unwrap().entry(name.clone()).or_default().push((jiff::Timestamp::now(), format!("{command}\n").into_bytes()));
            self.set(&name, "containerStatuses", "main", &json!({ "terminated": { "exitCode": 0, "reason": "Completed" } }));
            return;
        }
        let mut sidecars = Vec::new();
        for container in pod["spec"]["initContainers"].as_array().into_iter().flatten() {
            if container["restartPolicy"] == "Always" {
                let (state, name, container) = (self.clone(), name.clone(), container.clone());
                sidecars.push(tokio::spawn(async move { state.run(&name, "initContainerStatuses", &container).await }));
                continue;
            }
            if self.run(&name, "initContainerStatuses", container).await != 0 {
                self.change(&name, |pod| pod["status"]["phase"] = "Failed".into());
                return;
            }
        }
        self.change(&name, |pod| pod["status"]["phase"] = "Running".into());
        let codes = futures_util::future::join_all(containers.iter().map(|c| self.run(&name, "containerStatuses", c))).await;
        // They are ended when the last of the others has ended.
        for (sidecar, container) in sidecars.iter().zip(pod["spec"]["initContainers"].as_array().into_iter().flatten()) {
            sidecar.abort();
            self.set(
                &name,
                "initContainerStatuses",
                container["name"].as_str().unwrap(),
                &json!({ "terminated": { "exitCode": 143, "reason": "Error" } }),
            );
        }
        let phase = if codes.iter().all(|c| *c == 0) { "Succeeded" } else { "Failed" };
        self.change(&name, |pod| pod["status"]["phase"] = phase.into());
    }

    pub fn set(&self, pod: &str, list: &str, container: &str, state: &Value) {
        let status = json!({ "name": container, "image": "busybox", "imageID": "", "ready": true, "restartCount": 0, "state": state });
        self.change(pod, |pod| {
            if !pod["status"][list].is_array() {
                pod["status"][list] = json!([]);
            }
            let all = pod["status"][list].as_array_mut().unwrap();
            match all.iter_mut().find(|c| c["name"] == container) {
                Some(known) => *known = status,
                None => all.push(status),
            }
        });
    }

    /// A command with the place of this pod's files.
    pub fn command(&self, pod: &str, words: &[String]) -> Command {
        let here = self.root(pod).display().to_string();
        let words: Vec<String> = words.iter().map(|w| w.replace("$$", "$").replace("/kestra", &here)).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).kill_on_drop(true).current_dir(self.root(pod).join("working-dir"));
        command
    }

    async fn run(&self, pod: &str, list: &str, container: &Value) -> i32 {
        let name = container["name"].as_str().unwrap();
        let words: Vec<String> = container["command"].as_array().unwrap().iter().map(|w| w.as_str().unwrap().to_owned()).collect();
        // Both streams are one log, and a command that is not there ends its container only.
        let shell = ["/bin/sh", "-c", "exec \"$@\" 2>&1", "sh"].map(str::to_owned);
        let mut command = self.command(pod, &[&shell[..], &words].concat());
        for variable in container["env"].as_array().into_iter().flatten() {
            let here = self.root(pod).display().to_string();
            command
                .env(variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap().replace("$$", "$").replace("/kestra", &here));
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        self.set(pod, list, name, &json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } }));
        let mut stdout = child.stdout.take().unwrap();
        let mut buffer = vec![0; 4096];
        let mut line = Vec::new();
        while let Ok(read @ 1..) = stdout.read(&mut buffer).await {
            for byte in &buffer[..read] {
                line.push(*byte);
                if *byte == b'\n' && name == "main" {
                    self.say(pod, std::mem::take(&mut line));
                }
            }
        }
        if !line.is_empty() && name == "main" {
            self.say(pod, line);
        }
        let code = child.wait().await.unwrap().code().unwrap_or(137);
        let reason = if code == 0 { "Completed" } else { "Error" };
        self.set(pod, list, name, &json!({ "terminated": { "exitCode": code, "reason": reason } }));
        code
    }
}
