//! Credential helpers: programs named `docker-credential-<name>`.

use std::{process::Stdio, time::Duration};

use serde::Deserialize;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use super::{Auth, Secret};
use crate::{error::Failure, surroundings::Surroundings};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper; none when it has nothing for the registry.
pub async fn get(name: &str, registry: &str, address: &str, source: &str, around: &Surroundings) -> Result<Option<Auth>, Failure> {
    let program = format!("docker-credential-{name}");
    let failed = |reason: String| Failure::CredentialHelper { helper: program.clone(), registry: registry.to_owned(), reason };
    if name.contains(['/', '\0']) {
        return Err(failed("its name contains a slash".to_owned()));
    }
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    if let Some(path) = around.var("PATH") {
        command.env("PATH", path);
    }
    let mut child = command.spawn().map_err(|e| failed(format!("it cannot be started: {e}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that ends without reading says why by its status.
        let _ = stdin.write_all(address.as_bytes()).await;
    }
    let output = match timeout(PATIENCE, child.wait_with_output()).await {
        Ok(output) => output.map_err(|e| failed(e.to_string()))?,
        Err(_) => return Err(failed(format!("no answer within {} s", PATIENCE.as_secs()))),
    };
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        return if message.contains("credentials not found") { Ok(None) } else { Err(failed(format!("{}: {message}", output.status))) };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|_| failed("its answer has another shape".to_owned()))?;
    let source = format!("{program} named by {source}");
    Ok(Some(if answer.username == "<token>" {
        Auth { secret: Secret::Identity(answer.secret), registry: registry.to_owned(), source }
    } else {
        Auth::password(registry, &answer.username, &answer.secret, &source)
    }))
}
