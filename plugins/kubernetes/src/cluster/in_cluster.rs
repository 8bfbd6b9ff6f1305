//! The cluster that the host itself runs in, as the service account of its pod sees it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use kube::Config as ClientConfig;

use super::pem;

/// Where a pod finds its account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What a pod is told about the cluster.
#[derive(Debug)]
pub struct Surroundings {
    /// Address of the API server.
    pub host: Option<String>,
    /// Its port.
    pub port: Option<String>,
    /// The directory with `token` and `ca.crt`.
    pub account: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub fn here() -> Self {
        let variable = |name| env::var(name).ok().filter(|v| !v.is_empty());
        Self { host: variable("KUBERNETES_SERVICE_HOST"), port: variable("KUBERNETES_SERVICE_PORT"), account: Path::new(ACCOUNT).into() }
    }

    /// The way to the API server. The token is read again by itself: it is changed every hour.
    pub fn config(&self) -> Result<ClientConfig, String> {
        let Some(host) = &self.host else { return Err("KUBERNETES_SERVICE_HOST is not set".to_owned()) };
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.clone() };
        let url = format!("https://{host}:{}", self.port.as_deref().unwrap_or("443"));
        let (token, authority) = (self.account.join("token"), self.account.join("ca.crt"));
        let read = |path: &Path| fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
        read(&token)?;
        let certificates = pem::certificates(&read(&authority)?, "").map_err(|e| format!("{}: {e}", authority.display()))?;
        let mut config = ClientConfig::new(url.parse().map_err(|e| format!("{url}: {e}"))?);
        config.root_cert = Some(certificates);
        config.root_cert_file = Some(authority);
        config.auth_info.token_file = Some(token.display().to_string());
        Ok(config)
    }
}
