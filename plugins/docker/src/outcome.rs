//! What a container's last state means for the task.

use bollard::models::{ContainerInspectResponse, HostConfig};
use switchyard_plugin_api::{CancelReason, Cancellation, prelude::*};

const SIGKILL: i32 = 9;

/// The outcome of an exited container.
pub fn of(found: &ContainerInspectResponse, cancellation: Option<Cancellation>) -> Outcome {
    let state = found.state.clone().unwrap_or_default();
    let exit_code = i32::try_from(state.exit_code.unwrap_or(0)).unwrap_or(i32::MAX);
    let mut outcome = Outcome::exited(exit_code);
    if let Some(id) = &found.id {
        outcome = outcome.detail("containerId", id.clone());
    }
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
    if state.oom_killed.unwrap_or(false) {
        outcome.signal = (exit_code == 128 + SIGKILL).then_some(SIGKILL);
        let limit = found.host_config.as_ref().and_then(memory_limit);
        let message = match limit {
            Some(limit) => format!("out of memory: the limit is {limit} (memory.memory)"),
            None => "out of memory: the engine's machine has none left".to_owned(),
        };
        return outcome.because(FailureReason::OutOfMemory, message);
    }
    if exit_code == 128 + SIGKILL {
        outcome.signal = Some(SIGKILL);
        let limit = found.host_config.as_ref().and_then(memory_limit);
        let limit = limit.map(|limit| format!(" (its own limit is {limit}, memory.memory)")).unwrap_or_default();
        let message = format!(
            "killed (SIGKILL) by something else than this host: by a command, or by the kernel for want of memory on the engine's machine{limit}"
        );
        return outcome.because(FailureReason::KilledOutside, message);
    }
    if let Some(error) = state.error.filter(|e| !e.is_empty()) {
        outcome.message = Some(error);
    }
    outcome
}

fn memory_limit(host: &HostConfig) -> Option<String> {
    let bytes = host.memory.filter(|m| *m > 0)?;
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    Some(if mebibytes.fract() == 0.0 { format!("{mebibytes} MiB") } else { format!("{bytes} bytes") })
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerState;

    use super::*;

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
            let outcome = of(&found, cancellation);
            assert_eq!((i64::from(outcome.exit_code), outcome.reason, outcome.signal), (code, reason, signal), "{code} {oom}");
            if reason == Some(FailureReason::OutOfMemory) {
                assert_eq!(outcome.message.as_deref(), Some("out of memory: the limit is 512 MiB (memory.memory)"));
            }
        }
    }
}
