//! What a flow says below `config:`.

use serde_json::{Map, Value};
use switchyard_plugin_api::{Flag, prelude::*};

use crate::scalar::Count;

/// How to reach a cluster. With any field of it set, nothing is taken from the surroundings unless `inheritClusterConfig` says so.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(transform = super::spellings::config)]
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
    /// Passphrase of an encrypted key (`BEGIN ENCRYPTED PRIVATE KEY`).
    #[schemars(extend("x-secret" = true))]
    pub client_key_passphrase: Option<String>,
    /// A PKCS#12 file on the host with the certificates of the cluster's authority. The older format JKS is refused with a hint how to convert it.
    pub trust_store_file: Option<String>,
    /// Passphrase of `trustStoreFile`.
    #[schemars(extend("x-secret" = true))]
    pub trust_store_passphrase: Option<String>,
    /// A PKCS#12 file on the host with the client certificate and its key. The older format JKS is refused with a hint how to convert it.
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

impl Config {
    /// Whether it switches the checking of the server's certificate off.
    pub fn insecure(&self) -> bool {
        [self.trust_certs, self.disable_hostname_verification].into_iter().flatten().any(|f| f.0)
    }
}
