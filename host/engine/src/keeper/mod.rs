//! Processes that outlive the host: the host's side of the [keeper](process).

mod process;
mod tail;
mod wire;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::OsString,
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use switchyard_plugin_api::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::{Notify, mpsc, oneshot, watch},
};

pub use process::main;
pub(crate) use tail::Tail;
pub(crate) use wire::{Spawn, Status};

use self::wire::{Answer, PROTOCOL, Request, line, lines};

const SOCKET: &str = "keeper.sock";
const STDOUT: &str = "out";
const STDERR: &str = "err";
/// How long a keeper may take to start.
const START: Duration = Duration::from_secs(10);

/// Where a process of this key writes to.
fn output(directory: &Path, key: &str, ending: &str) -> PathBuf {
    directory.join(format!("{key}.{ending}"))
}

/// A handle on the keeper of a data directory. Clones share it; nothing is started before it is needed.
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

struct Inner {
    directory: PathBuf,
    /// Program and first arguments; the directory follows.
    command: Vec<OsString>,
    state: Mutex<State>,
    /// One connects, the others wait.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    link: Option<mpsc::UnboundedSender<Vec<u8>>>,
    processes: HashMap<String, Known>,
    waiting: HashMap<String, oneshot::Sender<Result<Kept, io::Error>>>,
    /// Processes that somebody here has asked for.
    claimed: HashSet<String>,
    /// Who reads which file.
    readers: HashMap<String, Arc<Notify>>,
}

struct Known {
    pid: Pid,
    ended: watch::Sender<Option<Status>>,
}

/// A process in the keeper's hands. It stays a zombie until it is forgotten, so its id means nobody else.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub pid: Pid,
    ended: watch::Receiver<Option<Status>>,
}

impl Kept {
    /// How it ended; `None` when the keeper is gone and nobody knows.
    pub async fn ended(&self) -> Option<Status> {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await;
        status.ok().and_then(|status| *status)
    }

    pub fn signal_group(&self, signal: Signal) {
        if let Err(error) = kill_process_group(self.pid, signal) {
            tracing::debug!(pid = self.pid.as_raw_nonzero().get(), signal = signal.as_raw(), %error, "cannot signal a process group");
        }
    }
}

impl Keeper {
    /// The keeper of a directory; `command` starts it when there is none.
    pub fn new(directory: impl Into<PathBuf>, command: Vec<OsString>) -> Self {
        let inner = Inner { directory: directory.into(), command, state: Mutex::default(), connecting: tokio::sync::Mutex::default() };
        Self(Arc::new(inner))
    }

    /// Connects to the keeper that is there; `false` when there is none. Everything that it keeps is known then.
    pub async fn find(&self) -> Result<bool, Error> {
        let _one = self.0.connecting.lock().await;
        if self.state().link.is_some() {
            return Ok(true);
        }
        match self.connect().await {
            Ok(stream) => self.adopt(stream).await.map(|()| true),
            Err(_) => Ok(false),
        }
    }

