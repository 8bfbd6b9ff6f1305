//! Ending a process and everything that came from it.

use std::{collections::BTreeMap, time::Duration};

use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal},
};
use tokio::{task::spawn_blocking, time::timeout};

use super::{
    snapshot::{Identity, Snapshot, alive},
    start::Started,
    watch::watch,
};

/// How long a killed process may take to disappear; only one that hangs in the kernel takes longer.
const DEATH: Duration = Duration::from_secs(2);
/// Rounds of looking for processes that were started while their family was being killed.
const ROUNDS: usize = 5;

/// A process that leads its own group and stays unreaped as long as it may be signalled.
pub(super) trait Leader: Sync {
    fn pid(&self) -> Pid;
    /// Resolves when it has ended.
    fn exited(&self) -> impl Future<Output = ()> + Send;
    fn signal_group(&self, signal: Signal);
}

impl Leader for Started {
    fn pid(&self) -> Pid {
        Started::pid(self)
    }

    fn exited(&self) -> impl Future<Output = ()> + Send {
        Started::exited(self)
    }

    fn signal_group(&self, signal: Signal) {
        Started::signal_group(self, signal);
    }
}

/// Kills what carries the environment of a task and came neither from this host nor from anything it knows. Answers how many there were.
pub(super) async fn orphans(env: &BTreeMap<String, String>) -> usize {
    let Ok(snapshot) = spawn_blocking(Snapshot::now).await else { return 0 };
    let found = snapshot.carrying(env);
    for identity in &found {
        if alive(*identity)
            && let Some(pid) = Pid::from_raw(identity.pid)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    found.len()
}

/// Asks the process and its family to end, gives them `grace`, and kills those that are left. Never takes much longer than `grace`.
pub(super) async fn tree(process: &impl Leader, env: &BTreeMap<String, String>, grace: Duration) {
    // The family is looked up first: once a parent is dead, nobody knows whose children they were.
    let mut family = look(process, env).await;
    if !grace.is_zero() {
        signal(process, &family, Signal::TERM);
        // A timeout here is the ordinary way to the next step.
        let _ = timeout(grace, gone(process, &family)).await;
    }
    for _ in 0..ROUNDS {
        family.extend(look(process, env).await);
        family.retain(|&identity| alive(identity));
        if family.is_empty() {
            break;
        }
        signal(process, &family, Signal::KILL);
        if timeout(DEATH, gone(process, &family)).await.is_err() {
            tracing::warn!(pid = process.pid().as_raw_nonzero().get(), "a killed process does not end");
            break;
        }
    }
}

async fn look(process: &impl Leader, env: &BTreeMap<String, String>) -> Vec<Identity> {
    let leader = process.pid().as_raw_nonzero().get();
    match spawn_blocking(Snapshot::now).await {
        Ok(snapshot) => snapshot.family(leader, env),
        Err(_) => Vec::new(),
    }
}

/// The group first, in one call that no new member can miss; then those outside of it.
fn signal(process: &impl Leader, family: &[Identity], signal: Signal) {
    process.signal_group(signal);
    for &identity in family {
        let Some(pid) = Pid::from_raw(identity.pid).filter(|&pid| pid != process.pid()) else { continue };
        let sent = match pidfd_open(pid, PidfdFlags::empty()) {
            // The descriptor names one process for good: looked at after it was opened, it cannot be another one.
            Ok(fd) if alive(identity) => pidfd_send_signal(fd, signal),
            Err(Errno::NOSYS | Errno::PERM) if alive(identity) => kill_process(pid, signal),
            _ => Ok(()),
        };
        if let Err(error) = sent {
            tracing::debug!(pid = identity.pid, signal = signal.as_raw(), %error, "cannot signal a process");
        }
    }
}

/// Resolves when all have ended.
async fn gone(process: &impl Leader, family: &[Identity]) {
    process.exited().await;
    for &identity in family {
        let Some(fd) = Pid::from_raw(identity.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { continue };
        if alive(identity)
            && let Ok(fd) = watch(fd)
        {
            let _ = fd.readable().await;
        }
    }
}
