//! Whether an engine answers at an endpoint, and in one line why not.

use std::{
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
    time::Duration,
};

use bollard::Docker;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use super::{Endpoint, chain, client, ssh::Tunnel};
use crate::surroundings::Surroundings;

/// Reason of a socket that does not exist.
pub const ABSENT: &str = "no such socket";

const PATIENCE: Duration = Duration::from_secs(5);

/// Logging in on another machine takes its time.
const PATIENCE_BY_SSH: Duration = Duration::from_secs(30);

/// What an engine says first is short.
const GREETING: usize = 8 << 10;

/// An engine that answers.
pub struct Found {
    pub docker: Docker,
    /// The way to it, when it is on another machine.
    pub tunnel: Option<Tunnel>,
    /// It is Podman that speaks Docker's protocol.
    pub podman: bool,
}

/// The engine at an endpoint, if one answers.
pub async fn probe(endpoint: &Endpoint, around: &Surroundings) -> Result<Found, String> {
    if let Endpoint::Unix(path) = endpoint {
        let stream = socket(path, around).await?;
        // One small question on the connection that is there already; who it is takes an engine two processes more to say.
        let greeting = timeout(PATIENCE, greeting(stream)).await.map_err(|_| silent(PATIENCE))?;
        if let (Some(podman), Ok(docker)) = (greeting, client(endpoint, PATIENCE.as_secs())) {
            return Ok(Found { docker, tunnel: None, podman });
        }
    }
    let (docker, tunnel) = connected(endpoint).await?;
    Ok(Found { podman: is_podman(&docker).await, docker, tunnel })
}

/// Whether it is Podman, by the headers of its first answer; none when this is not the answer of an engine.
async fn greeting(mut stream: UnixStream) -> Option<bool> {
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    stream.take(GREETING as u64).read_to_end(&mut answer).await.ok()?;
    greeted(&answer)
}

fn greeted(answer: &[u8]) -> Option<bool> {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let (head, _) = text.split_once("\r\n\r\n")?;
    let is_engine = head.starts_with("http/1.1 200 ") && head.contains("\r\napi-version:");
    is_engine.then(|| head.contains("\r\nlibpod-api-version:"))
}

async fn connected(endpoint: &Endpoint) -> Result<(Docker, Option<Tunnel>), String> {
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
        Endpoint::Unix(_) | Endpoint::Http(_) | Endpoint::Https { .. } => answers(endpoint, PATIENCE).await.map(|docker| (docker, None)),
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
        Err(_) => Err(silent(patience)),
    }
}

fn silent(patience: Duration) -> String {
    format!("no answer within {} s", patience.as_secs())
}

async fn is_podman(docker: &Docker) -> bool {
    match timeout(PATIENCE, docker.version()).await {
        Ok(Ok(version)) => version.components.iter().flatten().any(|component| component.name.contains("Podman")),
        _ => false,
    }
}

async fn socket(path: &Path, around: &Surroundings) -> Result<UnixStream, String> {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(ABSENT.to_owned()),
        Err(e) => return Err(e.to_string()),
    };
    if !meta.file_type().is_socket() {
        return Err("not a socket".to_owned());
    }
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(stream),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_is_told_by_the_first_answer() {
        for (answer, podman) in [
            ("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nServer: Docker/20.10.24 (linux)\r\n\r\nOK", Some(false)),
            ("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nLibpod-API-Version: 4.3.1\r\nServer: Libpod/4.3.1 (linux)\r\n\r\nOK", Some(true)),
            ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Api-Version: 1</html>", None),
            ("HTTP/1.1 500 Internal Server Error\r\nApi-Version: 1.41\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n", None),
            ("220 mail.example.com ESMTP\r\n", None),
            ("", None),
        ] {
            assert_eq!(greeted(answer.as_bytes()), podman, "{answer}");
        }
    }
}
