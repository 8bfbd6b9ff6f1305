//! Runs git, tells how far it is, and ends it when it is to end.

use std::{process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use switchyard_plugin_api::{Level, prelude::*};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};

use crate::{
    access::Access,
    progress::{self, Said},
    refusal,
};

/// Variables that would make git work on another repository than ours, or ask somebody.
const REMOVED: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "GIT_TRACE",
    "GIT_TEMPLATE_DIR",
];
/// Lines that are kept for the case that it fails.
const KEPT: usize = 20;

/// Runs git with these arguments; answers its standard output.
pub async fn run(argv: &[String], access: &Access, context: &Context) -> Result<String, Error> {
    let mut command = Command::new("git");
    for name in REMOVED {
        command.env_remove(name);
    }
    command
        .args(argv)
        .envs(access.env.iter().map(|(name, value)| (name, value)))
        .current_dir(access.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Its helpers have to end with it.
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| cannot_start(&error))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async { tokio::join!(read_all(stdout), follow(stderr, context)) };
    let (output, said) = tokio::select! {
        read = work => read,
        cancellation = context.cancelled() => {
            end(&mut child, cancellation.grace()).await;
            return Err(Error::cancelled());
        }
    };
    let status = child.wait().await.map_err(|error| Error::environment("git::failed", format!("git was lost: {error}")))?;
    if status.success() { Ok(output) } else { Err(refusal::of(&said, &status.to_string())) }
}

fn cannot_start(error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::environment("git::missing", "there is no program `git` on this host")
            .with_help("install git, with ssh for addresses such as git@host:path");
    }
    Error::environment("git::missing", format!("`git` cannot be started: {error}"))
}

async fn read_all(stdout: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stdout) = stdout {
        // What was read before an error counts; the exit code tells the rest.
        let _ = stdout.read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn follow(stderr: Option<impl AsyncRead + Unpin>, context: &Context) -> Vec<String> {
    let mut said = Vec::new();
    let Some(mut stderr) = stderr else { return said };
    let mut buffer = vec![0; 8192];
    let mut partial = Vec::new();
    while let Ok(read) = stderr.read(&mut buffer).await
        && read > 0
    {
        for &byte in &buffer[..read] {
            if matches!(byte, b'\n' | b'\r') {
                tell(&std::mem::take(&mut partial), context, &mut said);
            } else if partial.len() < buffer.len() {
                partial.push(byte);
            }
        }
    }
    tell(&partial, context, &mut said);
    said
}

fn tell(line: &[u8], context: &Context, said: &mut Vec<String>) {
    match progress::read(&String::from_utf8_lossy(line)) {
        None => {}
        Some(Said::Progress(progress)) => context.progress(progress),
        Some(Said::Warning(text)) => context.message(Level::Warn, text),
        Some(Said::Failure(text) | Said::Text(text)) => {
            context.message(Level::Debug, text.as_str());
            if said.len() == KEPT {
                said.remove(0);
            }
            said.push(text);
        }
    }
}

/// TERM lets git remove what it began; KILL is for one that does not listen.
async fn end(child: &mut Child, grace: Duration) {
    let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else { return };
    let _ = kill_process_group(group, Signal::TERM);
    if tokio::time::timeout(grace, child.wait()).await.is_err() {
        let _ = kill_process_group(group, Signal::KILL);
        let _ = child.wait().await;
    }
}
