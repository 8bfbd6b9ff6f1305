//! What a flow says below `taskRunner:`.

use std::time::Duration;

use serde_json::{Map, Value};
use switchyard_plugin_api::{Flag, PullPolicy, Text, prelude::*, schemars::Schema};

use crate::scalar::{Count, Texts};

/// Runs the task as a pod of a Kubernetes cluster.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(transform = former_properties)]
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
    /// Names of existing pull secrets.
    pub image_pull_secrets: Option<Vec<String>>,
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

/// How to reach a cluster. With any field of it set, nothing is taken from the surroundings unless `inheritClusterConfig` says so.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(transform = former_config)]
pub struct Config {
    /// Address of the API server. Default `https://kubernetes.default.svc`.
    pub master_url: Option<String>,
    /// Version of the API; has no effect.
    pub api_version: Option<String>,
    /// Namespace of the pod when the runner's `namespace` is not set.
    pub namespace: Option<String>,
    /// Accept every certificate of the server. Insecure.
    pub trust_certs: Option<Flag>,
    /// Accept a certificate that was made for another host name. Insecure: switches checking of the server's certificate off.
    pub disable_hostname_verification: Option<Flag>,
    /// File with the PEM certificates of the cluster's authority, on the host.
    pub ca_cert_file: Option<String>,
    /// Certificates of the cluster's authority: PEM, or its base64 as in a kubeconfig.
    #[serde(alias = "caCert")]
    pub ca_cert_data: Option<String>,
    /// File with the PEM client certificate, on the host.
    pub client_cert_file: Option<String>,
    /// Client certificate: PEM, or its base64.
    #[serde(alias = "clientCert")]
    pub client_cert_data: Option<String>,
    /// File with the PEM key of the client certificate, on the host.
    pub client_key_file: Option<String>,
    /// Key of the client certificate: PEM, or its base64.
    #[serde(alias = "clientKey")]
    #[schemars(extend("x-secret" = true))]
    pub client_key_data: Option<String>,
    /// Kind of the key; it is read from the key itself.
    pub client_key_algo: Option<String>,
    /// Passphrase of an encrypted key. Encrypted keys are refused: decrypt it first.
    #[schemars(extend("x-secret" = true))]
    pub client_key_passphrase: Option<String>,
    /// A Java key store; refused with a hint how to convert it to PEM.
    pub trust_store_file: Option<String>,
    /// Passphrase of `trustStoreFile`.
    #[schemars(extend("x-secret" = true))]
    pub trust_store_passphrase: Option<String>,
    /// A Java key store; refused with a hint how to convert it to PEM.
    pub key_store_file: Option<String>,
    /// Passphrase of `keyStoreFile`.
    #[schemars(extend("x-secret" = true))]
    pub key_store_passphrase: Option<String>,
    /// User name. Without a password it is a mere name, as in a kubeconfig.
    pub username: Option<String>,
    /// Password of `username`, for servers that still know basic authentication.
    #[schemars(extend("x-secret" = true))]
    pub password: Option<String>,
    /// Bearer token.
    #[serde(alias = "oAuthToken")]
    #[schemars(extend("x-secret" = true))]
    pub oauth_token: Option<String>,
    /// A task that makes a token; refused with a hint: use `exec`.
    pub oauth_token_provider: Option<Map<String, Value>>,
    /// File with a bearer token, on the host. It is read again every minute, and when the server refuses the token.
    pub token_file: Option<String>,
    /// A credential plugin, as in a kubeconfig: `command`, `args`, `env`. It is run again when its token expires.
    pub exec: Option<Map<String, Value>>,
    /// A kubeconfig: its path on the host, or its content as text or as a map.
    #[schemars(extend("x-secret" = true))]
    pub kubeconfig: Option<KubeconfigSource>,
    /// Context of the kubeconfig. Default: its current one.
    pub context: Option<String>,
    /// Start from the surroundings (kubeconfig, service account) and change only what is set here.
    pub inherit_cluster_config: Option<Flag>,
    /// Most requests at the same time. Default 64.
    pub max_concurrent_requests: Option<Count>,
    /// The same for one server; the smaller of both counts.
    pub max_concurrent_requests_per_host: Option<Count>,
    /// Most requests per second in the long run, streams not counted. Default 50; bursts of twice as many are let through.
    pub requests_per_second: Option<Count>,
    /// Pause before a broken watch is opened again. Default `PT1S`.
    pub watch_reconnect_interval: Option<IsoDuration>,
    /// Pause between pings on file transfers. Default `PT15S`.
    pub websocket_ping_interval: Option<IsoDuration>,
    /// Has no effect: requests use HTTP/1.1, which servers and proxies all understand.
    pub enable_http2: Option<Flag>,
}

/// A kubeconfig.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum KubeconfigSource {
    /// A path, or YAML.
    Text(String),
    /// The document.
    Document(Map<String, Value>),
}

/// Guaranteed and greatest use of resources.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(transform = former_resources)]
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

/// Where shared files live.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FileVolume {
    /// `MEMORY` (default): fast, counts as memory of the containers. `DISK`: on the node's disk.
    pub medium: Option<Medium>,
    /// Greatest size, such as `1Gi`.
    pub size_limit: Option<Text>,
    /// An existing claim.
    pub claim_name: Option<String>,
    /// A claim that is made for the pod and goes with it: the `spec` of a PersistentVolumeClaim.
    pub volume_claim_template: Option<Map<String, Value>>,
}

/// What the shared files are kept on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Medium {
    /// A file system in memory.
    #[default]
    #[serde(alias = "Memory", alias = "memory")]
    Memory,
    /// The node's disk.
    #[serde(alias = "Disk", alias = "disk", alias = "")]
    Disk,
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

/// Other names of properties are part of the schema: what reads them is not the only one that checks them.
fn also(schema: &mut Schema, names: &[(&str, &str)]) {
    let Some(Value::Object(properties)) = schema.as_object_mut().and_then(|s| s.get_mut("properties")) else { return };
    for (former, name) in names {
        let Some(mut property) = properties.get(*name).cloned() else { continue };
        if let Some(property) = property.as_object_mut() {
            property.insert("deprecated".to_owned(), true.into());
            property.insert("description".to_owned(), format!("Another name of `{name}`.").into());
        }
        properties.insert((*former).to_owned(), property);
    }
}

fn former_properties(schema: &mut Schema) {
    also(schema, &[("waitForLogInterval", "waitForLogs"), ("fileSidecarSpec", "fileSideCarSpec")]);
}

fn former_config(schema: &mut Schema) {
    let names = [("caCert", "caCertData"), ("clientCert", "clientCertData"), ("clientKey", "clientKeyData"), ("oAuthToken", "oauthToken")];
    also(schema, &names);
}

fn former_resources(schema: &mut Schema) {
    also(schema, &[("requests", "request"), ("limits", "limit")]);
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

#[cfg(test)]
mod tests {
    use switchyard_plugin_api::TypedRunner;

    #[test]
    fn kube_k32_every_spelling_is_in_the_schema() {
        let schema = TypedRunner::new(crate::runner::Kubernetes).component().schema.to_string();
        for name in ["waitForLogInterval", "fileSidecarSpec", "caCert", "clientCert", "clientKey", "oAuthToken", "requests", "limits"] {
            assert!(schema.contains(&format!("\"{name}\":{{")), "{name}");
        }
    }
}
