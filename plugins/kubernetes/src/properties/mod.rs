//! What a flow says below `taskRunner:`.

mod config;
mod spellings;
mod volume;

use std::time::Duration;

use serde_json::{Map, Value};
use switchyard_plugin_api::{Flag, PullPolicy, prelude::*};

pub use config::{Config, KubeconfigSource};
pub use volume::{FileVolume, Medium};

use crate::scalar::Texts;

/// Runs the task as a pod of a Kubernetes cluster.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(transform = spellings::properties)]
pub struct Properties {
    /// How to reach the cluster. Without it: `KUBECONFIG`, `~/.kube/config`, then the service account of the pod the host runs in.
    pub config: Option<Config>,
    /// Namespace of the pod. Default: `default`.
    pub namespace: Option<String>,
    /// When to pull the task's image: `IF_NOT_PRESENT` (default), `ALWAYS` or `NEVER`.
    pub pull_policy: Option<PullPolicy>,
    /// Labels of the pod. The runner's own (`kestra.io/…`) win.
    pub labels: Option<Texts>,
    /// Annotations of the pod. The runner's own win.
    pub annotations: Option<Texts>,
    /// Labels that a node must have to run the pod.
    pub node_selector: Option<Texts>,
    /// Service account of the pod.
    pub service_account_name: Option<String>,
    /// What the task's container is guaranteed (`request`) and may use at most (`limit`).
    pub resources: Option<Resources>,
    /// Taints that the pod tolerates, as in a pod.
    pub tolerations: Option<Vec<Value>>,
    /// Rules of placement, as in a pod.
    pub affinity: Option<Map<String, Value>>,
    /// Names of existing pull secrets, each as text or as `name: …`.
    pub image_pull_secrets: Option<Vec<SecretName>>,
    /// Container runtime class, such as `gvisor`.
    pub runtime_class_name: Option<String>,
    /// Priority class of the pod.
    pub priority_class_name: Option<String>,
    /// How long the pod may take from its creation to the start of the command: finding a node, pulling, starting. Default `PT10M`.
    pub wait_until_running: Option<IsoDuration>,
    /// How long the command may run. The task's own `timeout` replaces it. Default `PT1H`.
    pub wait_until_completion: Option<IsoDuration>,
    /// How long the end of the log may be waited for once the command has ended. Default `PT30S`.
    #[serde(alias = "waitForLogInterval")]
    pub wait_for_logs: Option<IsoDuration>,
    /// How long a node may be looked for, when that is less than `waitUntilRunning`.
    pub schedule_timeout: Option<IsoDuration>,
    /// How long pulling an image may fail for reasons that may pass, such as a registry that does not answer. Default `PT3M`.
    pub image_pull_timeout: Option<IsoDuration>,
    /// Delete the pod at the end.
    #[schemars(extend("default" = true))]
    pub delete: Option<Flag>,
    /// Find the pod again after a restart of the host.
    #[schemars(extend("default" = true))]
    pub resume: Option<Flag>,
    /// The containers that move files in and out.
    pub file_sidecar: Option<FileSidecar>,
    /// Where the files live that the containers share. Default: in memory.
    #[serde(alias = "filesVolume")]
    pub file_volume: Option<FileVolume>,
    /// A pod's `spec` that is merged with the runner's, lists by name. In `containers`, the one named `main` is the task's.
    pub pod_spec: Option<Map<String, Value>>,
    /// A container that is merged with the task's; what the runner itself sets wins.
    pub container_spec: Option<Map<String, Value>>,
    /// Defaults of every container, the file containers too unless `fileSidecar.defaultSpec` is set.
    pub container_default_spec: Option<Map<String, Value>>,
    /// A container that is merged with the file containers.
    #[serde(alias = "fileSidecarSpec")]
    pub file_side_car_spec: Option<Map<String, Value>>,
    /// Bring back the whole working directory, not only what matches `outputFiles`.
    #[schemars(extend("default" = false))]
    pub sync_working_directory: Option<Flag>,
    /// Registry credentials: a pull secret is made for the pod and goes with it.
    pub credentials: Option<Credentials>,
    /// How long a killed task may take to end by itself. Default: what the host grants.
    pub kill_grace_period: Option<IsoDuration>,
    /// The pod's own grace period when somebody else deletes it.
    pub termination_grace_period: Option<IsoDuration>,
}

