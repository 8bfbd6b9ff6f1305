//! What a flow says below `taskRunner:`.

use std::collections::BTreeMap;

use switchyard_plugin_api::{ByteSize, Flag, IsoDuration, OneOrMany, PullPolicy, Text, prelude::*};

use crate::scalar::{Cpus, SwapSize};

/// Runs the task in a container on a Docker-compatible engine.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Properties {
    /// Engine to use: `unix:///path`, `tcp://host:port`, `http://host:port`, or `ssh://user@host` (with a key that `ssh` takes without a
    /// question). Without it: `DOCKER_HOST`, the CLI's context, then the
    /// usual sockets of Docker, rootless Docker, desktop products and Podman.
    pub host: Option<String>,
    /// Content of a Docker `config.json`, as a map or as JSON text: `auths`, `credHelpers` and `credsStore` are used. Never written to disk.
    #[schemars(extend("x-secret" = true))]
    pub config: Option<ClientConfig>,
    /// Registry credentials; they come before those of `config`.
    pub credentials: Option<Credentials>,
    /// User in the container: a name, a uid, or `uid:gid`. Default: that of the image.
    pub user: Option<Text>,
    /// Entrypoint. Default `[""]`: the image's own is dropped, so that the task's command is all that runs.
    pub entry_point: Option<Vec<String>>,
    /// Lines for `/etc/hosts`, as `name:ip`.
    pub extra_hosts: Option<Vec<String>>,
    /// `bridge`, `host`, `none`, `container:<id>` or the name of a network.
    pub network_mode: Option<String>,
    /// Published ports: `[ip:]hostPort:containerPort[/protocol]`.
    pub port_bindings: Option<Vec<String>>,
    /// Extra mounts `source:target[:options]`; paths are those of the engine's machine. The administrator has to allow them with
    /// `volume-enabled: true` in the configuration of this runner.
    pub volumes: Option<Vec<String>>,
    /// When to pull the image: `IF_NOT_PRESENT` (default), `ALWAYS` or `NEVER`. A list is tried in order: `[ALWAYS, IF_NOT_PRESENT]` uses the
    /// image that is there when the registry does not answer.
    pub pull_policy: Option<OneOrMany<PullPolicy>>,
    /// Devices, such as GPUs.
    pub device_requests: Option<Vec<DeviceRequest>>,
    /// Limit of processor time.
    pub cpu: Option<Cpu>,
    /// Limits of memory.
    pub memory: Option<Memory>,
    /// Size of `/dev/shm`. Default: the engine's, 64 MB.
    pub shm_size: Option<ByteSize>,
    /// Extended rights on the engine's machine.
    pub privileged: Option<Flag>,
    /// How files get into the container: `VOLUME` (default) copies them in and out, `MOUNT` mounts the host's directory, which the engine's
    /// machine must see at the same path.
    pub file_handling_strategy: Option<FileHandling>,
    /// Remove the container and its volume at the end.
    #[schemars(extend("default" = true))]
    pub delete: Option<Flag>,
    /// Wait for the end. `false`: succeed once the container has started, and leave it alone from then on.
    #[schemars(extend("default" = true))]
    pub wait: Option<Flag>,
    /// How long a killed task may take to end by itself, ISO-8601. `PT0S` kills at once. Default: what the host grants.
    pub kill_grace_period: Option<IsoDuration>,
    /// Find the container again after a restart of the host.
    #[schemars(extend("default" = true))]
    pub resume: Option<Flag>,
    /// Image, where old flows have it. New ones set `containerImage` on the task.
    #[schemars(extend("deprecated" = true))]
    pub image: Option<String>,
    /// Platform of the image, such as `linux/arm64`. Default: that of the engine.
    pub platform: Option<String>,
    /// Run the command below a small init process that forwards signals and reaps zombies.
    #[schemars(extend("default" = true))]
    pub init: Option<Flag>,
    /// Most processes the container may have.
    pub pids_limit: Option<i64>,
    /// Linux capabilities to add.
    pub cap_add: Option<Vec<String>>,
    /// Linux capabilities to drop, such as `ALL`.
    pub cap_drop: Option<Vec<String>>,
    /// Security options, such as `no-new-privileges`.
    pub security_opt: Option<Vec<String>>,
    /// In-memory file systems: path to mount options.
    pub tmpfs: Option<BTreeMap<String, String>>,
    /// Signal that asks the command to end. Default: the image's, or `SIGTERM`.
    pub stop_signal: Option<String>,
    /// OCI runtime, such as `runsc`. Default: the engine's.
    pub runtime: Option<String>,
}

