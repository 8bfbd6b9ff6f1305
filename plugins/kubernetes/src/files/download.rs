//! Streams output files out of the container that keeps them.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use switchyard_plugin_api::transfer::{Moved, Unpacker, Wanted};
use tokio::{sync::mpsc, time::sleep};

use super::{
    chunks::{CHUNKS, Inward, Sum},
    find,
};
use crate::{
    cluster::{Cluster, Trouble},
    error::Failure,
    exec::{self, Place, Said},
    pod::{OUTPUT, PACK},
};

const ATTEMPTS: u32 = 5;
const MOST_OF_A_MESSAGE: usize = 64 * 1024;

/// Copies what is wanted out of the pod and lets the container that kept it end.
pub async fn download(cluster: &Cluster, namespace: &str, pod: &str, directory: &Path, wanted: &Wanted) -> Result<Moved, Failure> {
    if *wanted == Wanted::Nothing {
        return Ok(Moved::default());
    }
    let place = Place { namespace, pod, container: OUTPUT };
    let mut last = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tracing::debug!(pod, reason = last, "copying out again");
            sleep(Duration::from_millis(500) * attempt * attempt).await;
        }
        match once(cluster, &place, directory, wanted).await {
            Ok(moved) => return Ok(moved),
            Err(Attempt::Again(reason)) => last = reason,
            Err(Attempt::Never(failure)) => return Err(failure),
        }
    }
    Err(Failure::Download { reason: format!("{last} (tried {ATTEMPTS} times)") })
}

enum Attempt {
    Again(String),
    Never(Failure),
}

/// What the container said at its end.
struct Verdict {
    kind: String,
    sum: String,
    /// How many bytes it has sent, when it could count.
    bytes: Option<u64>,
    code: String,
    /// Everything before.
    complaints: String,
}

/// What the container said, and what became of it.
#[derive(Default)]
struct Heard {
    result: Option<Result<Moved, Attempt>>,
    end: Option<(i32, String)>,
    stderr: String,
}

async fn once(cluster: &Cluster, place: &Place<'_>, directory: &Path, wanted: &Wanted) -> Result<Moved, Attempt> {
    let arguments = find::arguments(wanted);
    let mut command = vec!["sh", "-c", PACK, "sh"];
    command.extend(arguments.iter().map(String::as_str));
    let call = exec::call(place, &command);
    let (answer, input) = mpsc::channel::<Bytes>(1);
    let (chunks, receiver) = mpsc::channel::<Bytes>(CHUNKS);
    let unpacking = tokio::task::spawn_blocking({
        let (directory, wanted) = (directory.to_owned(), wanted.clone());
        move || -> std::io::Result<(Moved, Sum)> {
            let mut archive = Inward::new(receiver);
            let moved = Unpacker::new(&directory, &wanted).run(&mut archive)?;
            Ok((moved, archive.finish()?))
        }
    });
    let (says, mut said) = mpsc::channel(CHUNKS);
    let hearing = async {
        let (mut chunks, mut unpacking) = (Some(chunks), Some(unpacking));
        let (mut received, mut heard) = (0_u64, Heard::default());
        while let Some(words) = said.recv().await {
            match words {
                Said::Stdout(bytes) => {
                    received += bytes.len() as u64;
                    if let Some(sender) = &chunks
                        && sender.send(bytes).await.is_err()
                    {
                        // Unpacking has failed and says why below.
                        break;
                    }
                }
                Said::Stderr(text) => {
                    heard.stderr.push_str(&String::from_utf8_lossy(&text));
                    if heard.stderr.len() > MOST_OF_A_MESSAGE {
                        // The verdict is at the end.
                        let cut = heard.stderr.chars().count() / 2;
                        heard.stderr = heard.stderr.chars().skip(cut).collect();
                    }
                }
                Said::Ended(ended, message) => heard.end = Some((ended, message)),
            }
            let Some(verdict) = verdict(&heard.stderr) else { continue };
            // Output and the verdict travel side by side: the archive may still be on its way.
            if verdict.bytes.is_some_and(|expected| received < expected) {
                continue;
            }
            let Some(task) = unpacking.take() else { continue };
            drop(chunks.take());
            let judged = judge(&verdict, task.await.map_err(|e| e.to_string()).and_then(|r| r.map_err(|e| e.to_string())));
            let agreed = judged.is_ok();
            heard.result = Some(judged);
            if !agreed {
                return heard;
            }
            // The container may end now. Whether it hears that is no longer important: the files are here.
            drop(answer.send(Bytes::from_static(b"\0ok\n")).await);
        }
        drop(chunks);
        // Without a verdict the archive is cut, and so says the unpacker; anything else is its own trouble.
        if let Some(task) = unpacking
            && let Ok(Err(error)) = task.await
            && error.kind() != std::io::ErrorKind::UnexpectedEof
            && heard.end.is_none()
        {
            heard.result = Some(Err(Attempt::Never(Failure::Download { reason: error.to_string() })));
        }
        heard
    };
    let (ran, Heard { result, end: code, stderr }) = exec::heard(exec::run(cluster, &call, input, says), hearing).await;
    if let Some(result) = result {
        return result;
    }
    match (ran, code) {
        (Ok(()), Some((_, message))) => {
            let reason = if stderr.trim().is_empty() { message } else { stderr.trim().replace('\n', "; ") };
            Err(Attempt::Again(reason))
        }
        (Ok(()), None) => Err(Attempt::Again("the connection ended before all had arrived".to_owned())),
        (Err(trouble @ Trouble::Refused(_)), _)
            if !trouble.may_pass() && trouble.status() != Some(404) && trouble.status() != Some(400) =>
        {
            Err(Attempt::Never(cluster.failure(&call, trouble)))
        }
        (Err(trouble), _) => Err(Attempt::Again(trouble.to_string())),
    }
}

fn judge(verdict: &Verdict, unpacked: Result<(Moved, Sum), String>) -> Result<Moved, Attempt> {
    let complaints = verdict.complaints.trim().replace('\n', "; ");
    let (mut moved, sum) = match unpacked {
        Ok(unpacked) => unpacked,
        Err(reason) => return Err(Attempt::Again(reason)),
    };
    match sum.agrees(&verdict.kind, &verdict.sum) {
        Some(false) => {
            return Err(Attempt::Again(format!(
                "{} of what arrived differs from what was sent ({} bytes arrived)",
                verdict.kind, sum.bytes
            )));
        }
        Some(true) => {}
        None => moved.warnings.push("fileSidecar.image has neither sha256sum nor wc: the files from the pod were not verified".to_owned()),
    }
    // A file that changes while it is read is not one of a command that has ended.
    if verdict.code != "0" && !complaints.contains("changed as we read it") {
        let reason = if complaints.is_empty() { format!("tar ended with exit code {}", verdict.code) } else { complaints };
        return Err(Attempt::Never(Failure::Download { reason }));
    }
    Ok(moved)
}

fn verdict(stderr: &str) -> Option<Verdict> {
    let text = stderr.strip_suffix('\n')?;
    let (complaints, line) = text.rsplit_once('\n').unwrap_or(("", text));
    let mut words = line.strip_prefix("packed ")?.split(' ').map(str::to_owned);
    Some(Verdict {
        kind: words.next()?,
        sum: words.next()?,
        bytes: words.next()?.parse().ok(),
        code: words.next()?,
        complaints: complaints.to_owned(),
    })
}
