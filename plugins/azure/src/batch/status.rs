//! Tasks and pools, as Batch tells of them.

use std::time::Duration;

use serde_json::Value;
use switchyard_plugin_api::{FailureReason, Outcome, Phase};

#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub state: String,
    pub exit_code: Option<i32>,
    pub failure: Option<Failure>,
    /// Why its container could not run, in the engine's words.
    pub container_error: Option<String>,
    pub stats: Option<Value>,
    pub node: Option<String>,
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Of the service, and not of who uses it.
    pub is_servers: bool,
    pub code: String,
    pub message: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Task {
    pub fn of(answer: &Value) -> Self {
        let info = &answer["executionInfo"];
        let failure = info.get("failureInfo").filter(|failure| failure.is_object()).map(|failure| {
            let pairs = failure["details"].as_array().into_iter().flatten();
            let details: Vec<String> =
                pairs.filter_map(|pair| Some(format!("{}: {}", pair["name"].as_str()?, pair["value"].as_str()?))).collect();
            let message = text(&failure["message"]);
            Failure {
                is_servers: failure["category"].as_str().is_some_and(|category| category.eq_ignore_ascii_case("servererror")),
                code: text(&failure["code"]),
                message: if details.is_empty() { message } else { format!("{message} ({})", details.join("; ")) },
            }
        });
        Self {
            state: text(&answer["state"]).to_lowercase(),
            exit_code: info["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok()),
            failure,
            container_error: info["containerInfo"]["error"].as_str().filter(|error| !error.is_empty()).map(str::to_owned),
            stats: answer.get("stats").filter(|stats| stats.is_object()).cloned(),
            node: answer["nodeInfo"]["nodeId"].as_str().map(str::to_owned),
        }
    }

    pub fn has_ended(&self) -> bool {
        self.state == "completed"
    }

    pub fn has_begun(&self) -> bool {
        matches!(self.state.as_str(), "running" | "completed")
    }

    pub fn phase(&self) -> Phase {
        match self.state.as_str() {
            "active" => Phase::Queued,
            // The node fetches the image and the files.
            "preparing" => Phase::Starting,
            _ => Phase::Running,
        }
    }

    /// Only the way of the files back failed.
    pub fn lost_files(&self) -> bool {
        self.exit_code == Some(0) && self.failure.as_ref().is_some_and(|failure| failure.code.starts_with("FileUpload"))
    }

    /// What a task that has ended comes to.
    pub fn outcome(&self, limit: Duration) -> Outcome {
        let Some(failure) = &self.failure else { return Outcome::exited(self.exit_code.unwrap_or(0)) };
        if self.lost_files() {
            return Outcome::exited(0);
        }
        let said = format!("{} {}", failure.code, failure.message).to_lowercase();
        let said_code = self.exit_code.filter(|code| *code != 0);
        if said.contains("wallclock") || said.contains("wall clock") || said.contains("wall-clock") {
            let words = format!("the task ran over its time limit of {} s", limit.as_secs());
            return Outcome::exited(said_code.unwrap_or(143)).because(FailureReason::DeadlineExceeded, words);
        }
        if failure.code.eq_ignore_ascii_case("TaskEnded") {
            return Outcome::exited(said_code.unwrap_or(143)).because(FailureReason::KilledOutside, "somebody terminated the task");
        }
        match said_code {
            Some(code) if failure.code.is_empty() || failure.code.eq_ignore_ascii_case("FailureExitCode") => {
                Outcome { message: Some(failure.message.clone()).filter(|text| !text.is_empty()), ..Outcome::exited(code) }
            }
            code => {
                let whose = if failure.is_servers { "server error" } else { "user error" };
                let engine = self.container_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
                let message = format!("Azure Batch could not run the task ({whose} {}): {}{engine}", failure.code, failure.message);
                Outcome { message: Some(message), ..Outcome::exited(code.unwrap_or(1)) }
            }
        }
    }
}

/// A pool, as far as it matters to who waits for a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub state: String,
    pub allocation: String,
    pub nodes: u64,
    pub wanted: u64,
    pub errors: Vec<String>,
    pub runs_containers: Option<bool>,
}

