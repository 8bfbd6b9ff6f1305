//! What can go wrong, with a stable code, who has to act, and what to try.

use switchyard_plugin_api::{Error, ErrorKind};

/// An endpoint that was tried, and why it did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Such as `unix:///var/run/docker.sock`.
    pub endpoint: String,
    /// Where the endpoint came from.
    pub source: String,
    /// One line.
    pub reason: String,
}

/// A failed run.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No engine answers.
    #[error("no Docker engine answers; tried {}", tried.iter().map(|t| format!("{} ({}): {}", t.endpoint, t.source, t.reason)).collect::<Vec<_>>().join("; "))]
    Unreachable {
        /// Every endpoint.
        tried: Vec<Tried>,
    },
    /// The engine was there, and then was not.
    #[error("lost the Docker engine at {endpoint} while {doing}: {reason}")]
    Lost {
        /// Which engine.
        endpoint: String,
        /// What was asked of it.
        doing: String,
        /// Its last words.
        reason: String,
    },
    /// The engine refused, for a reason without a case of its own.
    #[error("the Docker engine at {endpoint} refused while {doing}: {message} (status {status})")]
    Refused {
        /// Which engine.
        endpoint: String,
        /// What was asked of it.
        doing: String,
        /// HTTP status.
        status: u16,
        /// The engine's message.
        message: String,
    },
    /// No image was named.
    #[error("the task names no image")]
    ImageRequired,
    /// A malformed reference.
    #[error("{image:?} is not an image reference: {reason}")]
    InvalidImage {
        /// As written.
        image: String,
        /// The rule it breaks.
        reason: String,
    },
    /// The image is not there and may not be pulled.
    #[error("the engine at {endpoint} does not have the image {image}, and pullPolicy is {policy}")]
    ImageMissing {
        /// Which image.
        image: String,
        /// The policy.
        policy: &'static str,
        /// Which engine.
        endpoint: String,
    },
    /// The registry said no.
    #[error("cannot pull {image} from {registry} ({credentials}): {message}")]
    Pull {
        /// Which image.
        image: String,
        /// Which registry.
        registry: String,
        /// Whose credentials were used.
        credentials: String,
        /// The registry's or engine's message.
        message: String,
        /// Whether the registry does not have the image for us.
        refused: bool,
    },
    /// A malformed entry of `volumes`.
    #[error("{entry:?} is not a mount: {reason}")]
    InvalidVolume {
        /// As written.
        entry: String,
        /// Its place in the list.
        index: usize,
        /// The rule it breaks.
        reason: String,
    },
    /// A malformed entry of `portBindings`.
    #[error("{entry:?} is not a port binding: {reason}")]
    InvalidPort {
        /// As written.
        entry: String,
        /// Its place in the list.
        index: usize,
        /// The rule it breaks.
        reason: String,
    },
    /// `config` is not a client configuration.
    #[error("config is not the content of a Docker config.json: {reason}")]
    InvalidConfig {
        /// Why.
        reason: String,
    },
    /// `credentials` cannot be used.
    #[error("the credentials for {registry} cannot be used: {reason}")]
    InvalidCredentials {
        /// Which registry.
        registry: String,
        /// Why; never the secret itself.
        reason: String,
    },
    /// A credential helper failed.
    #[error("the credential helper {helper} failed for {registry}: {reason}")]
    CredentialHelper {
        /// Its program.
        helper: String,
        /// Which registry.
        registry: String,
        /// Its message.
        reason: String,
    },
    /// An endpoint of a kind that is not supported.
    #[error("{endpoint:?} is not an endpoint that this runner can use: {reason}")]
    InvalidHost {
        /// As written.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// A bind path that the engine does not share.
    #[error("the engine cannot mount {what}: {message}")]
    Mount {
        /// The binds.
        what: String,
        /// The engine's message.
        message: String,
    },
    /// A published port is taken.
    #[error("a port of portBindings {bindings} is taken on the engine's machine: {message}")]
    PortTaken {
        /// The bindings.
        bindings: String,
        /// The engine's message.
        message: String,
    },
    /// No runtime for the devices that were asked for.
    #[error("the engine has no driver for the devices of deviceRequests: {message}")]
    NoDevice {
        /// The engine's message.
        message: String,
    },
    /// A user or group that the image does not have.
    #[error("the image {image} has no user or group of property user ({user}): {message}")]
    NoUser {
        /// Which image.
        image: String,
        /// As written.
        user: String,
        /// The engine's message.
        message: String,
    },
    /// A network that the engine does not have.
    #[error("the engine cannot use the network {network}: {message}")]
    NoNetwork {
        /// As written.
        network: String,
        /// The engine's message.
        message: String,
    },
    /// A limit that the engine does not accept.
    #[error("the engine does not accept the limits of the task: {message}")]
    Limits {
        /// The engine's message.
        message: String,
    },
    /// The image has no variant for the machine.
    #[error("{image} has no variant for this platform: {message}")]
    Platform {
        /// Which image.
        image: String,
        /// The engine's message.
        message: String,
    },
    /// The engine's disk is full.
    #[error("the engine at {endpoint} has no space left while {doing}: {message}")]
    NoSpace {
        /// Which engine.
        endpoint: String,
        /// What was asked of it.
        doing: String,
        /// The engine's message.
        message: String,
    },
    /// Input files did not get in.
    #[error("cannot copy the working directory into the container: {reason}")]
    Upload {
        /// Why.
        reason: String,
    },
    /// Declared output files did not get out.
    #[error("cannot copy output files out of the container: {reason}")]
    Download {
        /// Why.
        reason: String,
    },
    /// The container vanished.
    #[error("the container {container} vanished while it was followed")]
    Vanished {
        /// Its id.
        container: String,
    },
    /// An argument or a variable that Linux does not pass to a program.
    #[error("{what} has {bytes} bytes; Linux passes on 128 KiB at most")]
    CommandTooLong {
        /// Which.
        what: String,
        /// How long.
        bytes: usize,
    },
    /// Somebody else's container has our name.
    #[error("a container named {name} exists and does not belong to this task")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The host asked for the end before the container started.
    #[error("the task was asked to end")]
    Cancelled,
}

