//! The process of one plugin: started at the first call, and again at the first one after its end.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    pipe::{PipeFlags, pipe_with},
    process::{Pid, PidfdFlags, Resource, Rlimit, Signal, kill_process_group, pidfd_open, pidfd_send_signal, prlimit},
};
use switchyard_plugin_api::{Error, abi::host::PluginEvents, abi::host::Trace};

use super::{
    connection::Connection,
    end::{Doom, Ended},
    outbox::Outbox,
};
use crate::{events::Forward, isolation::Placement};

/// How long a process may take to go once it has closed its end of the socket, and the other way round.
const PARTING: Duration = Duration::from_secs(1);
/// Of the last words, this much is kept.
const TAIL: usize = 2 << 10;

/// All that is needed to start it.
pub struct Launch {
    pub plugin: Arc<str>,
    /// The program with its arguments; the library and the plugin's id follow.
    pub argv: Vec<OsString>,
    pub library: PathBuf,
    pub placement: Placement,
}

pub struct Subprocess {
    launch: Launch,
    events: Arc<Forward>,
    current: Mutex<Option<Arc<Connection>>>,
    /// Of the last process; 0 before the first.
    pid: AtomicU32,
}

impl Drop for Subprocess {
    fn drop(&mut self) {
        if let Some(connection) = self.current.get_mut().unwrap_or_else(PoisonError::into_inner) {
            connection.close();
        }
    }
}

impl Subprocess {
    pub fn new(launch: Launch) -> Self {
        let events = Forward::new(&launch.plugin);
        Self { launch, events, current: Mutex::default(), pid: AtomicU32::new(0) }
    }

    pub fn plugin(&self) -> &Arc<str> {
        &self.launch.plugin
    }

    /// The number of its process, which may have ended.
    pub fn pid(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid > 0)
    }

    pub fn hung_after(&self) -> Duration {
        self.launch.placement.hung_after
    }

    /// Resolves when the plugin's own threads answer; at once when it has no process.
    pub fn ping(&self) -> switchyard_plugin_api::BoxFuture<()> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answered = current.filter(|connection| connection.is_alive()).map(|connection| connection.ping());
        Box::pin(async move {
            if let Some(answered) = answered {
                let _ = answered.await;
            }
        })
    }

    /// A process that lives.
    pub fn connection(&self) -> Result<Arc<Connection>, Error> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = current.as_ref().filter(|connection| connection.is_alive()) {
            return Ok(Arc::clone(connection));
        }
        let connection = self.start().map_err(|error| {
            let program = self.launch.argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
            let plugin = &self.launch.plugin;
            Error::environment("plugin::no_process", format!("the process `{program}` for plugin {plugin} cannot be started: {error}"))
                .with_help("free some memory or processes, or run the plugin in the host's process")
        })?;
        *current = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn start(&self) -> io::Result<Arc<Connection>> {
        let Launch { plugin, argv, library, placement } = &self.launch;
        let (program, arguments) = argv.split_first().ok_or_else(|| io::Error::other("no program is configured"))?;
        let (ours, theirs) = UnixStream::pair()?;
        let (words, speaker) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&words, OFlags::NONBLOCK)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(library)
            .arg(&**plugin)
            // The socket is its standard input: the one file that a process inherits without code between fork and exec.
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(speaker.try_clone()?))
            .stderr(Stdio::from(speaker))
            // A Ctrl-C on the terminal is for the host, which then asks the plugin.
            .process_group(0);
        // The host renders secrets; a plugin apart from it has no use for all of them.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SECRET_")) {
            command.env_remove(name);
        }
        let child = command.spawn()?;
        drop(command);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("a process without a number"))?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        if let Some(bytes) = placement.memory {
            prlimit(Some(pid), Resource::Data, Rlimit { current: Some(bytes), maximum: Some(bytes) })?;
        }
        // When the system runs out of memory, a plugin is worth less than its host. Not every system lets us say so.
        let _ = fs::write(format!("/proc/{}/oom_score_adj", child.id()), "500");
        self.pid.store(child.id(), Ordering::Relaxed);
        tracing::debug!(plugin = &**plugin, pid = child.id(), "the plugin's process has started");

        let outbox = Outbox::start(ours.try_clone()?, format!("sy-{plugin}>"))?;
        let connection = Arc::new(Connection::new(Arc::clone(plugin), ours.try_clone()?, outbox, Arc::clone(&self.events)));
        let (parted, parting) = mpsc::channel();
        let listener = Arc::clone(&connection);
        thread::Builder::new().name(format!("sy-{plugin}<")).stack_size(256 << 10).spawn(move || {
            listener.listen(ours);
            let _ = parted.send(());
        })?;
        let watched = Watched {
            connection: Arc::clone(&connection),
            child,
            pid,
            pidfd,
            words: words.into(),
            said: Vec::new(),
            parting,
            events: Arc::clone(&self.events),
            placement: placement.clone(),
        };
        thread::Builder::new().name(format!("sy-{plugin}?")).stack_size(256 << 10).spawn(move || watched.watch())?;
        Ok(connection)
    }
}

