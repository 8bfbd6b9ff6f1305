//! Jobs and executions: each execution is a process.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchyard_cloud_api::fake::{
    google::{BUCKET, PROJECT, Product, REGION},
    http::{Answer, Request},
    process,
};

/// Google with Cloud Run.
pub type Google = switchyard_cloud_api::fake::google::Google<CloudRun>;

#[derive(Default)]
pub struct CloudRun {
    /// Names of the jobs with the documents that created them.
    pub jobs: BTreeMap<String, Value>,
    /// Full names of executions, oldest first, with their answers.
    pub executions: BTreeMap<String, Value>,
    /// Processes by execution.
    pids: BTreeMap<String, u32>,
    /// Bodies of `:run`.
    pub runs: Vec<Value>,
    /// Jobs that ever were.
    pub created: Vec<String>,
    /// Executions that never end by themselves and run nothing.
    pub stuck: bool,
}

impl Product for CloudRun {
    fn logged(filter: &str) -> Option<String> {
        let value = |mark: &str| filter.split(mark).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        value("resource.labels.job_name=\"")?;
        value("labels.\"run.googleapis.com/execution_name\"=\"")
    }

    fn knows(&self, work: &str) -> bool {
        self.executions.keys().any(|name| name.ends_with(work))
    }

    fn answer(google: &Google, request: &Request) -> Answer {
        let jobs = format!("/v2/projects/{PROJECT}/locations/{REGION}/jobs");
        let Some(rest) = request.path.strip_prefix(&jobs) else { return Answer::error(404, "no such project or region") };
        let parts: Vec<&str> = rest.trim_start_matches('/').split('/').filter(|part| !part.is_empty()).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => Answer::json(json!({ "jobs": [] })),
            ("POST", []) => {
                let name = request.query("jobId").unwrap().to_owned();
                let mut state = google.state();
                if state.jobs.contains_key(&name) {
                    return Answer::error(409, "the job exists");
                }
                state.created.push(name.clone());
                state.jobs.insert(name, request.json());
                Answer::json(json!({ "name": "projects/x/operations/1", "done": true }))
            }
            ("DELETE", [name]) => {
                let mut state = google.state();
                match state.jobs.remove(*name) {
                    Some(_) => {
                        state.entries.retain(|execution, _| !execution.starts_with(*name));
                        state.executions.retain(|known, _| !known.contains(&format!("/jobs/{name}/")));
                        Answer::json(json!({ "done": true }))
                    }
                    None => Answer::error(404, "no such job"),
                }
            }
            ("POST", [run]) if run.ends_with(":run") => start_execution(google, run.trim_end_matches(":run"), request.json()),
            ("GET", [name, "executions"]) => {
                let state = google.state();
                if !state.jobs.contains_key(*name) {
                    return Answer::error(404, "no such job");
                }
                let of_job = state.executions.iter().rev().filter(|(known, _)| known.contains(&format!("/jobs/{name}/")));
                let list: Vec<Value> = of_job.map(|(_, answer)| answer.clone()).collect();
                Answer::json(json!({ "executions": list }))
            }
            (_, [name, "executions", execution, rest @ ..]) => execution_api(google, request, name, execution, rest),
            _ => Answer::error(404, "no such thing"),
        }
    }
}

fn execution_api(google: &Google, request: &Request, job: &str, execution: &str, rest: &[&str]) -> Answer {
    let id = execution.trim_end_matches(":cancel");
    let name = format!("projects/{PROJECT}/locations/{REGION}/jobs/{job}/executions/{id}");
    let mut state = google.state();
    let pid = state.pids.get(&name).copied();
    let Some(known) = state.executions.get_mut(&name) else { return Answer::error(404, "no such execution") };
    match (request.method.as_str(), rest) {
        ("GET", []) => Answer::json(known.clone()),
        ("GET", ["tasks"]) => Answer::json(json!({ "tasks": [{ "lastAttemptResult": { "exitCode": known["exitCode"] } }] })),
        ("POST", []) if execution.ends_with(":cancel") => {
            if known["runningCount"] == 0 {
                return Answer::error(400, "the execution has ended");
            }
            known["cancelling"] = true.into();
            match pid {
                Some(pid) => process::end(pid),
                // Nothing runs: it ends at once.
                None => {
                    known["runningCount"] = 0.into();
                    known["cancelledCount"] = 1.into();
                }
            }
            Answer::json(json!({ "done": true }))
        }
        _ => Answer::error(404, "no such thing"),
    }
}

fn start_execution(google: &Google, job: &str, body: Value) -> Answer {
    let mut state = google.state();
    let Some(document) = state.jobs.get(job).cloned() else { return Answer::error(404, "no such job") };
    state.runs.push(body);
    state.number += 1;
    let id = format!("{job}-{:05}", state.number);
    let name = format!("projects/{PROJECT}/locations/{REGION}/jobs/{job}/executions/{id}");
    let answer = json!({ "name": name, "runningCount": 1, "succeededCount": 0, "failedCount": 0, "cancelledCount": 0 });
    state.executions.insert(name.clone(), answer);
    if !state.stuck {
        let google = google.clone();
        let container = document["template"]["template"]["containers"][0].clone();
        let (job, name) = (job.to_owned(), name.clone());
        tokio::spawn(async move { run(google, job, name, id, container).await });
    }
    Answer::json(json!({ "name": "projects/x/operations/2", "metadata": { "name": name } }))
}

async fn run(google: Google, job: String, name: String, id: String, container: Value) {
    let argv = serde_json::from_value(container["command"].clone()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let env =
        container["env"].as_array().into_iter().flatten().map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect();
    let folder = container["workingDir"].as_str().map(Into::into);
    let started = |pid| {
        google.state().pids.insert(name.clone(), pid);
    };
    let entry = |stderr, text| entry(&job, &id, if stderr { "stderr" } else { "stdout" }, json!({ "textPayload": text }));
    let (code, message) = google.run(&id, process::Command { argv, env, folder }, started, entry).await;
    let mut state = google.state();
    state.pids.remove(&name);
    if let Some(known) = state.executions.get_mut(&name) {
        let cancelled = known["cancelling"] == true;
        let count = if cancelled {
            "cancelledCount"
        } else if code == 0 {
            "succeededCount"
        } else {
            "failedCount"
        };
        known["runningCount"] = 0.into();
        known[count] = 1.into();
        known["exitCode"] = code.into();
        known["completionTime"] = "2026-01-01T00:00:00Z".into();
        known["conditions"] = json!([{ "type": "Completed", "state": "CONDITION_FAILED", "message": message }]);
    }
}

/// An entry of an execution's log.
pub fn entry(job: &str, id: &str, stream: &str, payload: Value) -> Value {
    let mut entry = json!({
        "logName": format!("projects/{PROJECT}/logs/run.googleapis.com%2F{stream}"),
        "resource": { "labels": { "job_name": job } },
        "labels": { "run.googleapis.com/execution_name": id },
    });
    entry.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
    entry
}

/// Properties that reach it, without a pause that a test would wait for.
pub fn properties(google: &Google) -> Value {
    json!({
        "projectId": PROJECT,
        "region": REGION,
        "bucket": BUCKET,
        "mountPath": google.mount(),
        "completionCheckInterval": "PT0.02S",
        "waitForLogInterval": "PT0.1S",
    })
}
