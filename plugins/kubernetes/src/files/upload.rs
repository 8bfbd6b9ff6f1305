//! Streams the working directory into the container that waits for it.

use std::{io, path::Path, time::Duration};

use bytes::Bytes;
use switchyard_plugin_api::transfer::{Layout, Moved, Plan};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

use super::chunks::{CHUNKS, Outward, Sum};
use crate::{
    cluster::{Cluster, Trouble},
    error::Failure,
    exec::{self, Place, STDIN, Said},
    pod::{UNPACK, UPLOAD},
};

const ATTEMPTS: u32 = 5;
const MOST_OF_A_MESSAGE: usize = 4000;

/// Copies the directory into the pod and lets the task's container start. Going over it again does no harm.
pub async fn upload(cluster: &Cluster, namespace: &str, pod: &str, directory: &Path, output_dir: Option<&str>) -> Result<Moved, Failure> {
    let place = Place { namespace, pod, container: UPLOAD };
    let mut last = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tracing::debug!(pod, reason = last, "copying in again");
            sleep(Duration::from_millis(500) * attempt * attempt).await;
        }
        let (directory, layout) = (directory.to_owned(), Layout { output_dir: output_dir.map(str::to_owned), ..Layout::default() });
        let plan = tokio::task::spawn_blocking(move || Plan::new(&directory, &layout)).await;
        let plan =
            plan.map_err(|e| e.to_string()).and_then(|p| p.map_err(|e| e.to_string())).map_err(|reason| Failure::Upload { reason })?;
        let moved = Moved { bytes: plan.content, warnings: plan.warnings.clone() };
        match once(cluster, &place, plan).await {
            Ok(()) => return Ok(moved),
            Err(Attempt::Again(reason)) => last = reason,
            Err(Attempt::Never(failure)) => return Err(failure),
        }
    }
    Err(Failure::Upload { reason: format!("{last} (tried {ATTEMPTS} times)") })
}

enum Attempt {
    Again(String),
    Never(Failure),
}

/// What the container said.
#[derive(Default)]
struct Heard {
    wrong: Option<Attempt>,
    end: Option<(i32, String)>,
    stderr: String,
}

async fn once(cluster: &Cluster, place: &Place<'_>, plan: Plan) -> Result<(), Attempt> {
    let length = plan.length.to_string();
    let call = exec::call(place, &["sh", "-c", UNPACK, "sh", &length]);
    let (sender, receiver) = mpsc::channel::<Bytes>(CHUNKS);
    let answer = sender.clone();
    let (fails, failed) = oneshot::channel();
    let packing = tokio::task::spawn_blocking(move || {
        let packed = pack(&plan, sender);
        if let Err(error) = &packed
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            // Nobody listens any more when the container was the first to stop.
            let _ = fails.send(error.to_string());
        }
        packed
    });
    let (says, mut said) = mpsc::channel(CHUNKS);
    let hearing = async {
        let (mut stdout, mut heard, mut packing) = (String::new(), Heard::default(), Some(packing));
        while let Some(words) = said.recv().await {
            match words {
                Said::Stdout(text) => stdout.push_str(&String::from_utf8_lossy(&text)),
                Said::Stderr(text) if heard.stderr.len() < MOST_OF_A_MESSAGE => heard.stderr.push_str(&String::from_utf8_lossy(&text)),
                Said::Stderr(_) => {}
                Said::Ended(ended, message) => heard.end = Some((ended, message)),
            }
            let Some((kind, sum)) = verdict(&stdout) else { continue };
            let Some(packing) = packing.take() else { continue };
            // The container has as many bytes as it was told to expect, so all have been sent.
            match packing.await.map_err(|e| e.to_string()).and_then(|p| p.map_err(|e| e.to_string())) {
                Ok(sent) if sent.agrees(&kind, &sum) == Some(false) => {
                    heard.wrong = Some(Attempt::Again(format!("{kind} of what arrived is {sum}, of what was sent {}", sent.sha256)));
                    return heard;
                }
                // Nobody to answer any more: the end tells.
                Ok(_) => drop(answer.send(Bytes::from_static(b"\0ok\n")).await),
                Err(reason) => {
                    heard.wrong = Some(Attempt::Never(Failure::Upload { reason }));
                    return heard;
                }
            }
        }
        heard
    };
    let (ran, Heard { wrong, end: code, stderr }) = tokio::select! {
        both = exec::heard(exec::run(cluster, &call, receiver, says), hearing) => both,
        // A file that cannot be read: the container would wait for its bytes for ever.
        reason = async { match failed.await { Ok(reason) => reason, Err(_) => std::future::pending().await } } => {
            return Err(Attempt::Never(Failure::Upload { reason }));
        }
    };
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    match (ran, code) {
        (Ok(()), Some((0, _))) => Ok(()),
        (Ok(()), Some((code, message))) => {
            let reason = if stderr.trim().is_empty() { message } else { stderr.trim().replace('\n', "; ") };
            if reason.to_ascii_lowercase().contains("no space left") || code == 126 || code == 127 {
                return Err(Attempt::Never(Failure::Upload { reason }));
            }
            Err(Attempt::Again(reason))
        }
        (Ok(()), None) => Err(Attempt::Again("the connection ended before the container had confirmed".to_owned())),
        (Err(trouble @ Trouble::Refused(_)), _)
            if !trouble.may_pass() && trouble.status() != Some(404) && trouble.status() != Some(400) =>
        {
            Err(Attempt::Never(cluster.failure(&call, trouble)))
        }
        (Err(trouble), _) => Err(Attempt::Again(trouble.to_string())),
    }
}

/// The line in which the container says what it counted.
fn verdict(stdout: &str) -> Option<(String, String)> {
    let line = stdout.lines().find(|l| l.starts_with("unpacked ")).filter(|_| stdout.ends_with('\n'))?;
    let mut words = line.split(' ').skip(1).map(str::to_owned);
    Some((words.next()?, words.next()?))
}

fn pack(plan: &Plan, sender: mpsc::Sender<Bytes>) -> io::Result<Sum> {
    let mut archive = Outward::new(sender, STDIN);
    plan.write(&mut archive)?;
    archive.finish()
}

#[cfg(test)]
#[path = "upload_tests.rs"]
mod upload_tests;