/// A process that runs, in the hands of the thread that sees it end.
struct Watched {
    connection: Arc<Connection>,
    child: Child,
    pid: Pid,
    pidfd: OwnedFd,
    words: File,
    said: Vec<u8>,
    parting: mpsc::Receiver<()>,
    events: Arc<Forward>,
    placement: Placement,
}

impl Watched {
    fn watch(mut self) {
        let hung_after = self.placement.hung_after;
        let tick = (hung_after / 8).clamp(Duration::from_millis(20), Duration::from_millis(500));
        let mut parted: Option<Instant> = None;
        let mut open = true;
        loop {
            let timeout = Timespec { tv_sec: tick.as_secs() as i64, tv_nsec: tick.subsec_nanos().into() };
            let fds = &mut [PollFd::new(&self.pidfd, PollFlags::IN), PollFd::new(&self.words, PollFlags::IN)];
            let polled = poll(if open { fds } else { &mut fds[..1] }, Some(&timeout));
            let ended = polled.is_ok() && fds[0].revents().contains(PollFlags::IN);
            let spoke = open && !fds[1].revents().is_empty();
            if spoke || ended {
                open = self.hear() && open;
            }
            if ended {
                break;
            }
            if parted.is_none() && !matches!(self.parting.try_recv(), Err(mpsc::TryRecvError::Empty)) {
                parted = Some(Instant::now());
            }
            let owing = self.connection.heartbeat();
            if owing >= hung_after {
                self.connection.doom(Doom::Hung { what: "the threads".to_owned(), after: owing });
            }
            if self.connection.doomed().is_some() || parted.is_some_and(|at| at.elapsed() > PARTING) {
                // Its end is what the next round waits for.
                let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
            }
        }
        self.finish(parted.is_some());
    }

    fn finish(mut self, parted: bool) {
        // What it said before its end counts. A process that it left behind may hold the socket open.
        if !parted {
            let _ = self.parting.recv_timeout(PARTING);
        }
        // Before it is reaped its number cannot belong to anybody else.
        let _ = kill_process_group(self.pid, Signal::KILL);
        let status = self.child.wait().ok();
        let said = String::from_utf8_lossy(&self.said);
        let said = said.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with("note: run with")).unwrap_or_default();
        let ended = match self.connection.failure() {
            Some(error) => Ended::failed(error),
            None => Ended::explain(&self.connection.plugin, status, self.connection.doomed(), self.placement.memory, said),
        };
        if self.connection.is_busy() {
            tracing::error!(plugin = &*self.connection.plugin, code = %ended.0.code, message = %ended.0.message, "a plugin's process ended");
        } else {
            tracing::debug!(plugin = &*self.connection.plugin, message = %ended.0.message, "a plugin's process ended");
        }
        self.connection.end(&ended);
    }

    /// Takes what the process prints, as events of its own. `false` when nobody can print there any more.
    fn hear(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.words.read(&mut buffer) {
                Ok(0) => return false,
                Ok(n) => {
                    for line in String::from_utf8_lossy(&buffer[..n]).lines().filter(|line| !line.trim().is_empty()) {
                        let trace = Trace {
                            level: "INFO".to_owned(),
                            target: "output".to_owned(),
                            message: line.to_owned(),
                            fields: Default::default(),
                        };
                        self.events.trace(trace);
                    }
                    self.said.extend_from_slice(&buffer[..n]);
                    let over = self.said.len().saturating_sub(TAIL);
                    self.said.drain(..over);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return true,
            }
        }
    }
}