/// Guaranteed and greatest use of resources.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(transform = spellings::resources)]
pub struct Resources {
    /// What the container is guaranteed: `cpu`, `memory`, or any other resource by name.
    #[serde(alias = "requests")]
    pub request: Option<Texts>,
    /// What the container may use at most: `cpu`, `memory`, or any other resource by name.
    #[serde(alias = "limits")]
    pub limit: Option<Texts>,
}

/// The containers that move files.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FileSidecar {
    /// Their image; it needs `sh`, `tar`, `head` and `sleep`. Default `busybox`.
    pub image: Option<String>,
    /// Their resources. Default: a request of 10m processor and 16Mi memory.
    pub resources: Option<Resources>,
    /// Their defaults, in the place of `containerDefaultSpec`.
    pub default_spec: Option<Map<String, Value>>,
}

/// A secret of the namespace.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SecretName {
    /// Its name.
    Text(String),
    /// As pods have it.
    Reference {
        /// Its name.
        name: String,
    },
}

impl SecretName {
    /// Its name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(name) | Self::Reference { name } => name,
        }
    }
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
    /// Base64 of `user:password`.
    #[schemars(extend("x-secret" = true))]
    pub auth: Option<String>,
    /// Accepted for flows that move from Docker; pull secrets have no such field.
    #[schemars(extend("x-secret" = true))]
    pub registry_token: Option<String>,
    /// Token that the registry exchanges for an access token.
    #[schemars(extend("x-secret" = true))]
    pub identity_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("registry", &self.registry).field("username", &self.username).finish_non_exhaustive()
    }
}

const MINUTE: Duration = Duration::from_secs(60);

impl Properties {
    /// Namespace of the pod.
    pub fn namespace(&self) -> &str {
        let configured = self.config.as_ref().and_then(|c| c.namespace.as_deref());
        [self.namespace.as_deref(), configured].into_iter().flatten().map(str::trim).find(|n| !n.is_empty()).unwrap_or("default")
    }

    /// From creation to the start of the command.
    pub fn wait_until_running(&self) -> Duration {
        self.wait_until_running.map_or(10 * MINUTE, |d| d.0)
    }

    /// From creation to a node.
    pub fn schedule_timeout(&self) -> Duration {
        self.schedule_timeout.map_or(self.wait_until_running(), |d| d.0.min(self.wait_until_running()))
    }

    /// How long pulls may fail for reasons that may pass.
    pub fn image_pull_timeout(&self) -> Duration {
        self.image_pull_timeout.map_or(3 * MINUTE, |d| d.0)
    }

    /// How long the command may run; the task's own limit is enforced by the host, with some seconds left for it to do so.
    pub fn run_limit(&self, task: Option<Duration>) -> Duration {
        match task {
            Some(limit) => limit + MINUTE,
            None => self.wait_until_completion.map_or(60 * MINUTE, |d| d.0),
        }
    }

    /// How long the end of the log may be waited for.
    pub fn wait_for_logs(&self) -> Duration {
        self.wait_for_logs.map_or(Duration::from_secs(30), |d| d.0.max(Duration::from_secs(5)))
    }

    /// Whether the pod goes at the end.
    pub fn delete(&self) -> bool {
        self.delete.is_none_or(|f| f.0)
    }

    /// Whether a pod of an earlier host is followed again.
    pub fn resume(&self) -> bool {
        self.resume.is_none_or(|f| f.0)
    }

    /// Whether the whole directory comes back.
    pub fn sync_working_directory(&self) -> bool {
        self.sync_working_directory.is_some_and(|f| f.0)
    }

    /// Image of the file containers.
    pub fn file_image(&self) -> &str {
        self.file_sidecar.as_ref().and_then(|s| s.image.as_deref()).map(str::trim).filter(|i| !i.is_empty()).unwrap_or("busybox")
    }
}