impl Failure {
    /// Stable identifier.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "docker::engine_unreachable",
            Self::Lost { .. } => "docker::engine_lost",
            Self::Refused { .. } => "docker::engine_refused",
            Self::ImageRequired => "docker::image_required",
            Self::InvalidImage { .. } => "docker::invalid_image",
            Self::ImageMissing { .. } => "docker::image_missing",
            Self::Pull { .. } => "docker::pull_failed",
            Self::InvalidVolume { .. } => "docker::invalid_volume",
            Self::InvalidPort { .. } => "docker::invalid_port",
            Self::InvalidConfig { .. } => "docker::invalid_config",
            Self::InvalidCredentials { .. } => "docker::invalid_credentials",
            Self::CredentialHelper { .. } => "docker::credential_helper_failed",
            Self::InvalidHost { .. } => "docker::invalid_host",
            Self::Mount { .. } => "docker::mount_refused",
            Self::PortTaken { .. } => "docker::port_taken",
            Self::NoDevice { .. } => "docker::no_device",
            Self::NoUser { .. } => "docker::no_user",
            Self::NoNetwork { .. } => "docker::no_network",
            Self::Limits { .. } => "docker::invalid_limits",
            Self::Platform { .. } => "docker::no_platform",
            Self::NoSpace { .. } => "docker::no_space",
            Self::Upload { .. } => "docker::upload_failed",
            Self::Download { .. } => "docker::download_failed",
            Self::Vanished { .. } => "docker::container_vanished",
            Self::CommandTooLong { .. } => "docker::command_too_long",
            Self::NameTaken { .. } => "docker::name_taken",
            Self::Cancelled => "task::cancelled",
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. }
            | Self::Lost { .. }
            | Self::CredentialHelper { .. }
            | Self::PortTaken { .. }
            | Self::NoSpace { .. }
            | Self::Upload { .. }
            | Self::Download { .. }
            | Self::Vanished { .. }
            | Self::NameTaken { .. } => ErrorKind::Environment,
            Self::Refused { status, .. } => {
                if *status >= 500 {
                    ErrorKind::Environment
                } else {
                    ErrorKind::User
                }
            }
            Self::Pull { refused, .. } => {
                if *refused {
                    ErrorKind::User
                } else {
                    ErrorKind::Environment
                }
            }
            Self::Cancelled => ErrorKind::Cancelled,
            _ => ErrorKind::User,
        }
    }

    fn property(&self) -> Option<String> {
        match self {
            Self::InvalidVolume { index, .. } => Some(format!("/volumes/{index}")),
            Self::InvalidPort { index, .. } => Some(format!("/portBindings/{index}")),
            Self::InvalidConfig { .. } => Some("/config".into()),
            Self::InvalidCredentials { .. } => Some("/credentials".into()),
            Self::InvalidHost { .. } => Some("/host".into()),
            Self::NoDevice { .. } => Some("/deviceRequests".into()),
            Self::PortTaken { .. } => Some("/portBindings".into()),
            Self::NoUser { .. } => Some("/user".into()),
            Self::NoNetwork { .. } => Some("/networkMode".into()),
            _ => None,
        }
    }

    /// What to try.
    fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreachable { tried } if tried.iter().any(|t| t.reason.contains("permission denied")) => {
                "let the host's user open the socket (usually: add it to the socket's group and log in again), or set host to another engine"
            }
            Self::Unreachable { .. } => {
                "start Docker, set host or DOCKER_HOST to its address, mount its socket into the host's container, or use the Process runner"
            }
            Self::Lost { .. } => "the engine may have been restarted; running the task again is safe",
            Self::ImageRequired => "set containerImage on the task",
            Self::InvalidImage { .. } => "write [registry/]name[:tag][@digest], for example ghcr.io/org/image:1.2",
            Self::ImageMissing { .. } => "load the image into the engine, or set pullPolicy: IF_NOT_PRESENT",
            Self::Pull { message, .. } if is_rate_limit(message) => {
                "the registry limits anonymous pulls: set credentials, or pull from a mirror"
            }
            Self::Pull { refused: true, .. } => "check the image's name and tag, and the credentials for its registry",
            Self::Pull { .. } => {
                "check that the engine's machine reaches the registry; pullPolicy: [ALWAYS, IF_NOT_PRESENT] falls back to the present image"
            }
            Self::InvalidVolume { .. } => "write source:target or source:target:options, with options such as ro or z",
            Self::InvalidPort { .. } => "write [ip:]hostPort:containerPort[/protocol], for example 8080:80/tcp",
            Self::InvalidConfig { .. } => "give a map, or JSON text, such as {\"auths\": {\"ghcr.io\": {\"auth\": \"…\"}}}",
            Self::InvalidCredentials { .. } => "set username and password, or auth, or identityToken, or registryToken",
            Self::CredentialHelper { .. } => "run the helper by hand, or set credentials on the runner",
            Self::InvalidHost { .. } => "write unix:///path/to/docker.sock, tcp://host:port, http://host:port or ssh://user@host",
            Self::Mount { .. } => {
                "paths are those of the engine's machine: share the directory with it, or use fileHandlingStrategy: VOLUME"
            }
            Self::PortTaken { .. } => "choose another host port, or leave it out: 0:80 takes a free one",
            Self::NoDevice { .. } => "install the vendor's container runtime on the engine's machine, or remove deviceRequests",
            Self::NoUser { .. } => "write a number, such as 1000 or 1000:1000, or a name that stands in the image's /etc/passwd",
            Self::NoNetwork { .. } => "write bridge, host, none, container:ID, or one of `docker network ls`",
            Self::Limits { .. } => "lower cpu.cpus to what the engine's machine has; memory.memory must be 6 MB or more",
            Self::Platform { .. } => "set platform to one that the image has, such as linux/amd64, or choose another image",
            Self::NoSpace { .. } => "remove unused images and volumes on the engine's machine (docker system prune)",
            Self::Download { reason } if reason.contains("(os error 28)") => {
                "the disk of this machine is full, not the engine's: free some space, or keep working directories elsewhere (--data-dir)"
            }
            Self::Upload { .. } | Self::Download { .. } => {
                "check the engine's disk; fileHandlingStrategy: MOUNT needs no copy when the engine is on this machine"
            }
            Self::Vanished { .. } => "something else removed the container, or the engine lost it at a restart",
            Self::CommandTooLong { .. } => {
                "put long text into a file by `inputFiles`, or use a `Script` task whose text is written to a file"
            }
            Self::NameTaken { .. } => "remove that container",
            Self::Refused { .. } | Self::Cancelled => return None,
        })
    }
}

/// Whether a registry refused because of too many pulls.
pub fn is_rate_limit(message: &str) -> bool {
    message.to_ascii_lowercase().contains("toomanyrequests") || message.contains("rate limit")
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        if matches!(failure, Failure::Cancelled) {
            return Self::cancelled();
        }
        let mut error = Self::new(failure.kind(), failure.code(), failure.to_string());
        if let Some(help) = failure.help() {
            error = error.with_help(help);
        }
        if let Some(property) = failure.property() {
            error = error.at(property);
        }
        error
    }
}
