//! Asking a run to end.

use std::{path::Path, time::Duration};

use super::{Behaviour, Checked, host::cancellation, nobody, run::Running, subject::Subject};
use crate::{CancelReason, ErrorKind, FailureReason, Outcome, Phase};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "cancel.running",
        title: "ends a running command well within the grace period, and says that it was killed",
        exempt: nobody,
        check: |subject| Box::pin(running(subject)),
    },
    Behaviour {
        name: "cancel.graceful",
        title: "lets the command clean up: a signal first, and the grace period",
        exempt: |subject| (!subject.capabilities().graceful_stop).then_some("does not declare `graceful_stop`"),
        check: |subject| Box::pin(graceful(subject)),
    },
    Behaviour {
        name: "cancel.deaf",
        title: "kills a command that ignores the signal when the grace period is over",
        exempt: nobody,
        check: |subject| Box::pin(deaf(subject)),
    },
    Behaviour {
        name: "cancel.family",
        title: "leaves no process of the command behind on this machine",
        exempt: |subject| (!subject.is_local()).then_some("its commands do not run on this machine"),
        check: |subject| Box::pin(family(subject)),
    },
    Behaviour {
        name: "cancel.before",
        title: "ends at once when it was asked to before it began",
        exempt: nobody,
        check: |subject| Box::pin(before(subject)),
    },
    Behaviour {
        name: "cancel.each_phase",
        title: "ends within the grace period in every phase that it reports",
        exempt: nobody,
        check: |subject| Box::pin(each_phase(subject)),
    },
];

const GRACE: Duration = Duration::from_secs(30);

/// How a run ended that was asked to.
async fn ended(run: Running, limit: Duration) -> Result<Option<Outcome>, String> {
    let ended = run.end_within(limit).await?;
    match ended.result {
        Ok(outcome) => Ok(Some(outcome)),
        Err(error) if error.kind == ErrorKind::Cancelled => Ok(None),
        Err(error) => Err(format!("a cancelled run failed with {error} [{}] instead of an outcome or `Error::cancelled()`", error.code)),
    }
}

async fn running(subject: Subject) -> Checked {
    let run = subject.shell("echo ready; sleep 300")?.start();
    run.says("ready").await?;
    run.host.cancel(CancelReason::Kill, GRACE);
    // A sleeping command ends at the first signal, so a runner that waits for the whole grace period waits in vain.
    let limit = (GRACE - Duration::from_secs(5)).min(subject.slack() + Duration::from_secs(10));
    let limit = if subject.capabilities().graceful_stop { limit } else { GRACE + subject.slack() };
    match ended(run, limit).await? {
        Some(outcome) if outcome.exit_code == 0 => Err("the command was killed, but the run succeeded with exit code 0".to_owned()),
        Some(outcome) if outcome.reason != Some(FailureReason::Killed) => {
            Err(format!("the outcome does not say that the host asked for it: `reason` is {:?}, not Killed", outcome.reason))
        }
        _ => Ok(()),
    }
}

async fn graceful(subject: Subject) -> Checked {
    let script = "trap 'echo cleaned up; exit 9' TERM; echo ready; while :; do sleep 0.1; done";
    let run = subject.shell(script)?.start();
    run.says("ready").await?;
    run.host.cancel(CancelReason::Kill, GRACE);
    let host = run.host.clone();
    ended(run, GRACE + subject.slack()).await?;
    let cleaned = host.seen().stdout.ends_with(b"cleaned up\n");
    if cleaned { Ok(()) } else { Err(format!("the command could not clean up, or its last words are lost; {}", host.said())) }
}

async fn deaf(subject: Subject) -> Checked {
    let run = subject.shell("trap '' TERM INT; echo ready; while :; do sleep 1; done")?.start();
    run.says("ready").await?;
    let grace = Duration::from_secs(1);
    run.host.cancel(CancelReason::Timeout, grace);
    match ended(run, grace + subject.slack()).await? {
        Some(outcome) if outcome.exit_code == 0 => Err("the command was killed, but the run succeeded with exit code 0".to_owned()),
        _ => Ok(()),
    }
}

async fn family(subject: Subject) -> Checked {
    let run = subject.shell("sleep 300 & echo pid $!; echo pid $$; echo ready; wait")?.start();
    run.says("ready").await?;
    let said = String::from_utf8_lossy(&run.host.seen().stdout).into_owned();
    run.host.cancel(CancelReason::Kill, Duration::from_secs(2));
    ended(run, Duration::from_secs(2) + subject.slack()).await?;
    let lives = |pid: &&str| std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).is_ok_and(|stat| !stat.contains(") Z "));
    let mut alive: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("pid ")).collect();
    // A killed process takes a moment to disappear.
    for _ in 0..20 {
        alive.retain(lives);
        if alive.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("these processes of the command still run: {}", alive.join(", ")))
}

async fn before(subject: Subject) -> Checked {
    let run = subject.shell("sleep 300")?.start_cancelled(Duration::from_secs(1));
    match ended(run, Duration::from_secs(1) + subject.slack()).await? {
        Some(outcome) if outcome.exit_code == 0 => Err("the run succeeded, though it was asked to end before it began".to_owned()),
        _ => Ok(()),
    }
}

async fn each_phase(subject: Subject) -> Checked {
    let files = !subject.capabilities().file_strategies.is_empty();
    let run = |script: &str| {
        let run = subject.shell(script)?;
        if files {
            run.directory.write("input.txt", b"x")?;
            return Ok::<_, String>(run.outputs(&["*.txt"]));
        }
        Ok(run)
    };
    let (host, _) = run("true")?.ends_with(0).await?;
    let mut phases = host.seen().phases.clone();
    phases.dedup();
    let grace = Duration::from_secs(1);
    for phase in phases.into_iter().filter(|phase| *phase != Phase::Done) {
        // After the command only the end of a short one is left to be interrupted.
        let script = if phase > Phase::Running { "true" } else { "sleep 300" };
        let run = run(script)?.cancel_in(phase, cancellation(CancelReason::Kill, grace)).start();
        ended(run, grace + subject.slack()).await.map_err(|error| format!("asked to end while {}: {error}", phase.as_str()))?;
    }
    Ok(())
}
