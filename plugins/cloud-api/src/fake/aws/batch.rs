//! AWS Batch.

use serde_json::{Value, json};

use super::{ARN, Aws, name_of, refuse, validate};
use crate::fake::http::Answer;

fn client_error(message: &str) -> Answer {
    refuse(400, "ClientException", message)
}

fn names(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|name| name_of(name.as_str().unwrap())).collect()
}

impl Aws {
    pub(super) fn batch(&self, operation: &str, body: Value) -> Answer {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let mut state = self.state();
        match operation {
            "describecomputeenvironments" => {
                let wanted = names(&body["computeEnvironments"]);
                let found: Vec<&Value> = wanted.iter().filter_map(|name| state.environments.get(name)).collect();
                Answer::json(json!({ "computeEnvironments": found }))
            }
            "describejobqueues" => {
                let mut found = Vec::new();
                for name in names(&body["jobQueues"]) {
                    let Some(queue) = state.queues.get_mut(&name) else { continue };
                    found.push(queue.clone());
                    // What was begun is done when it is looked at again.
                    queue["status"] = "VALID".into();
                }
                Answer::json(json!({ "jobQueues": found }))
            }
            "createjobqueue" => {
                let name = text("jobQueueName");
                let environment = name_of(body["computeEnvironmentOrder"][0]["computeEnvironment"].as_str().unwrap());
                if !state.environments.contains_key(&environment) || state.queues.contains_key(&name) {
                    return client_error("no such environment, or the queue exists");
                }
                state.queue(&name);
                state.queues.get_mut(&name).unwrap()["status"] = "CREATING".into();
                Answer::json(json!({ "jobQueueName": name, "jobQueueArn": format!("{ARN}:job-queue/{name}") }))
            }
            "updatejobqueue" => match state.queues.get_mut(&name_of(&text("jobQueue"))) {
                Some(queue) => {
                    queue["state"] = body["state"].clone();
                    queue["status"] = "UPDATING".into();
                    Answer::json(json!({}))
                }
                None => client_error("no such queue"),
            },
            "deletejobqueue" => {
                let name = name_of(&text("jobQueue"));
                match state.queues.get(&name) {
                    Some(queue) if queue["state"] == "DISABLED" && queue["status"] == "VALID" => {
                        state.queues.remove(&name);
                        Answer::json(json!({}))
                    }
                    _ => client_error("Cannot delete, found existing JobQueue relationship, or it is not disabled"),
                }
            }
            "registerjobdefinition" => {
                if let Err(why) = validate::definition(&body) {
                    return client_error(&why);
                }
                let revision = state.count();
                let arn = format!("{ARN}:job-definition/{}:{revision}", text("jobDefinitionName"));
                let mut document = body.clone();
                document["status"] = "ACTIVE".into();
                document["jobDefinitionArn"] = arn.as_str().into();
                state.definitions.insert(arn.clone(), document);
                Answer::json(json!({ "jobDefinitionArn": arn, "jobDefinitionName": text("jobDefinitionName"), "revision": revision }))
            }
            "describejobdefinitions" => {
                let of_name = |one: &&Value| one["jobDefinitionName"] == body["jobDefinitionName"] && one["status"] == body["status"];
                let found: Vec<&Value> = state.definitions.values().filter(of_name).collect();
                Answer::json(json!({ "jobDefinitions": found }))
            }
            "deregisterjobdefinition" => match state.definitions.get_mut(&text("jobDefinition")) {
                Some(definition) => {
                    definition["status"] = "INACTIVE".into();
                    Answer::json(json!({}))
                }
                None => client_error("jobDefinition needs its revision"),
            },
            "submitjob" => {
                drop(state);
                self.submit(&body)
            }
            "describejobs" => {
                let ids = body["jobs"].as_array().unwrap();
                if ids.is_empty() || ids.len() > 100 {
                    return client_error("1 to 100 jobs");
                }
                if state.hidden > 0 {
                    state.hidden -= 1;
                    return Answer::json(json!({ "jobs": [] }));
                }
                let found: Vec<&Value> = ids.iter().filter_map(|id| state.jobs.get(id.as_str().unwrap())).collect();
                Answer::json(json!({ "jobs": found }))
            }
            "listjobs" => {
                let queue = name_of(&text("jobQueue"));
                if !state.queues.contains_key(&queue) {
                    return client_error("no such queue");
                }
                let pattern = body["filters"][0]["values"][0].as_str().unwrap().to_lowercase();
                let of_name = |job: &&Value| {
                    job["jobName"].as_str().unwrap().to_lowercase() == pattern && name_of(job["jobQueue"].as_str().unwrap()) == queue
                };
                // Small pages, so that somebody who reads one only is found out.
                let all: Vec<Value> = state
                    .jobs
                    .values()
                    .rev()
                    .filter(of_name)
                    .map(|job| json!({ "jobId": job["jobId"], "jobName": job["jobName"] }))
                    .collect();
                let from: usize = body["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let next = (from + 1 < all.len()).then(|| (from + 1).to_string());
                Answer::json(json!({ "jobSummaryList": all.iter().skip(from).take(1).collect::<Vec<_>>(), "nextToken": next }))
            }
            "terminatejob" => {
                let id = text("jobId");
                let Some(job) = state.jobs.get_mut(&id) else { return client_error("no such job") };
                if !matches!(job["status"].as_str().unwrap(), "SUCCEEDED" | "FAILED") {
                    job["isTerminated"] = true.into();
                    job["statusReason"] = body["reason"].clone();
                    match state.pids.get(&id).copied() {
                        Some(pid) => crate::fake::process::end(pid),
                        // Nothing runs: it ends at once.
                        None => state.jobs.get_mut(&id).unwrap()["status"] = "FAILED".into(),
                    }
                }
                Answer::json(json!({}))
            }
            _ => client_error(&format!("no operation {operation}")),
        }
    }

    fn submit(&self, body: &Value) -> Answer {
        let mut state = self.state();
        let name = body["jobName"].as_str().unwrap().to_owned();
        let legal = name.len() <= 128
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let queue = state.queues.get(&name_of(body["jobQueue"].as_str().unwrap()));
        if !legal || !queue.is_some_and(|queue| queue["state"] == "ENABLED" && queue["status"] == "VALID") {
            return client_error("no legal name, or no queue that takes jobs");
        }
        if body["timeout"]["attemptDurationSeconds"].as_u64().is_none_or(|seconds| seconds < 60) {
            return client_error("attemptDurationSeconds must be at least 60");
        }
        let Some(definition) =
            state.definitions.get(body["jobDefinition"].as_str().unwrap()).filter(|one| one["status"] == "ACTIVE").cloned()
        else {
            return client_error("no such job definition");
        };
        let id = format!("job-{:06}", state.count());
        let containers: Vec<Value> = definition["ecsProperties"]["taskProperties"][0]["containers"].as_array().unwrap().clone();
        let document = json!({
            "jobId": id,
            "jobName": name,
            "jobQueue": body["jobQueue"],
            "jobDefinition": definition["jobDefinitionArn"],
            "tags": body["tags"],
            "status": state.stuck.clone().unwrap_or_else(|| "SUBMITTED".to_owned()),
            "ecsProperties": { "taskProperties": [{ "containers": containers }] },
        });
        state.jobs.insert(id.clone(), document);
        if state.stuck.is_none() {
            let aws = self.clone();
            let job = id.clone();
            tokio::spawn(async move { aws.run_job(job, definition).await });
        }
        Answer::json(json!({ "jobId": id, "jobName": name }))
    }
}
