//! Whether an engine answers at an endpoint, and in one line why not.

use std::{
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
    time::Duration,
};

use bollard::Docker;
use tokio::{net::UnixStream, time::timeout};

use super::{Endpoint, chain, client, ssh::Tunnel};
use crate::surroundings::Surroundings;

/// Reason of a socket that does not exist.
pub const ABSENT: &str = "no such socket";

const PATIENCE: Duration = Duration::from_secs(5);

/// Logging in on another machine takes its time.
const PATIENCE_BY_SSH: Duration = Duration::from_secs(30);

/// A client, if an engine answers, and the tunnel that it needs.
pub async fn probe(endpoint: &Endpoint, around: &Surroundings) -> Result<(Docker, Option<Tunnel>), String> {
    match endpoint {
        Endpoint::Ssh(target) => {
            let tunnel = Tunnel::open(target).map_err(|e| format!("no tunnel can be made: {e}"))?;
            match answers(&Endpoint::Unix(tunnel.socket()), PATIENCE_BY_SSH).await {
                Ok(docker) => Ok((docker, Some(tunnel))),
                Err(reason) => {
                    Err(tunnel.will_have_said().await.map_or(reason, |said| format!("`docker system dial-stdio` over ssh: {said}")))
                }
            }
        }
        Endpoint::Unix(path) => {
            socket(path, around).await?;
            answers(endpoint, PATIENCE).await.map(|docker| (docker, None))
        }
        Endpoint::Http(_) | Endpoint::Https { .. } => answers(endpoint, PATIENCE).await.map(|docker| (docker, None)),
    }
}

async fn answers(endpoint: &Endpoint, patience: Duration) -> Result<Docker, String> {
    let docker = client(endpoint, patience.as_secs()).map_err(|e| chain(&e))?;
    match timeout(patience, docker.ping()).await {
        Ok(Ok(_)) => Ok(docker),
        Ok(Err(error)) => {
            let reason = chain(&error);
            Err(match reason.to_ascii_lowercase() {
                r if r.contains("connection refused") => "connection refused: nothing listens there".to_owned(),
                r if r.contains("dns") || r.contains("lookup") => format!("the host name cannot be resolved: {reason}"),
                r if r.contains("certificate") || r.contains("unknownissuer") => {
                    format!("the engine's certificate, or ours, is not accepted: {reason}")
                }
                r if ["https server", "unexpected message", "connection closed", "invalid http", "parse"].iter().any(|w| r.contains(w)) => {
                    format!("something listens there, but it is not an engine that speaks plain HTTP (an engine with TLS?): {reason}")
                }
                _ => format!("not an engine: {reason}"),
            })
        }
        Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
    }
}

/// Whether it is Podman that speaks Docker's protocol.
pub async fn is_podman(docker: &Docker) -> bool {
    match timeout(PATIENCE, docker.version()).await {
        Ok(Ok(version)) => version.components.iter().flatten().any(|component| component.name.contains("Podman")),
        _ => false,
    }
}

async fn socket(path: &Path, around: &Surroundings) -> Result<(), String> {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(ABSENT.to_owned()),
        Err(e) => return Err(e.to_string()),
    };
    if !meta.file_type().is_socket() {
        return Err("not a socket".to_owned());
    }
    match UnixStream::connect(path).await {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Err(format!(
            "permission denied: the socket belongs to {}:{} with mode {:04o}, {}",
            meta.uid(),
            meta.gid(),
            meta.mode() & 0o7777,
            around.who()
        )),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            Err("connection refused: the socket is there, but no engine listens".to_owned())
        }
        Err(e) => Err(e.to_string()),
    }
}
