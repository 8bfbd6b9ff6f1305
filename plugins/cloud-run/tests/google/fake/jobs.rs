//! Jobs and executions: each execution is a process.

use std::{os::unix::process::ExitStatusExt, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::{
    Google, PROJECT, REGION,
    http::{Answer, Request},
};

/// Log entries that wait to be read before a process has to wait.
const MOST: usize = 20_000;

impl Google {
    pub(super) fn run_api(&self, request: &Request) -> Answer {
        let jobs = format!("/v2/projects/{PROJECT}/locations/{REGION}/jobs");
        let Some(rest) = request.path.strip_prefix(&jobs) else { return Answer::error(404, "no such project or region") };
        let parts: Vec<&str> = rest.trim_start_matches('/').split('/').filter(|part| !part.is_empty()).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => Answer::json(json!({ "jobs": [] })),
            ("POST", []) => {
                let name = request.query("jobId").unwrap().to_owned();
                let mut state = self.state();
                if state.jobs.contains_key(&name) {
                    return Answer::error(409, "the job exists");
                }
                state.created.push(name.clone());
                state.jobs.insert(name, request.json());
                Answer::json(json!({ "name": "projects/x/operations/1", "done": true }))
            }
            ("DELETE", [name]) => {
                let mut state = self.state();
                match state.jobs.remove(*name) {
                    Some(_) => {
                        state.entries.retain(|execution, _| !execution.starts_with(*name));
                        state.executions.retain(|known, _| !known.contains(&format!("/jobs/{name}/")));
                        Answer::json(json!({ "done": true }))
                    }
                    None => Answer::error(404, "no such job"),
                }
            }
            ("POST", [run]) if run.ends_with(":run") => self.start_execution(run.trim_end_matches(":run"), request.json()),
            ("GET", [name, "executions"]) => {
                let state = self.state();
                if !state.jobs.contains_key(*name) {
                    return Answer::error(404, "no such job");
                }
                let of_job = state.executions.iter().rev().filter(|(known, _)| known.contains(&format!("/jobs/{name}/")));
                let list: Vec<Value> = of_job.map(|(_, answer)| answer.clone()).collect();
                Answer::json(json!({ "executions": list }))
            }
            (_, [name, "executions", execution, rest @ ..]) => self.execution(request, name, execution, rest),
            _ => Answer::error(404, "no such thing"),
        }
    }

    fn execution(&self, request: &Request, job: &str, execution: &str, rest: &[&str]) -> Answer {
        let id = execution.trim_end_matches(":cancel");
        let name = format!("projects/{PROJECT}/locations/{REGION}/jobs/{job}/executions/{id}");
        let mut state = self.state();
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
                    Some(pid) => self.clone().end_process(pid),
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

    /// SIGTERM, and SIGKILL soon after.
    fn end_process(self, pid: u32) {
        let kill = move |signal: &str| {
            let group = format!("-{pid}");
            let _ = std::process::Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
        };
        tokio::spawn(async move {
            kill("-TERM");
            tokio::time::sleep(Duration::from_millis(700)).await;
            kill("-KILL");
        });
    }

    fn start_execution(&self, job: &str, body: Value) -> Answer {
        let mut state = self.state();
        let Some(document) = state.jobs.get(job).cloned() else { return Answer::error(404, "no such job") };
        state.runs.push(body);
        state.number += 1;
        let id = format!("{job}-{:05}", state.number);
        let name = format!("projects/{PROJECT}/locations/{REGION}/jobs/{job}/executions/{id}");
        let answer = json!({ "name": name, "runningCount": 1, "succeededCount": 0, "failedCount": 0, "cancelledCount": 0 });
        state.executions.insert(name.clone(), answer);
        if !state.stuck {
            let google = self.clone();
            let container = document["template"]["template"]["containers"][0].clone();
            let (job, name) = (job.to_owned(), name.clone());
            tokio::spawn(async move { google.run(job, name, id, container).await });
        }
        Answer::json(json!({ "name": "projects/x/operations/2", "metadata": { "name": name } }))
    }

    async fn run(self, job: String, name: String, id: String, container: Value) {
        let argv: Vec<String> = serde_json::from_value(container["command"].clone()).unwrap();
        let mut command = tokio::process::Command::new(&argv[0]);
        command.args(&argv[1..]).process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for variable in container["env"].as_array().into_iter().flatten() {
            command.env(variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap());
        }
        if let Some(folder) = container["workingDir"].as_str() {
            command.current_dir(folder);
        }
        let (code, message) = match command.spawn() {
            Ok(mut child) => {
                self.state().pids.insert(name.clone(), child.id().unwrap());
                let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
                let (status, ..) =
                    tokio::join!(child.wait(), self.lines(stdout, "stdout", &job, &id), self.lines(stderr, "stderr", &job, &id));
                let status = status.unwrap();
                (status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap(), "The command ended".to_owned())
            }
            Err(error) => (127, error.to_string()),
        };
        let mut state = self.state();
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

    async fn lines(&self, pipe: impl AsyncRead + Unpin, stream: &str, job: &str, id: &str) {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).await.is_ok_and(|size| size > 0) {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
            line.clear();
            self.log(job, id, stream, json!({ "textPayload": text }));
            while self.waiting(id) > MOST {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if !self.state().executions.keys().any(|name| name.ends_with(id)) {
                    return;
                }
            }
        }
    }

    /// Entries of an execution that nobody has read.
    fn waiting(&self, id: &str) -> usize {
        let state = self.state();
        state.entries.get(id).map_or(0, Vec::len).saturating_sub(state.served.get(id).copied().unwrap_or_default())
    }

    /// Adds an entry.
    pub fn log(&self, job: &str, id: &str, stream: &str, payload: Value) {
        let mut state = self.state();
        state.number += 1;
        let number = state.number;
        let mut entry = json!({
            "insertId": format!("{number:012}"),
            "timestamp": format!("2026-01-01T{:02}:{:02}:{:02}.{:09}Z", number / 3_600_000_000 % 24, number / 60_000_000 % 60, number / 1_000_000 % 60, number % 1_000_000),
            "logName": format!("projects/{PROJECT}/logs/run.googleapis.com%2F{stream}"),
            "resource": { "labels": { "job_name": job } },
            "labels": { "run.googleapis.com/execution_name": id },
        });
        entry.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
        let all = state.entries.entry(id.to_owned()).or_default();
        let place = all.partition_point(|known| known["timestamp"].as_str() <= entry["timestamp"].as_str());
        all.insert(place, entry);
    }
}