/// Content of a Docker `config.json`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ClientConfig {
    /// JSON text.
    Text(String),
    /// The document itself.
    Document(serde_json::Map<String, serde_json::Value>),
}

/// Credentials of one registry.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Credentials {
    /// The registry they are for, such as `ghcr.io`. Default: the registry of the task's image.
    pub registry: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// Password.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,
    /// Bearer token for the registry.
    #[schemars(extend("x-secret" = true))]
    pub registry_token: Option<String>,
    /// Token that the registry exchanges for an access token.
    #[schemars(extend("x-secret" = true))]
    pub identity_token: Option<String>,
    /// Base64 of `user:password`.
    #[schemars(extend("x-secret" = true))]
    pub auth: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("registry", &self.registry).field("username", &self.username).finish_non_exhaustive()
    }
}

/// How files get into the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum FileHandling {
    /// Copied through a volume.
    #[default]
    Volume,
    /// The host's directory is mounted.
    Mount,
}

/// A request for devices, passed to the engine as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeviceRequest {
    /// Driver, such as `nvidia`.
    pub driver: Option<String>,
    /// How many; -1 for all.
    pub count: Option<i64>,
    /// Which, by id.
    pub device_ids: Option<Vec<String>>,
    /// What they must be able to do: a list of alternatives, each a list that must hold together, such as `[[gpu, compute]]`.
    pub capabilities: Option<Vec<Vec<String>>>,
    /// Options of the driver.
    pub options: Option<BTreeMap<String, String>>,
}

/// Limit of processor time.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cpu {
    /// Processors, also in parts: `1.5`.
    pub cpus: Option<Cpus>,
}

/// Limits of memory.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Memory {
    /// Most memory the container may use, such as `512MB`; the engine asks for 6 MB at least.
    pub memory: Option<ByteSize>,
    /// Memory and swap together; equal to `memory`: no swap; `-1`: unlimited.
    pub memory_swap: Option<SwapSize>,
    /// How eagerly to swap, 0 to 100. Engines on cgroup v2 ignore it.
    pub memory_swappiness: Option<ByteSize>,
    /// Soft limit, used when memory is short.
    pub memory_reservation: Option<ByteSize>,
    /// Ignored: engines have no such limit any more.
    #[schemars(extend("deprecated" = true))]
    pub kernel_memory: Option<ByteSize>,
    /// Keep the kernel from killing the container for want of memory. Engines on cgroup v2 ignore it.
    pub oom_kill_disable: Option<Flag>,
}

impl Properties {
    /// The grace of a kill: the flow's, else the host's.
    pub fn grace(&self, host: std::time::Duration) -> std::time::Duration {
        self.kill_grace_period.map_or(host, |d| d.0)
    }

    /// Policies in the order in which they are tried.
    pub fn pull_policies(&self) -> Vec<PullPolicy> {
        match &self.pull_policy {
            Some(policies) if !policies.0.is_empty() => policies.0.clone(),
            _ => vec![PullPolicy::IfNotPresent],
        }
    }

    /// Whether the container goes at the end.
    pub fn delete(&self) -> bool {
        self.delete.is_none_or(|f| f.0)
    }

    /// Whether the run lasts until the container's end.
    pub fn wait(&self) -> bool {
        self.wait.is_none_or(|f| f.0)
    }

    /// Whether a container of an earlier host is followed again.
    pub fn resume(&self) -> bool {
        self.resume.is_none_or(|f| f.0)
    }

    /// Whether the command gets an init process.
    pub fn init(&self) -> bool {
        self.init.is_none_or(|f| f.0)
    }

    /// Whether files are copied rather than mounted.
    pub fn copies_files(&self) -> bool {
        self.file_handling_strategy.unwrap_or_default() == FileHandling::Volume
    }
}