    /// Connects, and starts a keeper when there is none.
    pub async fn reach(&self) -> Result<(), Error> {
        if self.state().link.is_some() {
            return Ok(());
        }
        let _one = self.0.connecting.lock().await;
        if self.state().link.is_some() {
            return Ok(());
        }
        let begun = Instant::now();
        let mut started = false;
        loop {
            let error = match self.connect().await {
                Ok(stream) => match self.adopt(stream).await {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                },
                Err(error) => unreachable(&error),
            };
            if begun.elapsed() > START {
                return Err(error);
            }
            if !started || begun.elapsed() > START / 4 {
                self.start().await.map_err(|error| unreachable(&error))?;
                started = true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn start(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.0.directory)?;
        let Some((program, arguments)) = self.0.command.split_first() else { return Err(io::ErrorKind::NotFound.into()) };
        let mut command = std::process::Command::new(program);
        command.args(arguments).arg(&self.0.directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        // It only starts the real one.
        let status = tokio::task::spawn_blocking(move || command.status()).await.map_err(io::Error::other)??;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
    }

    async fn connect(&self) -> io::Result<UnixStream> {
        // The whole path may be longer than an address of a socket.
        let place = File::open(&self.0.directory)?;
        UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", place.as_raw_fd())).await
    }

    /// Takes over everything that the keeper has, in one exchange.
    async fn adopt(&self, stream: UnixStream) -> Result<(), Error> {
        let (mut incoming, mut outgoing) = stream.into_split();
        let mut heard = Vec::new();
        let mut answers: Vec<Answer> = Vec::new();
        while answers.is_empty() {
            let size = incoming.read_buf(&mut heard).await.map_err(|error| unreachable(&error))?;
            if size == 0 {
                return Err(unreachable(&io::ErrorKind::UnexpectedEof.into()));
            }
            lines(&mut heard, |answer| answers.push(answer));
        }
        let mut answers = answers.into_iter();
        let Some(Answer::Keeping { protocol, pid, processes }) = answers.next() else {
            return Err(unreachable(&io::ErrorKind::InvalidData.into()));
        };
        if protocol != PROTOCOL {
            let message = format!("the keeper of running processes (pid {pid}) speaks protocol {protocol}, this host {PROTOCOL}");
            return Err(Error::environment("process::keeper", message)
                .with_help("use the version of Switchyard that started them until they have ended"));
        }
        let files = tail::watch(&self.0.directory).map_err(|error| unreachable(&error))?;
        let (link, mut words) = mpsc::unbounded_channel::<Vec<u8>>();
        let env: BTreeMap<String, String> =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
        let _ = link.send(line(&Request::Hello { env }));
        {
            let mut state = self.state();
            state.link = Some(link);
            state.processes.clear();
            for process in processes {
                if let Some(pid) = Pid::from_raw(process.pid) {
                    state.processes.insert(process.key, Known { pid, ended: watch::Sender::new(process.status) });
                }
            }
        }
        answers.for_each(|answer| self.hear(answer));
        tokio::spawn(async move {
            while let Some(word) = words.recv().await {
                if outgoing.write_all(&word).await.is_err() {
                    return;
                }
            }
        });
        let keeper = Arc::downgrade(&self.0);
        let watching = tokio::spawn(tail::wake(files, keeper.clone()));
        tokio::spawn(async move {
            loop {
                match incoming.read_buf(&mut heard).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
                let Some(inner) = keeper.upgrade() else { break };
                lines(&mut heard, |answer| Self(Arc::clone(&inner)).hear(answer));
            }
            watching.abort();
            if let Some(inner) = keeper.upgrade() {
                // Everyone who waits for an end learns that nobody knows it.
                *inner.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
            }
        });
        Ok(())
    }

    fn hear(&self, answer: Answer) {
        let mut state = self.state();
        match answer {
            Answer::Spawned { key, pid } => {
                let Some(pid) = Pid::from_raw(pid) else { return };
                let known = state.processes.entry(key.clone()).or_insert_with(|| Known { pid, ended: watch::Sender::new(None) });
                let kept = Kept { pid, ended: known.ended.subscribe() };
                if let Some(waiting) = state.waiting.remove(&key) {
                    let _ = waiting.send(Ok(kept));
                }
            }
            Answer::Refused { key, error } => {
                if let Some(waiting) = state.waiting.remove(&key) {
                    let _ = waiting.send(Err(io::Error::from_raw_os_error(error)));
                }
            }
            Answer::Exited { key, status } => {
                if let Some(known) = state.processes.get(&key) {
                    known.ended.send_replace(Some(status));
                }
            }
            Answer::Keeping { .. } => {}
        }
    }

    /// Starts a process. The outer error is the keeper's, the inner one the system's.
    pub(crate) async fn spawn(&self, spawn: Spawn) -> Result<Result<Kept, io::Error>, Error> {
        self.reach().await?;
        let (answer, waiting) = oneshot::channel();
        {
            let mut state = self.state();
            state.waiting.insert(spawn.key.clone(), answer);
            state.claimed.insert(spawn.key.clone());
            let word = line(&Request::Spawn(Box::new(spawn)));
            if state.link.as_ref().is_none_or(|link| link.send(word).is_err()) {
                return Err(gone());
            }
        }
        waiting.await.map_err(|_| gone())
    }

    /// A process that the keeper has.
    pub(crate) fn kept(&self, key: &str) -> Option<Kept> {
        let state = self.state();
        state.processes.get(key).map(|known| Kept { pid: known.pid, ended: known.ended.subscribe() })
    }

    /// Whether some keeper began to start this process.
    pub(crate) fn began(&self, key: &str) -> bool {
        output(&self.0.directory, key, STDOUT).exists()
    }

    /// The end of this process is kept elsewhere now.
    pub(crate) fn forget(&self, key: &str) {
        let mut state = self.state();
        let plans = format!("{key}-");
        let keys: Vec<String> = state.processes.keys().filter(|known| *known == key || known.starts_with(&plans)).cloned().collect();
        for key in &keys {
            state.processes.remove(key);
            state.claimed.remove(key);
        }
        if keys.is_empty() {
            drop(state);
            // What a dead keeper left.
            for ending in [STDOUT, STDERR] {
                let _ = std::fs::remove_file(output(&self.0.directory, key, ending));
            }
        } else if let Some(link) = &state.link {
            let _ = link.send(line(&Request::Forget { keys }));
        }
    }

    /// An attempt goes on that may have processes: one of its key, or several that its key begins.
    pub(crate) fn claim(&self, key: &str) {
        self.state().claimed.insert(key.to_owned());
    }

    /// Forgets processes that have ended and that nobody asked for: their ends were written down by a host that did not live to say so.
    pub fn forget_unclaimed(&self) {
        let mut state = self.state();
        let claimed = |key: &str| {
            state.claimed.iter().any(|known| key.strip_prefix(&**known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
        };
        let unclaimed = state.processes.iter().filter(|(key, known)| known.ended.borrow().is_some() && !claimed(key));
        let keys: Vec<String> = unclaimed.map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| drop(state.processes.remove(key)));
        if let Some(link) = state.link.as_ref().filter(|_| !keys.is_empty()) {
            let _ = link.send(line(&Request::Forget { keys }));
        }
    }

    /// Processes that the keeper has.
    pub fn count(&self) -> usize {
        self.state().processes.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreachable(error: &io::Error) -> Error {
    Error::environment("process::keeper", format!("the keeper of processes cannot be reached: {error}"))
        .with_help("look into `keeper/keeper.log` of the data directory")
}

fn gone() -> Error {
    Error::environment("process::keeper", "the keeper of processes ended while it was asked to start one")
        .with_help("look into `keeper/keeper.log` of the data directory; the process may have been started")
}
