//! From `config` or the surroundings to a connected client.

use std::{env, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kube::{
    Client, Config as ClientConfig,
    config::{
        AuthInfo, Cluster, Context, ExecConfig, ExecInteractiveMode, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster,
        NamedContext,
    },
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{in_cluster::Surroundings, pem};
use crate::{
    error::Failure,
    properties::{Config, KubeconfigSource},
};

const IN_CLUSTER: &str = "https://kubernetes.default.svc";
const NAME: &str = "switchyard";

/// A cluster and who we are there: everything that is needed to connect, again and again.
#[derive(Debug, Clone, Default)]
pub struct Connection(Option<Config>);

/// What a connection led to.
pub struct Connected {
    /// The client.
    pub client: Client,
    /// The server's address.
    pub server: String,
    /// Where the configuration came from.
    pub source: &'static str,
}

impl Connection {
    /// For this `config` property.
    pub fn of(config: Option<&Config>) -> Self {
        Self(config.cloned())
    }

    /// Equal for equal connections; a digest, because secrets are part of it.
    pub fn identity(&self) -> String {
        let around = ["KUBECONFIG", "HOME", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"].map(|name| env::var(name).ok());
        hex(&Sha256::digest(format!("{:?} {around:?}", self.0)))
    }

    /// Connects with everything read anew: files, kubeconfig, credential plugins.
    pub async fn connect(&self) -> Result<Connected, Failure> {
        let (mut config, source) = self.client_config().await?;
        // Requests are retried by us, with the whole picture.
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(10));
        config.read_timeout = None;
        config.write_timeout = None;
        if let Some(exec) = &mut config.auth_info.exec {
            // Nobody is there to answer its questions.
            exec.interactive_mode = Some(ExecInteractiveMode::Never);
        }
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        // Chosen by name, because other crates of the build may bring another. An error only says that it was chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Making the client runs credential plugins, which may take their time.
        let made = tokio::task::spawn_blocking(move || Client::try_from(config)).await;
        let client = match made {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(Failure::InvalidConfig { property: "", reason: chain(&error) }),
            Err(error) => return Err(Failure::InvalidConfig { property: "", reason: error.to_string() }),
        };
        Ok(Connected { client, server, source })
    }

    async fn client_config(&self) -> Result<(ClientConfig, &'static str), Failure> {
        let Some(config) = self.0.as_ref().filter(|c| c.says_where()) else {
            return Ok((ambient(None).await?, "the surroundings"));
        };
        config.refuse_what_cannot_be()?;
        if let Some(source) = &config.kubeconfig {
            let kubeconfig = read_kubeconfig(source)?;
            let options = KubeConfigOptions { context: config.context.clone(), ..KubeConfigOptions::default() };
            let read = ClientConfig::from_custom_kubeconfig(kubeconfig, &options).await;
            let read = read.map_err(|e| Failure::InvalidConfig { property: "kubeconfig", reason: chain(&e) })?;
            return Ok((config.over(read)?, "config.kubeconfig"));
        }
        if config.inherit_cluster_config.is_some_and(|f| f.0) || config.is_context_only() {
            return Ok((config.over(ambient(config.context.as_deref()).await?)?, "the surroundings and config"));
        }
        let alone = ClientConfig::from_custom_kubeconfig(config.alone()?, &KubeConfigOptions::default()).await;
        let alone = alone.map_err(|e| Failure::InvalidConfig { property: "", reason: chain(&e) })?;
        Ok((alone, "config"))
    }
}

async fn ambient(context: Option<&str>) -> Result<ClientConfig, Failure> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let kubeconfig = match ClientConfig::from_kubeconfig(&options).await {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let account = match Surroundings::here().config() {
        Ok(config) => return Ok(config),
        Err(reason) => reason,
    };
    let place = env::var("KUBECONFIG").ok().filter(|p| !p.is_empty()).unwrap_or_else(|| "~/.kube/config".to_owned());
    let reason = format!("{place}: {}; and the host runs in no pod with a service account: {account}", chain(&kubeconfig));
    Err(Failure::NoCluster { reason })
}

fn read_kubeconfig(source: &KubeconfigSource) -> Result<Kubeconfig, Failure> {
    let invalid = |reason: String| Failure::InvalidConfig { property: "kubeconfig", reason };
    match source {
        KubeconfigSource::Text(text) if text.contains('\n') || text.trim_start().starts_with('{') => {
            Kubeconfig::from_yaml(text).map_err(|e| invalid(chain(&e)))
        }
        KubeconfigSource::Text(path) => Kubeconfig::read_from(expand(path)).map_err(|e| invalid(chain(&e))),
        KubeconfigSource::Document(document) => serde_json::from_value(Value::Object(document.clone())).map_err(|e| invalid(e.to_string())),
    }
}

fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

fn path(text: &str) -> String {
    expand(text).display().to_string()
}

impl Config {
    /// Whether it says anything about the server or who we are; limits and intervals do not.
    fn says_where(&self) -> bool {
        let texts = [
            &self.master_url,
            &self.ca_cert_file,
            &self.ca_cert_data,
            &self.client_cert_file,
            &self.client_cert_data,
            &self.client_key_file,
            &self.client_key_data,
            &self.username,
            &self.password,
            &self.oauth_token,
            &self.token_file,
            &self.context,
            &self.trust_store_file,
            &self.key_store_file,
        ];
        texts.iter().any(|t| t.is_some())
            || self.exec.is_some()
            || self.kubeconfig.is_some()
            || self.oauth_token_provider.is_some()
            || self.inherit_cluster_config.is_some_and(|f| f.0)
    }

    /// Whether it only chooses among what the surroundings offer.
    fn is_context_only(&self) -> bool {
        self.context.is_some() && !Self { context: None, ..self.clone() }.says_where()
    }

    fn refuse_what_cannot_be(&self) -> Result<(), Failure> {
        let refuse = |property, reason: &str| Err(Failure::InvalidConfig { property, reason: reason.to_owned() });
        if self.oauth_token_provider.is_some() {
            return refuse(
                "oauthTokenProvider",
                "a runner cannot run another task; use exec, tokenFile, or pass the token of an earlier task as oauthToken",
            );
        }
        Ok(())
    }

    /// A kubeconfig of this alone.
    fn alone(&self) -> Result<Kubeconfig, Failure> {
        let cluster = Cluster {
            server: Some(self.server()),
            insecure_skip_tls_verify: self.insecure().then_some(true),
            certificate_authority: self.ca_cert_file.as_deref().map(path),
            certificate_authority_data: self.authority()?.map(|text| STANDARD.encode(text)),
            ..Cluster::default()
        };
        let context = Context { cluster: NAME.to_owned(), user: Some(NAME.to_owned()), ..Context::default() };
        Ok(Kubeconfig {
            clusters: vec![NamedCluster { name: NAME.to_owned(), cluster: Some(cluster), ..NamedCluster::default() }],
            auth_infos: vec![NamedAuthInfo {
                name: NAME.to_owned(),
                auth_info: Some(self.auth(AuthInfo::default())?),
                ..NamedAuthInfo::default()
            }],
            contexts: vec![NamedContext { name: NAME.to_owned(), context: Some(context), ..NamedContext::default() }],
            current_context: Some(NAME.to_owned()),
            ..Kubeconfig::default()
        })
    }

    /// What is set here, over a configuration from elsewhere.
    fn over(&self, mut config: ClientConfig) -> Result<ClientConfig, Failure> {
        if self.master_url.is_some() {
            let parsed = self.server().parse();
            config.cluster_url = parsed.map_err(|e| Failure::InvalidConfig { property: "masterUrl", reason: format!("{e}") })?;
        }
        if self.insecure() {
            config.accept_invalid_certs = true;
        }
        if let Some(file) = &self.ca_cert_file {
            config.root_cert_file = Some(expand(file));
        }
        if let Some(text) = self.authority()? {
            config.root_cert_file = None;
            config.root_cert = Some(pem::certificates(&text, "caCertData")?);
        }
        config.auth_info = self.auth(config.auth_info)?;
        Ok(config)
    }

    fn auth(&self, base: AuthInfo) -> Result<AuthInfo, Failure> {
        let mut auth = base;
        if let Some(store) = &self.key_store_file {
            let (key, certificates) = pem::identity(&expand(store), self.key_store_passphrase.as_deref(), "keyStoreFile")?;
            auth.client_certificate_data = Some(STANDARD.encode(certificates));
            auth.client_key_data = Some(STANDARD.encode(key).into());
        }
        if self.client_cert_data.is_some() || self.client_cert_file.is_some() {
            auth.client_certificate = self.client_cert_file.as_deref().map(path);
            auth.client_certificate_data = pem::text(self.client_cert_data.as_deref(), "clientCertData")?.map(|text| STANDARD.encode(text));
        }
        if self.client_key_data.is_some() || self.client_key_file.is_some() {
            auth.client_key = None;
            auth.client_key_data = self.client_key()?.map(|text| STANDARD.encode(text).into());
        }
        if let Some(token) = self.oauth_token.as_deref().map(str::trim).filter(|t| !t.is_empty()) {
            auth.token = Some(token.to_owned().into());
        }
        if let Some(file) = &self.token_file {
            auth.token_file = Some(expand(file).display().to_string());
        }
        if let (Some(user), Some(password)) = (&self.username, &self.password) {
            auth.username = Some(user.clone());
            auth.password = Some(password.clone().into());
        }
        if let Some(exec) = &self.exec {
            let mut exec = exec.clone();
            exec.entry("apiVersion").or_insert_with(|| "client.authentication.k8s.io/v1".into());
            let exec: ExecConfig = serde_json::from_value(Value::Object(exec))
                .map_err(|e| Failure::InvalidConfig { property: "exec", reason: e.to_string() })?;
            auth.exec = Some(exec);
        }
        Ok(auth)
    }

    /// PEM of what the server's certificate has to be signed by, apart from a file of it.
    fn authority(&self) -> Result<Option<String>, Failure> {
        let mut text = pem::text(self.ca_cert_data.as_deref(), "caCertData")?;
        if let Some(store) = &self.trust_store_file {
            let certificates = pem::trusted(&expand(store), self.trust_store_passphrase.as_deref(), "trustStoreFile")?;
            text.get_or_insert_default().push_str(&certificates);
        }
        Ok(text)
    }

    fn client_key(&self) -> Result<Option<String>, Failure> {
        let (text, property) = match (&self.client_key_data, &self.client_key_file) {
            (Some(data), _) => (pem::text(Some(data), "clientKeyData")?, "clientKeyData"),
            (None, Some(file)) => {
                let read = std::fs::read_to_string(expand(file));
                let invalid = |e: std::io::Error| Failure::InvalidConfig { property: "clientKeyFile", reason: format!("{file}: {e}") };
                (Some(read.map_err(invalid)?), "clientKeyFile")
            }
            (None, None) => (None, ""),
        };
        text.map(|text| pem::key(text, self.client_key_passphrase.as_deref(), property)).transpose()
    }

    fn server(&self) -> String {
        let url = self.master_url.as_deref().map(str::trim).filter(|u| !u.is_empty()).unwrap_or(IN_CLUSTER);
        if url.contains("://") { url.to_owned() } else { format!("https://{url}") }
    }
}

/// An error with what caused it, on one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    // The library's word for any trouble on the way.
    text.trim_start_matches("ServiceError: ").replace('\n', " ")
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod connection_tests;
