//! The node: fetches files, runs the command without a shell of its own, stores what is left.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::{Value, json};
use switchyard_cloud_api::{fake::process, http};

use super::{Azure, CONTAINER, STORAGE, signature};

/// Most of a task's output that waits to be read.
const MOST: usize = 8 << 20;

/// Words of a command line: quotes keep blanks, a backslash in them keeps a quote or a backslash.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            '\\' if quoted && matches!(chars.peek(), Some('"' | '\\')) => word.push(chars.next().unwrap()),
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

pub fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, bool)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        found.push((path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), path.is_dir()));
        if path.is_dir() {
            walk(root, &path, found);
        }
    }
}

/// The blob that an address with a signature means, and the signature.
fn address(url: &str) -> (String, Vec<(String, String)>) {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (path, query) = url.split_once('?').unwrap();
    let blob = decode(path.split(&format!("/{STORAGE}/{CONTAINER}")).nth(1).unwrap()).trim_start_matches('/').to_owned();
    (blob, query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decode(name), decode(value))).collect())
}

impl Azure {
    pub(super) async fn run(self, job: String, task: Value) {
        let node = tempfile::tempdir().unwrap();
        let wd = node.path().canonicalize().unwrap().join("wd");
        std::fs::create_dir(&wd).unwrap();
        self.turn(&job, "preparing");
        if let Err(reason) = self.fetch(&task, &wd).await {
            return self.end(
                &job,
                json!({ "result": "failure", "failureInfo": { "category": "usererror", "code": "BlobAccessDenied", "message": reason } }),
            );
        }
        if task["containerSettings"]["imageName"] == "missing" {
            let failure = json!({ "category": "servererror", "code": "ContainerInvalidImage", "message": "the image cannot be found" });
            return self
                .end(&job, json!({ "result": "failure", "failureInfo": failure, "containerInfo": { "error": "manifest unknown" } }));
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut env: BTreeMap<String, String> =
            task["environmentSettings"].as_array().unwrap().iter().map(|pair| (text(&pair["name"]), text(&pair["value"]))).collect();
        env.insert("AZ_BATCH_TASK_WORKING_DIR".to_owned(), wd.to_str().unwrap().to_owned());
        self.state().output.insert(job.clone(), Default::default());
        self.state().nodes.insert(job.clone(), node);
        self.turn(&job, "running");
        let command = process::Command { argv: split(task["commandLine"].as_str().unwrap()), env, folder: Some(wd.clone()) };
        let limit = task["constraints"]["maxWallClockTime"].as_str().unwrap();
        let limit = limit.strip_prefix("PT").unwrap().strip_suffix('S').unwrap().parse().unwrap();
        let started = |pid| {
            self.state().pids.insert(job.clone(), pid);
        };
        let output = |stderr: bool, bytes: Vec<u8>| {
            let (azure, job) = (&self, &job);
            async move {
                match azure.state().output.get_mut(job) {
                    Some(output) => output[usize::from(stderr)].extend(bytes),
                    None => return false,
                }
                // Disks are large, this machine's memory is not.
                if azure.state().output.get(job).is_some_and(|output| output[0].len() > MOST) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                azure.state().output.get(job).is_some_and(|output| output[0].len() < 8 * MOST)
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(limit), process::run(command, started, output)).await;
        let pid = self.state().pids.remove(&job);
        let ending = self.state().ending.contains(&job);
        let failure = |code: &str, message: &str| json!({ "category": "usererror", "code": code, "message": message });
        let info = match ended {
            Err(_) => {
                process::end(pid.unwrap());
                json!({ "exitCode": 137, "result": "failure", "failureInfo": failure("TaskEnded", "the maximum wall clock time was exceeded") })
            }
            Ok((code, _)) if ending => {
                json!({ "exitCode": code, "result": "failure", "failureInfo": failure("TaskEnded", "ended by a user") })
            }
            Ok((0, _)) => json!({ "exitCode": 0, "result": "success" }),
            Ok((code, _)) => {
                json!({ "exitCode": code, "result": "failure", "failureInfo": failure("FailureExitCode", "the task exited with a failure") })
            }
        };
        let info = match self.store(&task, &wd).await {
            Ok(()) => info,
            Err(reason) => {
                json!({ "exitCode": info["exitCode"], "result": "failure", "failureInfo": failure("FileUploadContainerNotFound", &reason) })
            }
        };
        self.end(&job, info);
    }

    fn turn(&self, job: &str, state: &str) {
        if let Some(task) = self.state().tasks.get_mut(job) {
            task["state"] = state.into();
        }
    }

    fn end(&self, job: &str, info: Value) {
        if let Some(task) = self.state().tasks.get_mut(job) {
            task["executionInfo"] = info;
            task["nodeInfo"] = json!({ "nodeId": "node-1" });
            task["state"] = "completed".into();
        }
    }

    async fn fetch(&self, task: &Value, wd: &Path) -> Result<(), String> {
        for file in task["resourceFiles"].as_array().into_iter().flatten() {
            let content = self.read(file["httpUrl"].as_str().unwrap()).await?;
            let path = wd.join(file["filePath"].as_str().unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
            // As the service lays them.
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o770)).unwrap();
        }
        Ok(())
    }

    async fn store(&self, task: &Value, wd: &Path) -> Result<(), String> {
        for files in task["outputFiles"].as_array().into_iter().flatten() {
            let condition = files["uploadOptions"]["uploadCondition"].as_str();
            assert_eq!((files["filePattern"].as_str(), condition), (Some("**/*"), Some("taskcompletion")));
            let target = &files["destination"]["container"];
            if self.state().keeps_outputs {
                return Err("no place".to_owned());
            }
            let mut found = Vec::new();
            walk(wd, wd, &mut found);
            for (name, _) in found.iter().filter(|(_, is_directory)| !is_directory) {
                let blob = format!("{}/{name}", target["path"].as_str().unwrap());
                self.write(target["containerUrl"].as_str().unwrap(), &blob, std::fs::read(wd.join(name)).unwrap()).await?;
            }
        }
        Ok(())
    }

    /// From this fake's own storage, else from an emulator.
    async fn read(&self, url: &str) -> Result<Vec<u8>, String> {
        if url.starts_with(self.address()) {
            let (blob, query) = address(url);
            signature::allows(&query, Some(&blob), 'r')?;
            return self.state().blobs.get(&blob).cloned().ok_or("no such blob".to_owned());
        }
        let answered = async { http::client()?.get(url).send().await?.error_for_status()?.bytes().await };
        answered.await.map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
    }

    async fn write(&self, container: &str, blob: &str, content: Vec<u8>) -> Result<(), String> {
        if container.starts_with(self.address()) {
            signature::allows(&address(container).1, None, 'w')?;
            self.state().blobs.insert(blob.to_owned(), content);
            return Ok(());
        }
        let url = container.replacen('?', &format!("/{blob}?"), 1);
        let answered =
            async { http::client()?.put(url).header("x-ms-blob-type", "BlockBlob").body(content).send().await?.error_for_status() };
        answered.await.map(drop).map_err(|error| error.to_string())
    }
}
