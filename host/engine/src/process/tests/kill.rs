//! Ending a run from outside.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use switchyard_plugin_api::{FailureReason, Outcome};

use super::host::{Host, Run, messages};
use crate::process::watch::watch;

/// Waits until a process has ended, or fails.
pub async fn until_gone(pid: i32) {
    let Ok(fd) = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) else { return };
    let fd = watch(fd).unwrap();
    tokio::time::timeout(Duration::from_secs(10), fd.readable()).await.expect("the process lives on").unwrap().clear_ready();
}

fn lives(pid: &str) -> bool {
    fs::read_to_string(Path::new("/proc").join(pid).join("stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn pids(host: &Host) -> Vec<String> {
    String::from_utf8(host.seen().stdout.clone())
        .unwrap()
        .split_whitespace()
        .filter(|w| w.parse::<u32>().is_ok())
        .map(str::to_owned)
        .collect()
}

/// Starts a script that prints the ids of its processes and then `ready`; kills it; returns the ids that live on.
async fn kill(script: &str, grace: Duration) -> (Outcome, std::sync::Arc<Host>, Vec<String>) {
    let run = Run::shell(script);
    run.host.until_stdout("ready").await;
    run.host.cancel(grace);
    let (outcome, host) = run.end().await;
    let alive = pids(&host).into_iter().filter(|pid| lives(pid)).collect();
    (outcome.unwrap(), host, alive)
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn conformance_8_kill_ends_the_tree() {
    let begun = Instant::now();
    let (outcome, host, alive) = kill("sleep 300 & echo $! $$; echo ready; sleep 300", LONG).await;
    assert_eq!((outcome.exit_code, outcome.signal, outcome.reason), (143, Some(15), Some(FailureReason::Killed)));
    assert_eq!(alive, [""; 0]);
    assert!(begun.elapsed() < LONG, "the grace period is not waited for when all have ended");
    assert!(messages(&host.seen())[0].starts_with("Warn Killing process "));
}

#[tokio::test]
async fn conformance_9_a_process_that_ignores_sigterm_is_killed_after_the_grace_period() {
    let (outcome, _, alive) = kill("trap '' TERM; echo $$; echo ready; sleep 300", SHORT).await;
    assert_eq!((outcome.exit_code, outcome.signal), (137, Some(9)));
    assert_eq!(alive, [""; 0]);
}

#[tokio::test]
async fn a_process_may_clean_up_within_the_grace_period() {
    let (outcome, host, _) = kill("trap 'echo cleaned; exit 9' TERM; echo ready; while :; do sleep 0.05; done", LONG).await;
    assert_eq!((outcome.exit_code, outcome.signal), (9, None));
    assert!(host.seen().stdout.ends_with(b"cleaned\n"));
}

#[tokio::test]
async fn no_grace_period_kills_at_once() {
    let (outcome, host, _) = kill("trap 'echo cleaned' TERM; echo ready; while :; do sleep 0.05; done", Duration::ZERO).await;
    assert_eq!(outcome.signal, Some(9));
    assert!(!host.seen().stdout.ends_with(b"cleaned\n"));
}

#[tokio::test]
async fn processes_that_left_the_group_or_lost_their_parent_are_found() {
    for script in [
        // Its own session, still a child.
        "setsid sleep 300 & echo $!; echo ready; sleep 300",
        // Its own session, and its parent is gone: only the environment tells.
        "(setsid sh -c 'echo $$; echo ready; exec sleep 300' &) ; sleep 300",
        // Deaf to SIGTERM, in its own session, with a child of its own.
        "setsid sh -c 'trap \"\" TERM; sleep 300 & echo $! $$; echo ready; wait' & sleep 300",
        // Re-parented within the group.
        "(sh -c 'echo $$; echo ready; exec sleep 300' &) ; sleep 300",
    ] {
        let (_, host, alive) = kill(script, SHORT).await;
        assert!(!pids(&host).is_empty());
        assert_eq!(alive, [""; 0], "{script}");
    }
}

#[tokio::test]
async fn a_kill_does_not_wait_for_a_full_host() {
    let host = Host::new(Some(200_000));
    let run = Run::start_on(host.clone(), &["/bin/sh", "-c", "exec cat /dev/zero"], &[]);
    host.until(|seen| seen.refused > 0).await;
    host.cancel(SHORT);
    assert_eq!(run.end().await.0.unwrap().signal, Some(15));
}

#[tokio::test]
async fn many_kills_at_once() {
    let runs: Vec<Run> = (0..50).map(|_| Run::shell("echo $$; echo ready; sleep 300")).collect();
    for run in &runs {
        run.host.until_stdout("ready").await;
        run.host.cancel(LONG);
    }
    for run in runs {
        let (outcome, host) = run.end().await;
        assert_eq!(outcome.unwrap().signal, Some(15));
        assert!(!lives(&pids(&host)[0]));
    }
}
