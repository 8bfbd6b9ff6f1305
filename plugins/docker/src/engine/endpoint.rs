//! Which engines to try, in which order, and why.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ssh::Target;
use crate::{error::Failure, surroundings::Surroundings};

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// Plain HTTP: `host:port`.
    Http(String),
    /// HTTP over TLS: `host:port`, and the folder with `ca.pem`, `cert.pem` and `key.pem`.
    Https {
        /// `host:port`.
        host: String,
        /// The folder.
        certificates: PathBuf,
    },
    /// Another machine, by SSH.
    Ssh(Target),
}

impl Endpoint {
    /// Parses `unix://`, `tcp://`, `http://`, `https://`, `ssh://`, or an absolute path.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Self::parse_with(text, false, Path::new(""))
    }

    /// The same; with `tls` also `tcp://` is HTTP over TLS.
    fn parse_with(text: &str, tls: bool, certificates: &Path) -> Result<Self, Failure> {
        let invalid = |reason: &str| Failure::InvalidHost { endpoint: text.to_owned(), reason: reason.to_owned() };
        if text.starts_with('/') {
            return Ok(Self::Unix(PathBuf::from(text)));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| invalid("it has no scheme"))?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(invalid("the path of a socket is absolute: unix:///path")),
            "tcp" | "http" | "https" => {
                let secure = scheme == "https" || tls && scheme == "tcp";
                let host = match rest.trim_end_matches('/') {
                    "" => return Err(invalid("the host is missing")),
                    host if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) => host.to_owned(),
                    host if secure => format!("{host}:2376"),
                    host => format!("{host}:2375"),
                };
                Ok(if secure { Self::Https { host, certificates: certificates.to_owned() } } else { Self::Http(host) })
            }
            "ssh" => Target::parse(rest).map(Self::Ssh).map_err(invalid),
            "npipe" => Err(invalid("named pipes exist on Windows only")),
            other => Err(invalid(&format!("the scheme {other} is not supported"))),
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Http(host) => write!(f, "tcp://{host}"),
            Self::Https { host, .. } => write!(f, "https://{host}"),
            Self::Ssh(target) => target.fmt(f),
        }
    }
}

/// An endpoint that may be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where.
    pub endpoint: Endpoint,
    /// Who named it.
    pub source: String,
}

/// Endpoints in the order in which they are tried. Somebody's explicit choice is the only one: another engine instead of it would
/// surprise.
pub fn candidates(host: Option<&str>, around: &Surroundings) -> Result<Vec<Candidate>, Failure> {
    let only = |endpoint: Endpoint, source: &str| Ok(vec![Candidate { endpoint, source: source.to_owned() }]);
    let tls = around.var("DOCKER_TLS_VERIFY").is_some() || around.var("DOCKER_TLS").is_some();
    let certificates = around.var("DOCKER_CERT_PATH").map(PathBuf::from).or_else(|| around.client_config_dir()).unwrap_or_default();
    if let Some(host) = host.filter(|h| !h.is_empty()) {
        return only(Endpoint::parse_with(host, tls, &certificates)?, "property host");
    }
    if let Some(host) = around.var("DOCKER_HOST") {
        return only(Endpoint::parse_with(host, tls, &certificates)?, "DOCKER_HOST");
    }
    if let Some((name, source)) = context_name(around)
        && let Some(host) = context_host(&name, around)
    {
        // A context has certificates of its own.
        let own = context_folder(&name, "tls", around).map(|folder| folder.join("docker")).filter(|folder| folder.is_dir());
        let endpoint = Endpoint::parse_with(&host, own.is_some(), &own.unwrap_or(certificates))?;
        return only(endpoint, &format!("context {name} of {source}"));
    }
    Ok(well_known(around)
        .into_iter()
        .map(|(path, source)| Candidate { endpoint: Endpoint::Unix(path), source: source.to_owned() })
        .collect())
}

fn context_name(around: &Surroundings) -> Option<(String, &'static str)> {
    if let Some(name) = around.var("DOCKER_CONTEXT") {
        return (name != "default").then(|| (name.to_owned(), "DOCKER_CONTEXT"));
    }
    let config = read_json(&around.client_config_dir()?.join("config.json"))?;
    let name = config.get("currentContext")?.as_str()?;
    (!name.is_empty() && name != "default").then(|| (name.to_owned(), "the Docker client configuration"))
}

fn context_folder(name: &str, kind: &str, around: &Surroundings) -> Option<PathBuf> {
    let directory: String = Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Some(around.client_config_dir()?.join("contexts").join(kind).join(directory))
}

fn context_host(name: &str, around: &Surroundings) -> Option<String> {
    let meta = read_json(&context_folder(name, "meta", around)?.join("meta.json"))?;
    meta.pointer("/Endpoints/docker/Host")?.as_str().map(str::to_owned)
}

fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Sockets of the products of the field. Nothing is checked yet.
fn well_known(around: &Surroundings) -> Vec<(PathBuf, &'static str)> {
    let runtime = around.var("XDG_RUNTIME_DIR").map(PathBuf::from);
    let colima = around.var("COLIMA_HOME").map(PathBuf::from).or_else(|| around.home(".colima"));
    let list = [
        (Some(PathBuf::from("/var/run/docker.sock")), "default"),
        (Some(PathBuf::from("/run/docker.sock")), "default"),
        (runtime.as_ref().map(|r| r.join("docker.sock")), "rootless Docker"),
        (Some(PathBuf::from(format!("/run/user/{}/docker.sock", around.uid))), "rootless Docker"),
        (around.home(".docker/run/docker.sock"), "Docker Desktop"),
        (around.home(".docker/desktop/docker.sock"), "Docker Desktop"),
        (colima.map(|c| c.join("default/docker.sock")), "Colima"),
        (around.home(".orbstack/run/docker.sock"), "OrbStack"),
        (around.home(".rd/docker.sock"), "Rancher Desktop"),
        (around.home(".lima/docker/sock/docker.sock"), "Lima"),
        (runtime.map(|r| r.join("podman/podman.sock")), "rootless Podman"),
        (Some(PathBuf::from("/run/podman/podman.sock")), "Podman"),
        (around.home(".local/share/containers/podman/machine/podman.sock"), "Podman machine"),
        (Some(PathBuf::from("/dind/docker.sock")), "Docker in Docker"),
    ];
    let mut found: Vec<(PathBuf, &'static str)> = Vec::new();
    for (path, source) in list {
        if let Some(path) = path
            && !found.iter().any(|(known, _)| *known == path)
        {
            found.push((path, source));
        }
    }
    found
}
