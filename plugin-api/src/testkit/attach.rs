//! A host that goes away and comes back.

use std::time::Duration;

use serde_json::Value;

use super::{Behaviour, Checked, host::shorten, nobody, run::Running, subject::Subject};
use crate::{Attached, CancelReason};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "attach.unknown",
        title: "answers `Gone` for work that it does not find",
        exempt: nobody,
        check: |subject| Box::pin(unknown(subject)),
    },
    Behaviour {
        name: "attach.checkpoint",
        title: "lets go of the work, and finds it again by its checkpoint: output whole, exit code right",
        exempt: no_reattach,
        check: |subject| Box::pin(again(subject, true)),
    },
    Behaviour {
        name: "attach.key",
        title: "finds the work again by its key alone",
        exempt: no_reattach,
        check: |subject| Box::pin(again(subject, false)),
    },
    Behaviour {
        name: "attach.cancel",
        title: "ends work that it found again when it is asked to",
        exempt: no_reattach,
        check: |subject| Box::pin(cancel(subject)),
    },
];

fn no_reattach(subject: &Subject) -> Option<&'static str> {
    (!subject.capabilities().reattach).then_some("does not declare `reattach`")
}

async fn unknown(subject: Subject) -> Checked {
    let run = subject.shell("true")?;
    let host = super::Host::after(0, 0);
    let attached = subject.runner().attach(run.request.clone(), None, host.context());
    match tokio::time::timeout(subject.patience(), attached).await {
        Ok(Ok(Attached::Gone)) => Ok(()),
        Ok(Ok(Attached::Ended { outcome })) => Err(format!("it found work that never was, with exit code {}", outcome.exit_code)),
        Ok(Err(error)) => Err(format!("it failed instead: {error} [{}]", error.code)),
        Err(_) => Err(format!("no answer after {} s", subject.patience().as_secs())),
    }
}

/// Starts a run and leaves it in its middle, as a host does that is restarted.
async fn left(subject: &Subject, script: &str, heard: &str) -> Result<(Running, Option<Value>), String> {
    let run = subject.shell(script)?.start();
    run.says(heard).await?;
    run.host.cancel(CancelReason::Detach, Duration::from_secs(10));
    let (host, request, directory) = (run.host.clone(), run.request.clone(), run.directory.clone());
    let ended = run.end_within(Duration::from_secs(10) + subject.slack()).await?;
    let outcome = ended.result.map_err(|error| format!("asked to let go, it failed: {error} [{}]", error.code))?;
    if !outcome.detached {
        return Err(format!("asked to let go, it answered exit code {} instead of `Outcome::detached()`", outcome.exit_code));
    }
    let checkpoint = host.seen().checkpoints.last().cloned();
    Ok((Running::over(subject.clone(), request, host, directory), checkpoint))
}

async fn again(subject: Subject, with_checkpoint: bool) -> Checked {
    let script = "i=1; while [ $i -le 8 ]; do echo line $i; sleep 0.5; i=$((i+1)); done; exit 7";
    let (first, checkpoint) = left(&subject, script, "line 2\n").await?;
    if with_checkpoint && checkpoint.is_none() {
        return Err("it wrote no checkpoint".to_owned());
    }
    let before = first.host.seen().taken;
    let second = first.attach_again(checkpoint.filter(|_| with_checkpoint), before);
    let host = second.host.clone();
    let outcome = match second.end().await?.result {
        Ok(Attached::Ended { outcome }) => outcome,
        Ok(Attached::Gone) => return Err("it answered `Gone`, though the work still runs".to_owned()),
        Err(error) => return Err(format!("it failed: {error} [{}]", error.code)),
    };
    let whole = [first.host.seen().stdout.clone(), host.seen().stdout.clone()].concat();
    let expected: String = (1..=8).map(|number| format!("line {number}\n")).collect();
    if whole != expected.as_bytes() {
        let whole = shorten(&String::from_utf8_lossy(&whole));
        return Err(format!("both hosts together have the output {whole:?}; the service `log_position` tells how much is stored"));
    }
    if outcome.exit_code == 7 { Ok(()) } else { Err(format!("the exit code is {}, not 7", outcome.exit_code)) }
}

async fn cancel(subject: Subject) -> Checked {
    let (first, checkpoint) = left(&subject, "echo ready; sleep 300", "ready\n").await?;
    let before = first.host.seen().taken;
    let second = first.attach_again(checkpoint, before);
    let grace = Duration::from_secs(1);
    second.host.cancel(CancelReason::Kill, grace);
    let ended = second.end_within(grace + subject.slack()).await?;
    match ended.result {
        Ok(Attached::Ended { outcome }) if outcome.exit_code == 0 => {
            Err("the command was killed, but succeeded with exit code 0".to_owned())
        }
        Ok(Attached::Gone) => Err("it answered `Gone`, though the work still runs".to_owned()),
        Err(error) if error.kind != crate::ErrorKind::Cancelled => Err(format!("it failed: {error} [{}]", error.code)),
        _ => Ok(()),
    }
}
