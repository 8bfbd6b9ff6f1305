//! Jobs, tasks, pools, and the files of tasks.

use serde_json::{Value, json};
use switchyard_cloud_api::fake::{
    http::{Answer, Request},
    process,
};

use super::{Azure, POOL, empty, refuse};

/// Names that the service knows, by what they are in.
const JOB: &[&str] = &["id", "poolInfo", "metadata", "onAllTasksComplete", "priority"];
const TASK: &[&str] =
    &["id", "commandLine", "containerSettings", "environmentSettings", "constraints", "resourceFiles", "outputFiles", "requiredSlots"];
const CONTAINER: &[&str] = &["imageName", "registry", "workingDirectory", "containerRunOptions"];
const REGISTRY: &[&str] = &["registryServer", "username", "password", "identityReference"];

fn unknown(value: &Value, known: &[&str]) -> Option<String> {
    value.as_object()?.keys().find(|name| !known.contains(&name.as_str())).cloned()
}

fn is_legal(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn wrong(reason: &str) -> Answer {
    refuse(400, "InvalidRequestBody", reason)
}

impl Azure {
    pub(super) fn batch_api(&self, request: &Request) -> Answer {
        if request.query("api-version").is_none_or(str::is_empty) {
            return refuse(400, "MissingRequiredQueryParameter", "api-version");
        }
        if request.method == "POST"
            && !request.body.is_empty()
            && request.header("content-type") != Some("application/json; odata=minimalmetadata")
        {
            return refuse(415, "UnsupportedMediaType", "content type");
        }
        if request.body.len() > 1 << 20 {
            return refuse(413, "RequestBodyTooLarge", "more than 1 MB");
        }
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["jobs"]) => self.create_job(request.json()),
            ("GET", ["jobs", job]) => self.state().jobs.get(*job).map_or_else(no_job, |job| Answer::json(job.clone())),
            ("DELETE", ["jobs", job]) => self.delete_job(job),
            ("POST", ["jobs", job, "terminate"]) => match self.state().jobs.get_mut(*job) {
                Some(job) => {
                    job["state"] = "completed".into();
                    empty(202)
                }
                None => no_job(),
            },
            ("POST", ["jobs", job, "addtaskcollection"]) => self.add_task(job, &request.json()),
            ("GET", ["jobs", job, "tasks", task]) => {
                let state = self.state();
                match state.tasks.get(*job).filter(|known| known["id"] == *task) {
                    Some(known) => {
                        let mut known = known.clone();
                        if let Some(stats) = state.stats.clone().filter(|_| request.query("$expand") == Some("stats")) {
                            known["stats"] = stats;
                        }
                        Answer::json(known)
                    }
                    None => refuse(404, "TaskNotFound", "no such task"),
                }
            }
            ("POST", ["jobs", job, "tasks", _, "terminate"]) => self.terminate(job),
            ("GET", ["jobs", job, "tasks", _, "files"]) => self.files(job),
            ("GET", ["jobs", job, "tasks", _, "files", name]) => self.file(job, name, request.header("ocp-range")),
            ("GET", ["pools", POOL]) => Answer::json(self.state().pool.clone()),
            ("GET", ["pools", _]) => refuse(404, "PoolNotFound", "no such pool"),
            _ => refuse(404, "InvalidUri", "no such thing"),
        }
    }

    fn create_job(&self, document: Value) -> Answer {
        let id = document["id"].as_str().unwrap_or_default().to_owned();
        if let Some(name) = unknown(&document, JOB) {
            return wrong(&format!("unknown name {name}"));
        }
        if !is_legal(&id) || !document["metadata"].as_array().is_some_and(|pairs| pairs.iter().all(|pair| pair["value"].is_string())) {
            return wrong("id or metadata");
        }
        if document["poolInfo"]["poolId"] != POOL {
            return refuse(404, "PoolNotFound", "no such pool");
        }
        let mut state = self.state();
        if state.jobs.contains_key(&id) {
            return refuse(409, "JobExists", "the job exists");
        }
        let mut job = document.clone();
        job["state"] = "active".into();
        state.jobs.insert(id, job);
        state.created.push(("job".to_owned(), document));
        if state.lost > 0 {
            state.lost -= 1;
            return refuse(503, "ServerBusy", "the answer is lost");
        }
        empty(201)
    }

    fn add_task(&self, job: &str, body: &Value) -> Answer {
        let [task] = body["value"].as_array().unwrap().as_slice() else { return wrong("one task at a time") };
        let settings = &task["containerSettings"];
        let fields = [(task, TASK), (settings, CONTAINER), (&settings["registry"], REGISTRY)];
        if let Some(name) = fields.into_iter().find_map(|(value, known)| unknown(value, known)) {
            return wrong(&format!("unknown name {name}"));
        }
        if !is_legal(task["id"].as_str().unwrap_or_default()) || !settings["imageName"].is_string() {
            return wrong("id or image");
        }
        let mut state = self.state();
        if !state.jobs.contains_key(job) {
            return no_job();
        }
        if state.tasks.contains_key(job) {
            let error = json!({ "code": "TaskExists", "message": { "value": "the task exists" } });
            return Answer::json(json!({ "value": [{ "status": "clienterror", "taskId": task["id"], "error": error }] }));
        }
        let mut known = task.clone();
        known["state"] = state.stuck.unwrap_or("active").into();
        state.tasks.insert(job.to_owned(), known);
        state.created.push(("task".to_owned(), task.clone()));
        if state.stuck.is_none() {
            tokio::spawn(self.clone().run(job.to_owned(), task.clone()));
        }
        if state.lost > 0 {
            state.lost -= 1;
            return refuse(503, "ServerBusy", "the answer is lost");
        }
        Answer::json(json!({ "value": [{ "status": "success", "taskId": task["id"] }] }))
    }

    pub fn terminate(&self, job: &str) -> Answer {
        let mut state = self.state();
        let pid = state.pids.get(job).copied();
        let Some(task) = state.tasks.get_mut(job) else { return refuse(404, "TaskNotFound", "no such task") };
        if task["state"] == "completed" {
            return refuse(409, "TaskCompleted", "the task has ended");
        }
        match pid {
            Some(pid) => {
                state.ending.push(job.to_owned());
                process::end(pid);
            }
            None => {
                task["state"] = "completed".into();
                task["executionInfo"] =
                    json!({ "result": "failure", "failureInfo": { "category": "usererror", "code": "TaskEnded", "message": "ended" } });
            }
        }
        empty(204)
    }

    pub fn delete_job(&self, job: &str) -> Answer {
        let mut state = self.state();
        if state.jobs.remove(job).is_none() {
            return no_job();
        }
        if let Some(pid) = state.pids.get(job).copied() {
            process::end(pid);
        }
        state.tasks.remove(job);
        state.output.remove(job);
        state.nodes.remove(job);
        empty(202)
    }

    fn files(&self, job: &str) -> Answer {
        let state = self.state();
        let Some(node) = state.nodes.get(job) else { return refuse(404, "TaskNotFound", "no such task") };
        let mut files = Vec::new();
        super::node::walk(node.path(), node.path(), &mut files);
        let files: Vec<Value> =
            files.into_iter().map(|(name, is_directory)| json!({ "name": name, "isDirectory": is_directory })).collect();
        Answer::json(json!({ "value": files }))
    }

    fn file(&self, job: &str, name: &str, range: Option<&str>) -> Answer {
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned();
        let state = self.state();
        let content = match name.as_str() {
            "stdout.txt" | "stderr.txt" => state.output.get(job).map(|output| output[usize::from(name == "stderr.txt")].clone()),
            name => state.nodes.get(job).and_then(|node| std::fs::read(node.path().join(name)).ok()),
        };
        let Some(content) = content else { return refuse(404, "FileNotFound", "no such file") };
        let Some(range) = range else { return Answer::bytes(content) };
        let (from, to) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).unwrap();
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        if from >= content.len() {
            return refuse(416, "InvalidRange", "nothing there");
        }
        let to = (to + 1).min(content.len());
        let headers = vec![("content-range", format!("bytes {from}-{}/{}", to - 1, content.len()))];
        Answer { status: 206, headers, body: content[from..to].to_vec() }
    }
}

fn no_job() -> Answer {
    refuse(404, "JobNotFound", "no such job")
}