impl Pool {
    pub fn of(answer: &Value) -> Self {
        let count = |name: &str| answer[name].as_u64().unwrap_or(0);
        let errors = answer["resizeErrors"].as_array().into_iter().flatten();
        let machine = answer.get("virtualMachineConfiguration").filter(|machine| machine.is_object());
        Self {
            state: text(&answer["state"]),
            allocation: text(&answer["allocationState"]),
            nodes: count("currentDedicatedNodes") + count("currentLowPriorityNodes"),
            wanted: count("targetDedicatedNodes") + count("targetLowPriorityNodes"),
            errors: errors.map(|error| format!("{}: {}", text(&error["code"]), text(&error["message"]))).collect(),
            runs_containers: machine.map(|machine| machine["containerConfiguration"].is_object()),
        }
    }

    /// Why nothing can run in it, or why that takes its time.
    pub fn trouble(&self, pool: &str) -> Option<String> {
        if self.state == "deleting" {
            return Some(format!("the pool {pool} is being deleted"));
        }
        if let Some(error) = self.errors.first() {
            return Some(format!("the pool {pool} cannot grow: {error}"));
        }
        if self.runs_containers == Some(false) {
            return Some(format!("the pool {pool} cannot run containers: it has no `containerConfiguration`"));
        }
        match (self.nodes, self.wanted, self.allocation.as_str()) {
            (0, 0, "steady" | "") => Some(format!("the pool {pool} has no nodes and wants none")),
            (0, wanted, _) => Some(format!("the pool {pool} has no nodes yet; {wanted} are wanted")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ended(info: Value) -> Outcome {
        Task::of(&json!({ "state": "completed", "executionInfo": info })).outcome(Duration::from_secs(90))
    }

    #[test]
    fn z11_failures_have_codes_and_reasons() {
        let failure = |category: &str, code: &str, message: &str| json!({ "category": category, "code": code, "message": message });
        for (info, code, reason, words) in [
            (json!({ "exitCode": 0, "result": "success" }), 0, None, ""),
            (json!({ "exitCode": 3, "failureInfo": failure("usererror", "FailureExitCode", "a failure") }), 3, None, "a failure"),
            (
                json!({ "failureInfo": failure("servererror", "ContainerInvalidImage", "no such image"), "containerInfo": { "error": "manifest unknown" } }),
                1,
                None,
                "server error ContainerInvalidImage): no such image: manifest unknown",
            ),
            (json!({ "failureInfo": failure("UserError", "BlobAccessDenied", "denied") }), 1, None, "user error BlobAccessDenied"),
            (
                json!({ "exitCode": 137, "failureInfo": failure("usererror", "TaskEnded", "Task exceeded its max wall clock time") }),
                137,
                Some(FailureReason::DeadlineExceeded),
                "time limit of 90 s",
            ),
            (
                json!({ "failureInfo": failure("usererror", "TaskEnded", "by a user") }),
                143,
                Some(FailureReason::KilledOutside),
                "somebody terminated",
            ),
            (json!({ "exitCode": 0, "failureInfo": failure("usererror", "FileUploadMiscError", "no") }), 0, None, ""),
        ] {
            let outcome = ended(info.clone());
            assert_eq!((outcome.exit_code, outcome.reason), (code, reason), "{info}");
            assert!(outcome.message.unwrap_or_default().contains(words), "{info}");
        }
    }

    #[test]
    fn pools_tell_why_a_task_waits() {
        for (answer, words) in [
            (json!({ "state": "active", "allocationState": "steady", "currentDedicatedNodes": 1, "targetDedicatedNodes": 1 }), None),
            (json!({ "state": "deleting" }), Some("being deleted")),
            (json!({ "state": "active", "allocationState": "steady" }), Some("wants none")),
            (json!({ "state": "active", "allocationState": "resizing", "targetLowPriorityNodes": 2 }), Some("2 are wanted")),
            (
                json!({ "state": "active", "resizeErrors": [{ "code": "AccountCoreQuotaReached", "message": "no cores" }] }),
                Some("no cores"),
            ),
            (json!({ "state": "active", "currentDedicatedNodes": 1, "virtualMachineConfiguration": {} }), Some("cannot run containers")),
            (
                json!({ "state": "active", "currentDedicatedNodes": 1, "virtualMachineConfiguration": { "containerConfiguration": {} } }),
                None,
            ),
        ] {
            let found = Pool::of(&answer).trouble("p");
            assert_eq!(found.is_some(), words.is_some(), "{answer}: {found:?}");
            assert!(found.unwrap_or_default().contains(words.unwrap_or_default()), "{answer}");
        }
    }
}
