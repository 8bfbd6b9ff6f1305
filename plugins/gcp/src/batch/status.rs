//! States of jobs and exit codes of their tasks, as Batch tells them.

use serde_json::Value;
use switchyard_plugin_api::{FailureReason, Outcome, Phase};

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Queued,
    Scheduled,
    Running,
    Succeeded,
    Failed,
    /// Somebody cancels or deletes it.
    Ending,
    Cancelled,
}

impl State {
    /// Answers hold names, or numbers when somebody asked for those.
    fn of(value: &Value) -> Self {
        let name = match value.as_u64() {
            Some(number) => {
                let names = [
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
                usize::try_from(number).ok().and_then(|number| names.get(number).copied()).unwrap_or_default()
            }
            None => value.as_str().unwrap_or_default(),
        };
        match name {
            "QUEUED" => Self::Queued,
            "SCHEDULED" => Self::Scheduled,
            "RUNNING" => Self::Running,
            "SUCCEEDED" => Self::Succeeded,
            "DELETION_IN_PROGRESS" | "CANCELLATION_IN_PROGRESS" => Self::Ending,
            "CANCELLED" => Self::Cancelled,
            // Also what no version of the service has yet: nobody waits for it.
            _ => Self::Failed,
        }
    }

    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    pub fn phase(self) -> Phase {
        match self {
            Self::Queued => Phase::Queued,
            Self::Scheduled => Phase::Starting,
            _ => Phase::Running,
        }
    }
}

/// Something that happened to a job or to its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub time: String,
    pub kind: String,
    pub description: String,
    pub exit_code: Option<i32>,
}

impl Event {
    /// All of a status, oldest first.
    pub fn all(status: &Value) -> Vec<Self> {
        let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let code = |event: &Value| {
            let code = event.pointer("/taskExecution/exitCode")?;
            // Zero is left out of answers in this form.
            i32::try_from(code.as_i64().or_else(|| code.as_str()?.parse().ok())?).ok()
        };
        let events = status["statusEvents"].as_array().into_iter().flatten();
        let mut events: Vec<Self> = events
            .map(|event| Self {
                time: text(event, "eventTime"),
                kind: text(event, "type"),
                description: text(event, "description"),
                exit_code: code(event),
            })
            .collect();
        events.sort_by_key(|event| moment(&event.time));
        events
    }
}

/// Times sort as text only when their fractions are equally long.
fn moment(time: &str) -> (String, String) {
    let time = time.trim_end_matches('Z');
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    (seconds.to_owned(), format!("{fraction:0<9}"))
}

/// A job, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The last part of its name.
    pub name: String,
    /// Its log is found by this.
    pub uid: String,
    pub state: State,
    pub events: Vec<Event>,
    /// Hash of the key of the task that it belongs to.
    pub key: Option<String>,
}

impl Job {
    pub fn of(answer: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            name: text(&answer["name"]).rsplit('/').next().unwrap_or_default().to_owned(),
            uid: text(&answer["uid"]),
            // A job that was just made may have no status yet.
            state: answer.pointer("/status/state").map_or(State::Queued, State::of),
            events: Event::all(&answer["status"]),
            key: answer["labels"][switchyard_cloud_api::google::name::KEY].as_str().map(str::to_owned),
        }
    }
}

/// What a job that failed comes to: the command's exit code, or one of Batch's own.
pub fn failure(code: Option<i32>, job: &Job, limit: std::time::Duration) -> Outcome {
    let said = job.events.iter().rev().map(|event| event.description.trim()).find(|text| !text.is_empty()).unwrap_or_default();
    let Some(code) = code.filter(|code| *code != 0) else {
        return Outcome { message: Some(format!("Google Batch could not run the job: {said}")), ..Outcome::exited(5) };
    };
    let (reason, words) = match code {
        50001 => (FailureReason::Evicted, "the machine was taken away (a spot machine was preempted)".to_owned()),
        50002 => (FailureReason::KilledOutside, "the machine stopped reporting in time".to_owned()),
        50003 => (FailureReason::KilledOutside, "the machine was restarted while the command ran".to_owned()),
        50004 => (FailureReason::KilledOutside, "the machine and the command did not respond any more".to_owned()),
        50005 => (FailureReason::DeadlineExceeded, format!("the command ran over its time limit of {} s", limit.as_secs())),
        50006 => (FailureReason::Evicted, "the machine was made anew while the command ran".to_owned()),
        50000..=50099 => (FailureReason::KilledOutside, format!("Google Batch ended the command: {said}")),
        // A killed command: what it says is said by its code.
        code => return Outcome { message: Some(said.to_owned()).filter(|said| !said.is_empty()), ..Outcome::exited(code) },
    };
    Outcome::exited(code).because(reason, format!("{words} [{code}]"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_are_names_or_numbers() {
        for (value, expected) in [
            (json!("QUEUED"), State::Queued),
            (json!(2), State::Scheduled),
            (json!("RUNNING"), State::Running),
            (json!(4), State::Succeeded),
            (json!("FAILED"), State::Failed),
            (json!(6), State::Ending),
            (json!("CANCELLATION_IN_PROGRESS"), State::Ending),
            (json!(8), State::Cancelled),
            (json!("STATE_UNSPECIFIED"), State::Failed),
            (json!(0), State::Failed),
            (json!("SOMETHING_NEW"), State::Failed),
        ] {
            assert_eq!(State::of(&value), expected, "{value}");
        }
    }

    #[test]
    fn g9_the_newest_event_counts_whatever_the_order_and_the_form_of_its_time() {
        let status = json!({ "statusEvents": [
            { "eventTime": "2026-01-01T00:00:02Z", "taskExecution": { "exitCode": 3 } },
            { "eventTime": "2026-01-01T00:00:02.5Z", "taskExecution": { "exitCode": 4 } },
            { "eventTime": "2026-01-01T00:00:01.999999Z", "taskExecution": { "exitCode": 50001 } },
            { "eventTime": "2026-01-01T00:00:03Z", "description": "no code" },
        ] });
        let codes: Vec<_> = Event::all(&status).iter().map(|event| event.exit_code).collect();
        assert_eq!(codes, [Some(50001), Some(3), Some(4), None]);
    }

    #[test]
    fn g9_codes_of_the_service_have_reasons() {
        let job = Job::of(&json!({ "status": { "state": "FAILED", "statusEvents": [{ "description": "words of Google" }] } }));
        let limit = std::time::Duration::from_secs(90);
        for (code, exit, reason, words) in [
            (Some(3), 3, None, "words of Google"),
            (None, 5, None, "could not run the job: words of Google"),
            (Some(0), 5, None, "could not run the job"),
            (Some(50001), 50001, Some(FailureReason::Evicted), "preempted"),
            (Some(50002), 50002, Some(FailureReason::KilledOutside), "reporting"),
            (Some(50003), 50003, Some(FailureReason::KilledOutside), "restarted"),
            (Some(50004), 50004, Some(FailureReason::KilledOutside), "respond"),
            (Some(50005), 50005, Some(FailureReason::DeadlineExceeded), "time limit of 90 s"),
            (Some(50006), 50006, Some(FailureReason::Evicted), "made anew"),
            (Some(50000), 50000, Some(FailureReason::KilledOutside), "words of Google"),
        ] {
            let outcome = failure(code, &job, limit);
            assert_eq!((outcome.exit_code, outcome.reason), (exit, reason), "{code:?}");
            assert!(outcome.message.unwrap().contains(words), "{code:?}");
        }
    }
}
