//! The containers of a job, as processes. A volume is a real folder where the containers look for it.

use std::{collections::BTreeMap, fs, path::Path, sync::Mutex, time::Duration};

use crate::fake::process;
use serde_json::{Value, json};

use super::Aws;

/// Log events that wait to be read before a process has to wait.
const MOST: usize = 20_000;
/// Instead of the exit code of a container that could not start.
const NEVER: i32 = i32::MIN;

impl Aws {
    pub(super) async fn run_job(self, id: String, definition: Value) {
        let task = &definition["ecsProperties"]["taskProperties"][0];
        let containers = task["containers"].as_array().unwrap();
        let volumes: Vec<String> = containers
            .iter()
            .flat_map(|one| one["mountPoints"].as_array().into_iter().flatten())
            .map(|mount| mount["containerPath"].as_str().unwrap().to_owned())
            .collect();
        volumes.iter().for_each(|path| fs::create_dir_all(path).unwrap());
        let mut codes: BTreeMap<String, i32> = BTreeMap::new();
        let mut reason = None;
        for (number, container) in containers.iter().enumerate() {
            let met = container["dependsOn"]
                .as_array()
                .into_iter()
                .flatten()
                .all(|need| codes.get(need["containerName"].as_str().unwrap()) == Some(&0));
            if !met || self.terminated(&id) {
                reason = Some("Dependent container did not succeed");
                break;
            }
            let name = container["name"].as_str().unwrap().to_owned();
            let code = self.run_container(&id, number, container).await;
            codes.insert(name, code);
            self.change(&id, |job| {
                let seen = &mut job["ecsProperties"]["taskProperties"][0]["containers"][number];
                seen["exitCode"] = code.into();
                if code == NEVER {
                    seen["reason"] = "CannotPullContainerError: not found".into();
                    seen.as_object_mut().unwrap().remove("exitCode");
                }
            });
        }
        for path in volumes {
            let _ = fs::remove_dir_all(path);
        }
        let failed = reason.is_some() || codes.values().any(|code| *code != 0);
        self.change(&id, |job| {
            if failed && job["statusReason"].is_null() {
                job["statusReason"] = "Essential container in task exited".into();
            }
            job["status"] = if failed { "FAILED" } else { "SUCCEEDED" }.into();
        });
    }

    fn terminated(&self, id: &str) -> bool {
        self.state().jobs[id]["isTerminated"] == true
    }

    fn change(&self, id: &str, how: impl FnOnce(&mut Value)) {
        how(self.state().jobs.get_mut(id).unwrap());
    }

    async fn run_container(&self, id: &str, number: usize, container: &Value) -> i32 {
        let options = &container["logConfiguration"]["options"];
        let stream =
            format!("{}/{}/{id}", options["awslogs-stream-prefix"].as_str().unwrap_or("default"), container["name"].as_str().unwrap());
        self.change(id, |job| {
            job["status"] = "RUNNING".into();
            job["ecsProperties"]["taskProperties"][0]["containers"][number]["logStreamName"] = stream.as_str().into();
        });
        let mut argv: Vec<String> = serde_json::from_value(container["command"].clone()).unwrap();
        let mut with_role = false;
        if argv.first().is_some_and(|word| word == "s3") {
            let cli = self.state().cli.clone();
            match cli {
                Some(cli) => {
                    with_role = true;
                    argv.insert(0, cli.to_str().unwrap().to_owned());
                }
                None => return self.copy(&argv[1..], &stream),
            }
        }
        if container["image"] == "missing" {
            return NEVER;
        }
        let variables = container["environment"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut env: BTreeMap<String, String> = variables.map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect();
        if with_role {
            env.extend(
                [("AWS_ACCESS_KEY_ID", "ASIATASK"), ("AWS_SECRET_ACCESS_KEY", "of the role")]
                    .map(|(name, value)| (name.into(), value.into())),
            );
        }
        let command = process::Command {
            argv,
            env,
            // As in a container: none of the host's folders is the current one.
            folder: Some("/".into()),
        };
        // Pieces of both streams, until their lines end.
        let rest = Mutex::new([Vec::new(), Vec::new()]);
        let started = |pid| {
            self.state().pids.insert(id.to_owned(), pid);
        };
        let (code, _) = process::run(command, started, |stderr, bytes| {
            let lines = lines(&mut rest.lock().unwrap()[usize::from(stderr)], &bytes);
            lines.iter().for_each(|line| self.log(&stream, line));
            self.keep_pace(&stream)
        })
        .await;
        for last in rest.into_inner().unwrap().iter().filter(|last| !last.is_empty()) {
            self.log(&stream, &String::from_utf8_lossy(last));
        }
        self.state().pids.remove(id);
        code
    }

    /// Waits while nobody reads.
    async fn keep_pace(&self, stream: &str) -> bool {
        while self.waiting(stream) > MOST {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// The AWS CLI's `s3 cp FROM TO --recursive`.
    fn copy(&self, words: &[String], stream: &str) -> i32 {
        let [cp, from, to, flags @ ..] = words else { return 252 };
        assert!(cp == "cp" && flags.contains(&"--recursive".to_owned()), "{words:?}");
        let excluded = flags.iter().position(|word| word == "--exclude").map(|at| flags[at + 1].trim_start_matches('*').to_owned());
        let mut state = self.state();
        match (from.strip_prefix("s3://"), to.strip_prefix("s3://")) {
            (Some(from), None) => {
                for (name, content) in state.objects.iter().filter_map(|(key, content)| Some((key.strip_prefix(from)?, content))) {
                    let path = Path::new(to).join(name);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, content).unwrap();
                }
                0
            }
            (None, Some(to)) if to.split('/').next().is_some_and(|bucket| state.buckets.contains(bucket)) => {
                let mut found = Vec::new();
                walk(Path::new(from), Path::new(from), &mut found);
                let mut code = 0;
                for (name, content) in found {
                    match content {
                        _ if excluded.as_ref().is_some_and(|end| name.ends_with(end.as_str())) => {}
                        Some(content) => drop(state.objects.insert(format!("{to}{name}"), content)),
                        // Dead links, sockets and pipes.
                        None => code = 2,
                    }
                }
                drop(state);
                if code != 0 {
                    self.log(stream, "warning: Skipping file");
                }
                code
            }
            _ => {
                drop(state);
                self.log(stream, "fatal error: An error occurred (NoSuchBucket)");
                1
            }
        }
    }

    /// A job that somebody else changes.
    pub fn end_job(&self, id: &str, status: &str, more: Value) {
        self.change(id, |job| {
            job["status"] = status.into();
            job.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        });
    }

    /// A job that runs nothing gets a main container with a stream.
    pub fn begin(&self, id: &str, stream: &str) {
        self.change(id, |job| {
            job["status"] = "RUNNING".into();
            job["ecsProperties"] = json!({ "taskProperties": [{ "containers": [{ "name": "main", "logStreamName": stream }] }] });
        });
    }
}

/// Whole lines of what came, with what was left before.
fn lines(rest: &mut Vec<u8>, bytes: &[u8]) -> Vec<String> {
    rest.extend_from_slice(bytes);
    let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
    let whole: Vec<u8> = rest.drain(..=end).collect();
    whole[..end].split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

/// Files with their contents; none for what cannot be read.
fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, Option<Vec<u8>>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            found.push((path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), fs::read(&path).ok()));
        }
    }
}
