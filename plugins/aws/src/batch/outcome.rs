//! What the end of a job means.

use switchyard_plugin_api::{Error, FailureReason, Outcome};

use super::document::OUTPUT;
use crate::api::{Job, MAIN, Status};

/// The exit code of a job whose command has none.
pub fn code_of(status: Status) -> i32 {
    match status {
        Status::Succeeded => 0,
        Status::Failed => 1,
        Status::Running => 2,
        Status::Runnable => 3,
        Status::Pending => 4,
        Status::Starting => 5,
        Status::Submitted => 6,
        Status::Unknown => -1,
    }
}

/// The command's own exit code, when it failed.
pub fn command_code(job: &Job) -> Option<i32> {
    job.main().and_then(|main| main.exit_code).filter(|code| *code != 0)
}

/// The AWS CLI's exit code when it skipped what is no file: dead links, sockets, pipes.
const SKIPPED: i32 = 2;

/// Whether the command succeeded, and all its files came back that are files.
pub fn only_skipped(job: &Job) -> bool {
    let code = |name: &str| job.containers.iter().find(|container| container.name == name).and_then(|container| container.exit_code);
    job.status == Status::Failed && code(MAIN) == Some(0) && code(OUTPUT) == Some(SKIPPED)
}

/// What Batch and its containers say about the end.
fn said(job: &Job) -> String {
    let mut words: Vec<String> = Vec::new();
    if !job.reason.is_empty() {
        words.push(job.reason.clone());
    }
    for container in &job.containers {
        match (&container.reason, container.exit_code) {
            (Some(reason), _) => words.push(format!("container {}: {reason}", container.name)),
            (None, Some(code)) if code != 0 => words.push(format!("container {} ended with exit code {code}", container.name)),
            _ => {}
        }
    }
    words.join("; ")
}

/// Whether an error is the end of a job whose command never ran.
pub fn never_ran(error: &Error) -> bool {
    matches!(error.code.as_str(), "aws_batch::image_pull_failed" | "aws_batch::not_started")
}

/// The outcome of a job that ended by itself, or the error when its command never could run.
pub fn of(job: &Job) -> Result<Outcome, Error> {
    if job.status == Status::Succeeded || only_skipped(job) {
        return Ok(Outcome::exited(0));
    }
    let words = said(job);
    let reasons: Vec<&str> =
        job.containers.iter().filter_map(|container| container.reason.as_deref()).chain([job.reason.as_str()]).collect();
    let any = |parts: &[&str]| reasons.iter().any(|reason| parts.iter().any(|part| reason.contains(part)));
    let code = command_code(job);
    if code.is_none() && any(&["CannotPull", "CannotPullContainerError", "CannotPullECRContainerError", "CannotPullImageManifestError"]) {
        let error = Error::user("aws_batch::image_pull_failed", format!("an image could not be pulled for the job {}: {words}", job.name))
            .with_help("check `containerImage`, that `executionRoleArn` may pull it, and that the subnet reaches the registry");
        // A registry that answered will answer the same; one that could not be reached may be there again.
        let passing = any(&["timeout", "timed out", "i/o", "dial", "toomanyrequests", "429"]);
        return Err(if passing { Error { kind: switchyard_plugin_api::ErrorKind::Environment, ..error } } else { error });
    }
    if code.is_none()
        && any(&["ResourceInitializationError", "CannotStartContainerError", "CannotCreateContainerError", "CannotCreateVolumeError"])
    {
        return Err(Error::environment(
            "aws_batch::not_started",
            format!("the containers of the job {} could not be started: {words}", job.name),
        )
        .with_help("check that `executionRoleArn` may write logs and read secrets, and that the subnet reaches AWS"));
    }
    let ended = Outcome::exited(code.unwrap_or(code_of(Status::Failed)));
    let message = if words.is_empty() { format!("the job {} is FAILED", job.name) } else { words };
    let main_reason = job.main().and_then(|main| main.reason.as_deref()).unwrap_or_default();
    Ok(if job.reason.starts_with("Host EC2") {
        ended.because(FailureReason::Evicted, message)
    } else if main_reason.contains("OutOfMemory") {
        ended.because(FailureReason::OutOfMemory, message)
    } else if job.reason.to_lowercase().contains("attempt duration exceeded timeout") {
        ended.because(FailureReason::DeadlineExceeded, message)
    } else if job.terminated {
        ended.because(FailureReason::KilledOutside, message)
    } else {
        Outcome { message: Some(message), ..ended }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Container;

    fn job(reason: &str, code: Option<i32>, main_reason: Option<&str>) -> Job {
        let main = Container { name: "main".into(), exit_code: code, reason: main_reason.map(str::to_owned), stream: None };
        Job {
            id: "1".into(),
            name: "j".into(),
            status: Status::Failed,
            reason: reason.to_owned(),
            definition: String::new(),
            tags: Default::default(),
            terminated: reason.contains("operator"),
            containers: vec![main],
            streams: Vec::new(),
        }
    }

    #[test]
    fn b11_every_end_has_its_reason() {
        for (reason, code, main, expected, why) in [
            ("Essential container in task exited", Some(3), None, 3, None),
            ("Essential container in task exited", None, None, 1, None),
            ("Host EC2 (instance i-1) terminated.", None, None, 1, Some(FailureReason::Evicted)),
            ("x", Some(137), Some("OutOfMemoryError: Container killed due to memory usage"), 137, Some(FailureReason::OutOfMemory)),
            ("Job attempt duration exceeded timeout", Some(137), None, 137, Some(FailureReason::DeadlineExceeded)),
            ("by an operator", Some(143), None, 143, Some(FailureReason::KilledOutside)),
        ] {
            let outcome = of(&job(reason, code, main)).unwrap();
            assert_eq!((outcome.exit_code, outcome.reason), (expected, why), "{reason}");
            assert!(outcome.message.unwrap().contains(main.unwrap_or(reason)), "{reason}");
        }
        for (reason, code, retryable) in [
            ("CannotPullContainerError: pull image manifest has been retried 1 time(s): not found", "image_pull_failed", false),
            ("CannotPullContainerError: dial tcp: i/o timeout", "image_pull_failed", true),
            ("ResourceInitializationError: failed to validate logger args", "not_started", true),
        ] {
            let error = of(&job("Task failed to start", None, Some(reason))).unwrap_err();
            assert_eq!((error.code, error.help.is_some()), (format!("aws_batch::{code}"), true));
            assert_eq!(error.kind == switchyard_plugin_api::ErrorKind::Environment, retryable, "{reason}");
        }
    }

    #[test]
    fn b11_states_have_their_codes() {
        use Status::{Failed, Pending, Runnable, Running, Starting, Submitted, Succeeded, Unknown};
        let codes = [Succeeded, Failed, Running, Runnable, Pending, Starting, Submitted, Unknown].map(code_of);
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, -1]);
    }
}
