//! Commands of jobs, as processes in groups of their own.

use std::{collections::BTreeMap, future::Future, os::unix::process::ExitStatusExt, path::PathBuf, process::Stdio, time::Duration};

use tokio::io::AsyncReadExt;

/// What is to be run.
#[derive(Debug, Default)]
pub struct Command {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub folder: Option<PathBuf>,
}

/// Runs a command to its end and answers its exit code and why it ended. `started` is told its process, `output` each piece of its output
/// (`true` for standard error).
pub async fn run<F: Future<Output = bool>>(
    command: Command,
    started: impl FnOnce(u32),
    output: impl Fn(bool, Vec<u8>) -> F,
) -> (i32, String) {
    let Some((program, arguments)) = command.argv.split_first() else { return (127, "no command".to_owned()) };
    let mut process = tokio::process::Command::new(program);
    process.args(arguments).envs(command.env).process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(folder) = command.folder {
        process.current_dir(folder);
    }
    match process.spawn() {
        Ok(mut child) => {
            started(child.id().unwrap());
            let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            let (status, ..) =
                tokio::join!(child.wait(), pump(stdout, |bytes| output(false, bytes)), pump(stderr, |bytes| output(true, bytes)));
            let status = status.unwrap();
            (status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap(), "the command ended".to_owned())
        }
        Err(error) => (127, error.to_string()),
    }
}

async fn pump<F: Future<Output = bool>>(mut pipe: impl tokio::io::AsyncRead + Unpin, output: impl Fn(Vec<u8>) -> F) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(size @ 1..) = pipe.read(&mut buffer).await {
        if !output(buffer[..size].to_vec()).await {
            return;
        }
    }
}

/// SIGTERM, and SIGKILL soon after.
pub fn end(pid: u32) {
    let kill = move |signal: &str| {
        let group = format!("-{pid}");
        let _ = std::process::Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
    };
    tokio::spawn(async move {
        kill("-TERM");
        tokio::time::sleep(Duration::from_millis(700)).await;
        kill("-KILL");
    });
}
