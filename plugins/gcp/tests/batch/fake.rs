//! Google Batch: each job is a process, the folder of the bucket lies where its container would see it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use switchyard_cloud_api::fake::{
    google::{BUCKET, PROJECT, Product, REGION},
    http::{Answer, Request},
    process,
};

use crate::schema;

/// That of the flow in the documentation.
const SEEDS_REGION: &str = "europe-west9";

/// Google with Batch.
pub type Google = switchyard_cloud_api::fake::google::Google<Batch>;

#[derive(Default)]
pub struct Batch {
    /// By name; as they are answered.
    pub jobs: BTreeMap<String, Value>,
    /// Processes by job.
    pids: BTreeMap<String, u32>,
    /// Documents that created jobs, by name.
    pub created: Vec<(String, Value)>,
    /// Ids of requests that were fulfilled, with their answers.
    fulfilled: BTreeMap<String, String>,
    /// Operations that are not done, and how often they are asked for until they are.
    operations: BTreeMap<String, u32>,
    /// Looks at a job that find nothing, right after it was made.
    pub unknown: u32,
    /// Jobs stay in this state and run nothing.
    pub stuck: Option<&'static str>,
    /// Answers hold numbers instead of names.
    pub numbers: bool,
    /// The next answers to a creation are lost.
    pub lost: u32,
}

const STATES: &[&str] = &[
    "STATE_UNSPECIFIED",
    "QUEUED",
    "SCHEDULED",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
    "DELETION_IN_PROGRESS",
    "CANCELLATION_IN_PROGRESS",
    "CANCELLED",
];

fn full(job: &str) -> String {
    format!("projects/{PROJECT}/locations/{REGION}/jobs/{job}")
}

fn is_legal(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

impl Product for Batch {
    /// The documented filter, and no other one.
    fn logged(filter: &str) -> Option<String> {
        let rest = filter.strip_prefix(&format!("logName=\"projects/{PROJECT}/logs/batch_task_logs\" AND labels.job_uid=\""))?;
        rest.split('"').next().map(str::to_owned)
    }

    fn knows(&self, work: &str) -> bool {
        self.jobs.values().any(|job| job["uid"] == work)
    }

    fn answer(google: &Google, request: &Request) -> Answer {
        let regional = request.path.strip_prefix(&format!("/v1/projects/{PROJECT}/locations/")).and_then(|rest| rest.split_once('/'));
        let Some((REGION | SEEDS_REGION, rest)) = regional else { return Answer::error(404, "no such project or region") };
        let parts: Vec<&str> = rest.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["jobs"]) => create(google, request),
            ("GET", ["jobs"]) => list(google, request),
            ("GET", ["jobs", name]) => {
                let mut state = google.state();
                if state.unknown > 0 {
                    state.unknown -= 1;
                    return Answer::error(404, "not yet");
                }
                match state.jobs.get(*name) {
                    Some(job) => Answer::json(shown(job, state.numbers)),
                    None => Answer::error(404, "no such job"),
                }
            }
            ("GET", ["jobs", name, "taskGroups", "group0", "tasks", "0"]) => match google.state().jobs.get(*name) {
                Some(job) if job.get("task").is_some() => Answer::json(json!({ "status": job["task"] })),
                _ => Answer::error(404, "no such task"),
            },
            ("DELETE", ["jobs", name]) => delete(google, name),
            ("POST", ["jobs", action]) if action.ends_with(":cancel") => cancel(google, action.trim_end_matches(":cancel")),
            ("GET", ["operations", name]) => {
                let mut state = google.state();
                let Some(left) = state.operations.get_mut(*name) else { return Answer::error(404, "no such operation") };
                *left = left.saturating_sub(1);
                let done = *left == 0;
                Answer::json(json!({ "name": request.path.trim_start_matches("/v1/"), "done": done }))
            }
            _ => Answer::error(404, "no such thing"),
        }
    }
}

/// As it is answered: without what only the fake knows.
fn shown(job: &Value, numbers: bool) -> Value {
    let mut job = job.clone();
    let fields = job.as_object_mut().unwrap();
    fields.remove("task");
    if numbers {
        let state = fields["status"]["state"].as_str().unwrap().to_owned();
        fields["status"]["state"] = STATES.iter().position(|known| *known == state).into();
    }
    job
}

