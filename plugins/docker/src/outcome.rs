//! What a container's last state means for the task.

use bollard::models::ContainerInspectResponse;
use switchyard_plugin_api::{CancelReason, Cancellation, prelude::*};

const SIGKILL: i32 = 9;

/// How a container ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exit {
    /// The command's exit code.
    pub code: i64,
    /// The kernel ended a process of it for want of memory.
    pub out_of_memory: bool,
    /// Its limit of memory in bytes.
    pub limit: Option<i64>,
    /// What the engine has to say.
    pub error: Option<String>,
    /// The engine stopped while the container ran, and came back.
    pub engine_was_away: bool,
}

impl From<ContainerInspectResponse> for Exit {
    fn from(found: ContainerInspectResponse) -> Self {
        let state = found.state.unwrap_or_default();
        Self {
            code: state.exit_code.unwrap_or(0),
            out_of_memory: state.oom_killed.unwrap_or(false),
            limit: found.host_config.and_then(|host| host.memory).filter(|limit| *limit > 0),
            error: state.error.filter(|error| !error.is_empty()),
            engine_was_away: false,
        }
    }
}

impl Exit {
    /// It was killed, and the engine does not say why.
    pub fn may_want_memory(&self) -> bool {
        self.code == i64::from(128 + SIGKILL) && !self.out_of_memory
    }
}

/// The outcome of an exited container.
pub fn of(exit: &Exit, cancellation: Option<Cancellation>) -> Outcome {
    let exit_code = i32::try_from(exit.code).unwrap_or(i32::MAX);
    let mut outcome = Outcome::exited(exit_code);
    if let Some(cancellation) = cancellation {
        let message = match cancellation.reason {
            CancelReason::Timeout => "stopped: the task's time limit has passed",
            CancelReason::Kill | CancelReason::Detach => "stopped: the task was killed",
        };
        outcome.signal = (exit_code > 128).then(|| exit_code - 128);
        return outcome.because(FailureReason::Killed, message);
    }
    if exit_code == 0 {
        return outcome;
    }
    if exit.engine_was_away && exit_code > 128 {
        outcome.signal = Some(exit_code - 128);
        let message =
            "the engine stopped while the container ran, and ended it; with `live-restore` an engine leaves its containers running";
        return outcome.because(FailureReason::KilledOutside, message);
    }
    if exit.out_of_memory {
        outcome.signal = (exit_code == 128 + SIGKILL).then_some(SIGKILL);
        let message = match exit.limit.map(readable) {
            Some(limit) => format!("out of memory: the limit is {limit} (memory.memory)"),
            None => "out of memory: the engine's machine has none left".to_owned(),
        };
        return outcome.because(FailureReason::OutOfMemory, message);
    }
    if exit_code == 128 + SIGKILL {
        outcome.signal = Some(SIGKILL);
        let limit = exit.limit.map(|limit| format!(" (its own limit is {}, memory.memory)", readable(limit))).unwrap_or_default();
        let message = format!(
            "killed (SIGKILL) by something else than this host: by a command, or by the kernel for want of memory on the engine's machine{limit}"
        );
        return outcome.because(FailureReason::KilledOutside, message);
    }
    outcome.message.clone_from(&exit.error);
    outcome
}

fn readable(bytes: i64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes.fract() == 0.0 { format!("{mebibytes} MiB") } else { format!("{bytes} bytes") }
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerState, HostConfig};

    use super::*;

    #[test]
    fn docker_d23_an_engine_that_ended_its_containers_is_named() {
        for (code, reason) in [(143, Some(FailureReason::KilledOutside)), (137, Some(FailureReason::KilledOutside)), (3, None), (0, None)] {
            let outcome = of(&Exit { code, engine_was_away: true, ..Exit::default() }, None);
            assert_eq!(outcome.reason, reason, "{code}");
            assert_eq!(outcome.message.is_some_and(|message| message.contains("live-restore")), reason.is_some(), "{code}");
        }
    }

    #[test]
    fn docker_d17_why_it_ended() {
        let kill = Some(Cancellation { reason: CancelReason::Kill, grace_ms: 0 });
        for (code, oom, cancellation, reason, signal) in [
            (0, false, None, None, None),
            (3, false, None, None, None),
            (0, true, None, None, None),
            (137, true, None, Some(FailureReason::OutOfMemory), Some(9)),
            (1, true, None, Some(FailureReason::OutOfMemory), None),
            (137, false, None, Some(FailureReason::KilledOutside), Some(9)),
            (137, false, kill, Some(FailureReason::Killed), Some(9)),
            (143, false, kill, Some(FailureReason::Killed), Some(15)),
            (143, false, None, None, None),
        ] {
            let found = ContainerInspectResponse {
                state: Some(ContainerState { exit_code: Some(code), oom_killed: Some(oom), ..Default::default() }),
                host_config: Some(HostConfig { memory: Some(512 << 20), ..Default::default() }),
                ..Default::default()
            };
            let outcome = of(&found.into(), cancellation);
            assert_eq!((i64::from(outcome.exit_code), outcome.reason, outcome.signal), (code, reason, signal), "{code} {oom}");
            if reason == Some(FailureReason::OutOfMemory) {
                assert_eq!(outcome.message.as_deref(), Some("out of memory: the limit is 512 MiB (memory.memory)"));
            }
        }
    }
}
