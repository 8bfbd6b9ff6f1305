//! Starting a command, and the process that results.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    os::{
        fd::OwnedFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, pidfd_open, waitid, waitpid};
use switchyard_plugin_api::{Command as Finished, Error, LogStream, Outcome};
use tokio::io::unix::AsyncFd;

use super::{pipe::Pipe, program, watch::watch};

/// A process that leads its own group. It stays unreaped until [`Started::reap`], so its id cannot be taken by another one while
/// the host still sends signals to it.
#[derive(Debug)]
pub struct Started {
    child: Child,
    pid: Pid,
    /// Readable when the process has ended. `None` where the kernel has no pidfd.
    pidfd: Option<AsyncFd<OwnedFd>>,
    reaped: bool,
}

/// A started process with the pipes it writes to.
#[derive(Debug)]
pub(super) struct Running {
    pub process: Started,
    pub stdout: Pipe,
    pub stderr: Pipe,
}

/// The host's environment. Reading and sorting it anew costs a spawn an eighth of its user time, and nothing in the host changes it.
fn host_environment() -> impl Iterator<Item = (&'static OsString, &'static OsString)> {
    static VARIABLES: LazyLock<BTreeMap<OsString, OsString>> = LazyLock::new(|| std::env::vars_os().collect());
    VARIABLES.iter()
}

/// Starts the command in its working directory; with the host's environment below its own, if it inherits.
pub(super) fn start(finished: &Finished, inherits: bool, working_dir: &Path) -> Result<Running, Error> {
    let Some((name, arguments)) = finished.argv.split_first() else {
        return Err(program::empty());
    };
    program::check(finished)?;
    let mut command = Command::new(&*program::locate(name));
    command.arg0(name).args(arguments).env_clear();
    if inherits {
        command.envs(host_environment());
    }
    command.envs(&finished.env).current_dir(working_dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| program::explain(&error, name, finished, working_dir))?;
    let pipes = (child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from));
    // From here on the process exists: it must not outlive a failure of the host to follow it.
    let process = Started::new(child)?;
    match pipes {
        (Some(stdout), Some(stderr)) => {
            let pipe = |fd, stream| Pipe::new(fd, stream).map_err(|error| unfollowed(&error));
            Ok(Running { process, stdout: pipe(stdout, LogStream::Stdout)?, stderr: pipe(stderr, LogStream::Stderr)? })
        }
        _ => Err(unfollowed(&io::ErrorKind::BrokenPipe.into())),
    }
}

fn unfollowed(error: &io::Error) -> Error {
    Error::environment("process::cannot_follow", format!("the process was started, but the host cannot follow it: {error}"))
        .with_help("the host may have reached its limit of open files (`ulimit -n`)")
}

impl Started {
    fn new(child: Child) -> Result<Self, Error> {
        let pid = Pid::from_child(&child);
        let mut started = Self { child, pid, pidfd: None, reaped: false };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => started.pidfd = Some(watch(fd).map_err(|error| unfollowed(&error))?),
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {}
            Err(error) => return Err(unfollowed(&error.into())),
        }
        Ok(started)
    }

    /// The process id, which is also the id of its group.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Resolves when the process has ended. It is not reaped yet.
    pub async fn exited(&self) {
        let waited = match &self.pidfd {
            Some(pidfd) => pidfd.readable().await.map(drop),
            None => {
                let pid = self.pid;
                let wait = move || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
                tokio::task::spawn_blocking(wait).await.map(drop).map_err(io::Error::other)
            }
        };
        if let Err(error) = waited {
            // Only a runtime that is being torn down answers like this.
            tracing::debug!(pid = self.pid.as_raw_nonzero().get(), %error, "cannot wait for a process");
        }
    }

    /// Sends a signal to every process of the group. A group that is gone is no error.
    pub fn signal_group(&self, signal: Signal) {
        if let Err(error) = kill_process_group(self.pid, signal) {
            tracing::debug!(pid = self.pid.as_raw_nonzero().get(), signal = signal.as_raw(), %error, "cannot signal a process group");
        }
    }

    /// Takes the exit status of a process that has ended.
    pub fn reap(mut self) -> Result<Outcome, Error> {
        let status = self.child.wait().map_err(|error| {
            Error::environment("process::lost", format!("the exit status of process {} is lost: {error}", self.child.id()))
        })?;
        self.reaped = true;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Outcome::exited(code),
            (None, Some(signal)) => Outcome::signalled(signal),
            (None, None) => Outcome::exited(-1),
        })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // A run that is dropped half-way must leave nothing behind, not even a zombie. It has no place left to wait but a thread.
        if !self.reaped {
            self.signal_group(Signal::KILL);
            let pid = self.pid;
            let reap = move || waitpid(Some(pid), WaitOptions::empty()).is_ok();
            if let Err(error) = std::thread::Builder::new().name("reap".into()).spawn(reap) {
                tracing::warn!(pid = pid.as_raw_nonzero().get(), %error, "a killed process stays as a zombie");
            }
        }
    }
}