fn create(google: &Google, request: &Request) -> Answer {
    let (Some(name), Some(id)) = (request.query("jobId"), request.query("requestId")) else { return Answer::error(400, "no id") };
    let document = request.json();
    if let Err(reason) = schema::check(&document) {
        return Answer::error(400, &reason);
    }
    if !is_legal(name) || id.len() != 36 {
        return Answer::error(400, "an id is not legal");
    }
    let mut state = google.state();
    if let Some(known) = state.fulfilled.get(id) {
        return Answer::json(shown(&state.jobs[known], state.numbers));
    }
    if state.jobs.contains_key(name) {
        return Answer::error(409, "the job exists");
    }
    state.number += 1;
    let mut job = document.clone();
    job["name"] = full(name).into();
    job["uid"] = format!("{name}-{:04}", state.number).into();
    job["status"] = json!({ "state": state.stuck.unwrap_or("QUEUED"), "statusEvents": [] });
    state.jobs.insert(name.to_owned(), job.clone());
    state.created.push((name.to_owned(), document));
    state.fulfilled.insert(id.to_owned(), name.to_owned());
    if state.stuck.is_none() {
        tokio::spawn(run(google.clone(), name.to_owned(), job.clone()));
    }
    if state.lost > 0 {
        state.lost -= 1;
        return Answer::error(503, "the answer is lost");
    }
    Answer::json(shown(&job, state.numbers))
}

/// Newest first, and the filter that the runner is known to use.
fn list(google: &Google, request: &Request) -> Answer {
    let state = google.state();
    if request.query("pageSize") == Some("1") {
        return Answer::json(json!({}));
    }
    let Some(filter) = request.query("filter").and_then(|filter| filter.strip_prefix("labels.")) else {
        return Answer::error(400, "no filter");
    };
    let (label, value) = filter.split_once('=').unwrap();
    let wanted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
    let newest = state.created.iter().rev().filter_map(|(name, _)| state.jobs.get(name));
    let jobs: Vec<Value> = newest.filter(|job| job["labels"][label] == wanted).map(|job| shown(job, state.numbers)).collect();
    let size: usize = request.query("pageSize").unwrap().parse().unwrap();
    let offset: usize = request.query("pageToken").map_or(0, |token| token.parse().unwrap());
    let page: Vec<Value> = jobs.iter().skip(offset).take(size).cloned().collect();
    let next = (offset + page.len() < jobs.len()).then(|| (offset + page.len()).to_string());
    Answer::json(json!({ "jobs": page, "nextPageToken": next }))
}

pub fn delete(google: &Google, name: &str) -> Answer {
    let mut state = google.state();
    let Some(job) = state.jobs.get_mut(name) else { return Answer::error(404, "no such job") };
    if job["status"]["state"] == "DELETION_IN_PROGRESS" {
        return Answer::error(409, "it is being deleted");
    }
    let running = !matches!(job["status"]["state"].as_str(), Some("SUCCEEDED" | "FAILED" | "CANCELLED"));
    job["status"]["state"] = "DELETION_IN_PROGRESS".into();
    let pid = state.pids.get(name).copied();
    match pid.filter(|_| running) {
        // It is gone when its process is.
        Some(pid) => process::end(pid),
        None => drop(state.jobs.remove(name)),
    }
    state.number += 1;
    let operation = format!("operation-{}", state.number);
    state.operations.insert(operation.clone(), 2);
    Answer::json(json!({ "name": format!("projects/{PROJECT}/locations/{REGION}/operations/{operation}"), "done": false }))
}

pub fn cancel(google: &Google, name: &str) -> Answer {
    let mut state = google.state();
    let pid = state.pids.get(name).copied();
    let Some(job) = state.jobs.get_mut(name) else { return Answer::error(404, "no such job") };
    match job["status"]["state"].as_str().unwrap() {
        "SUCCEEDED" | "FAILED" | "CANCELLED" => return Answer::error(400, "the job has ended"),
        _ => {}
    }
    match pid {
        Some(pid) => {
            job["status"]["state"] = "CANCELLATION_IN_PROGRESS".into();
            process::end(pid);
        }
        None => job["status"]["state"] = "CANCELLED".into(),
    }
    Answer::json(json!({ "name": "operation", "done": false }))
}

