//! What an engine's refusal to create or start a container means.

use bollard::errors::Error as EngineError;
use switchyard_plugin_api::prelude::*;

use crate::{container::Blueprint, engine::Engine, error::Failure};

/// Why a container did not start.
#[derive(Debug)]
pub enum NotStarted {
    /// The engine has no init program.
    NoInit,
    /// The command cannot be executed: an end of the work, not of the runner.
    Command(Outcome),
    /// Anything else.
    Failed(Failure),
}

/// Names the reason for a refused create.
pub fn of_create(engine: &Engine, blueprint: &Blueprint, error: EngineError) -> Failure {
    let EngineError::DockerResponseServerError { message, .. } = &error else {
        return engine.failure("creating the container", error);
    };
    known(blueprint, message).unwrap_or_else(|| engine.failure("creating the container", error))
}

/// Whether the engine misses its own init program.
pub fn is_lack_of_init(error: &EngineError) -> bool {
    matches!(error, EngineError::DockerResponseServerError { message, .. }
        if message.contains("docker-init") || message.contains("container-init binary"))
}

/// Names the reason for a refused start.
pub fn of_start(engine: &Engine, blueprint: &Blueprint, error: EngineError) -> NotStarted {
    if is_lack_of_init(&error) {
        return NotStarted::NoInit;
    }
    let EngineError::DockerResponseServerError { message, .. } = &error else {
        return NotStarted::Failed(engine.failure("starting the container", error));
    };
    if let Some(failure) = known(blueprint, message) {
        return NotStarted::Failed(failure);
    }
    match exit_code(message) {
        Some(code) => {
            let program = program(blueprint);
            let why = if code == 127 { "is not in the image" } else { "cannot be executed in the image" };
            let message = format!("{program:?} {why} {}: {}", blueprint.image, message.trim());
            NotStarted::Command(Outcome { exit_code: code, message: Some(message), ..Outcome::default() })
        }
        None => NotStarted::Failed(engine.failure("starting the container", error)),
    }
}

fn program(blueprint: &Blueprint) -> String {
    let entrypoint = blueprint.body.entrypoint.iter().flatten().filter(|e| !e.is_empty());
    entrypoint.chain(blueprint.body.cmd.iter().flatten()).next().cloned().unwrap_or_default()
}

/// The shell's codes for a command that cannot be found or executed.
fn exit_code(message: &str) -> Option<i32> {
    let not_found = ["executable file not found", "no such file or directory"];
    let not_executable = ["permission denied", "exec format error", "is a directory"];
    if !message.contains("exec") {
        return None;
    }
    if not_found.iter().any(|m| message.contains(m)) {
        return Some(127);
    }
    not_executable.iter().any(|m| message.contains(m)).then_some(126)
}

fn known(blueprint: &Blueprint, message: &str) -> Option<Failure> {
    let lower = message.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let message = message.trim().to_owned();
    let host = blueprint.body.host_config.as_ref();
    if has(&[
        "mounts denied",
        "invalid mount config",
        "bind source path does not exist",
        "not a shared mount",
        "invalid volume specification",
    ]) {
        let what = host.and_then(|h| h.binds.as_ref()).map(|binds| binds.join(", ")).unwrap_or_default();
        return Some(Failure::Mount { what, message });
    }
    if has(&["port is already allocated", "address already in use"]) {
        let bindings = host
            .and_then(|h| h.port_bindings.as_ref())
            .map(|map| {
                let ports = map.iter().flat_map(|(container, hosts)| {
                    hosts.iter().flatten().map(move |h| format!("{}:{container}", h.host_port.as_deref().unwrap_or_default()))
                });
                ports.collect::<Vec<_>>().join(", ")
            })
            .unwrap_or_default();
        return Some(Failure::PortTaken { bindings, message });
    }
    if has(&["could not select device driver", "unknown or invalid runtime name: nvidia"]) {
        return Some(Failure::NoDevice { message });
    }
    if has(&["range of cpus is from", "minimum memory limit", "memory limit", "memoryswap", "memory reservation", "invalid cpus"]) {
        return Some(Failure::Limits { message });
    }
    if has(&["unable to find user", "unable to find group", "no matching entries in passwd file", "no matching entries in group file"]) {
        let user = blueprint.body.user.clone().unwrap_or_else(|| "that of the image".to_owned());
        return Some(Failure::NoUser { image: blueprint.image.to_string(), user, message });
    }
    // Docker: `network x not found`; Podman: `unable to find network with name or ID x: network not found`.
    if let Some(network) = host.and_then(|h| h.network_mode.clone())
        && lower.contains("network")
        && has(&["not found", "no such container", "cannot join network", "could not find"])
    {
        return Some(Failure::NoNetwork { network, message });
    }
    if has(&["no matching manifest", "does not match the specified platform", "exec format error while loading"]) {
        return Some(Failure::Platform { image: blueprint.image.to_string(), message });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::exit_code;

    #[test]
    fn commands_that_cannot_be_executed() {
        for (message, code) in [
            (r#"OCI runtime create failed: exec: "nope": executable file not found in $PATH: unknown"#, Some(127)),
            ("OCI runtime create failed: exec /x.sh: no such file or directory: unknown", Some(127)),
            ("OCI runtime create failed: exec: \"/etc/passwd\": permission denied: unknown", Some(126)),
            ("exec user process caused: exec format error", Some(126)),
            ("driver failed programming external connectivity", None),
            ("error mounting \"/a\": no such file or directory", None),
        ] {
            assert_eq!(exit_code(message), code, "{message}");
        }
    }
}