/// Adds an event, and the state that it leads to.
fn happen(google: &Google, name: &str, new: &str, exit: Option<i32>) {
    let mut state = google.state();
    state.number += 1;
    let time = format!("2026-01-01T00:00:00.{:09}Z", state.number);
    let Some(job) = state.jobs.get_mut(name) else { return };
    let old = job["status"]["state"].as_str().unwrap().to_owned();
    let event = json!({ "type": "STATUS_CHANGED", "description": format!("Job state is set from {old} to {new} for job {name}."), "eventTime": time });
    job["status"]["statusEvents"].as_array_mut().unwrap().push(event);
    job["status"]["state"] = new.into();
    if let Some(code) = exit {
        let mut event = json!({ "type": "STATUS_CHANGED", "description": format!("Task ended with exit code {code}."), "eventTime": time, "taskExecution": {} });
        // As the real service does it, zero is left out.
        if code != 0 {
            event["taskExecution"]["exitCode"] = code.into();
        }
        job["task"] = json!({ "state": if code == 0 { "SUCCEEDED" } else { "FAILED" }, "statusEvents": [event] });
    }
}

/// The folder of the bucket, where the container sees it.
struct Mount(Option<PathBuf>);

impl Mount {
    fn new(google: &Google, spec: &Value) -> Self {
        let Some(volume) = spec["volumes"].get(0) else { return Self(None) };
        let remote = volume["gcs"]["remotePath"].as_str().unwrap().strip_prefix(&format!("{BUCKET}/")).unwrap();
        let used = spec["runnables"][0]["container"]["volumes"][0].as_str().unwrap();
        let inside = used.strip_prefix(&format!("{}:", volume["mountPath"].as_str().unwrap())).unwrap();
        let _ = std::fs::remove_file(inside);
        std::os::unix::fs::symlink(google.mount().join(remote), inside).unwrap();
        Self(Some(inside.into()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn run(google: Google, name: String, job: Value) {
    let spec = &job["taskGroups"][0]["taskSpec"];
    let (uid, container) = (job["uid"].as_str().unwrap(), &spec["runnables"][0]["container"]);
    happen(&google, &name, "SCHEDULED", None);
    let mount = Mount::new(&google, spec);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut argv: Vec<String> = container["entrypoint"].as_str().map(str::to_owned).into_iter().collect();
    argv.extend(container["commands"].as_array().unwrap().iter().map(text));
    let env = spec["runnables"][0]["environment"]["variables"].as_object().unwrap();
    let env = env.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let folder = container["options"].as_str().and_then(|options| options.strip_prefix("--workdir "));
    // An image's own directory is never that of its files.
    let folder = std::fs::canonicalize(folder.map_or(Path::new("/"), Path::new)).unwrap();
    happen(&google, &name, "RUNNING", None);
    let started = |pid| {
        google.state().pids.insert(name.clone(), pid);
    };
    let entry = |stderr: bool, line: String| self::entry(uid, if stderr { "ERROR" } else { "INFO" }, json!({ "textPayload": line }));
    let command = process::Command { argv, env, folder: Some(folder) };
    let limit = spec["maxRunDuration"].as_str().unwrap().trim_end_matches('s').parse().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(limit), google.run(uid, command, started, entry)).await;
    let pid = google.state().pids.remove(&name);
    let code = match ended {
        Ok((code, _)) => code,
        Err(_) => {
            process::end(pid.unwrap());
            50005
        }
    };
    drop(mount);
    let now = google.state().jobs.get(&name).map(|job| job["status"]["state"].as_str().unwrap().to_owned());
    match now.as_deref() {
        Some("DELETION_IN_PROGRESS") => drop(google.state().jobs.remove(&name)),
        Some("CANCELLATION_IN_PROGRESS") => happen(&google, &name, "CANCELLED", Some(code)),
        Some(_) => happen(&google, &name, if code == 0 { "SUCCEEDED" } else { "FAILED" }, Some(code)),
        None => {}
    }
}

/// An entry of a job's log.
pub fn entry(uid: &str, severity: &str, payload: Value) -> Value {
    let log = format!("projects/{PROJECT}/logs/batch_task_logs");
    let mut entry = json!({ "logName": log, "severity": severity, "labels": { "job_uid": uid } });
    entry.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
    entry
}
