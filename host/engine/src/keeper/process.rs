//! The keeper itself: one small process that starts the tasks' processes, owns their output files and their ends, and outlives hosts.
//!
//! One thread and one epoll loop. What a process writes goes into files, so a keeper touches no byte of it.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{
            net::{UnixListener, UnixStream},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use rustix::{
    event::{Timespec, epoll},
    process::{Pid, PidfdFlags, WaitId, WaitIdOptions, WaitOptions, pidfd_open, setsid, waitid, waitpid},
};

use super::{
    SOCKET,
    wire::{Answer, PROTOCOL, Process, Request, Spawn, Status, line, lines},
};

const LISTENER: u64 = 0;
const HOST: u64 = 1;
/// Processes are numbered from here on.
const FIRST: u64 = 16;
/// How long a keeper with nothing to keep waits for a host.
const IDLE: Duration = Duration::from_secs(3);
/// Only one keeper for each directory.
const LOCK: &str = "keeper.lock";

struct Kept {
    pid: Pid,
    number: u64,
    /// Readable when it has ended; absent afterwards.
    pidfd: Option<OwnedFd>,
    status: Option<Status>,
    /// Nobody wants to know of its end.
    forgotten: bool,
}

struct Host {
    stream: UnixStream,
    heard: Vec<u8>,
    unsaid: Vec<u8>,
}

struct Keeper {
    directory: PathBuf,
    epoll: OwnedFd,
    listener: UnixListener,
    host: Option<Host>,
    env: BTreeMap<String, String>,
    processes: HashMap<String, Kept>,
    keys: HashMap<u64, String>,
    next: u64,
}

/// The program of a keeper. The first call starts the real one and returns, so that the host is not its parent.
pub fn main(directory: &Path, stays: bool) -> ExitCode {
    let outcome = if stays { Keeper::run(directory) } else { start(directory) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keeper: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(directory: &Path) -> io::Result<()> {
    let log = OpenOptions::new().append(true).create(true).open(directory.join("keeper.log"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("__keeper").arg(directory).arg("--stay").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().map(drop)
}

impl Keeper {
    fn run(directory: &Path) -> io::Result<()> {
        // Of its own session: a signal for the host's terminal or group is not meant for it.
        setsid()?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(directory.join(LOCK))?;
        if rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(());
        }
        // The whole path may be longer than an address of a socket.
        let place = File::open(directory)?;
        let address = PathBuf::from(format!("/proc/self/fd/{}", place.as_raw_fd())).join(SOCKET);
        let _ = std::fs::remove_file(&address);
        let listener = UnixListener::bind(&address)?;
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
        let mut keeper = Self {
            directory: directory.to_owned(),
            epoll,
            listener,
            host: None,
            env: BTreeMap::new(),
            processes: HashMap::new(),
            keys: HashMap::new(),
            next: FIRST,
        };
        let outcome = keeper.watch();
        let _ = std::fs::remove_file(&address);
        outcome
    }

    fn watch(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(256);
        loop {
            let idle = self.host.is_none() && self.processes.is_empty();
            let patience = Timespec { tv_sec: IDLE.as_secs().cast_signed(), tv_nsec: 0 };
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), idle.then_some(&patience)) {
                Ok(0) if idle => return Ok(()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let ready: Vec<u64> = events.iter().map(|event: &epoll::Event| event.data.u64()).collect();
            for number in ready {
                match number {
                    LISTENER => self.accept(),
                    HOST => self.hear(),
                    number => self.ended(number),
                }
            }
            self.say();
        }
    }

    /// The newest host is the one that counts.
    fn accept(&mut self) {
        let Ok((stream, _)) = self.listener.accept() else { return };
        let watched = stream.set_nonblocking(true).and_then(|()| {
            epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(HOST), epoll::EventFlags::IN).map_err(io::Error::from)
        });
        if let Err(error) = watched {
            eprintln!("keeper: a host cannot be heard: {error}");
            return;
        }
        let of = |(key, kept): (&String, &Kept)| Process { key: key.clone(), pid: kept.pid.as_raw_nonzero().get(), status: kept.status };
        let processes = self.processes.iter().filter(|(_, kept)| !kept.forgotten).map(of).collect();
        let hello = Answer::Keeping { protocol: PROTOCOL, pid: std::process::id(), processes };
        self.host = Some(Host { stream, heard: Vec::new(), unsaid: line(&hello) });
    }

    fn hear(&mut self) {
        let Some(host) = &mut self.host else { return };
        let mut buffer = [0; 64 * 1024];
        let mut requests = Vec::new();
        let gone = loop {
            match host.stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(size) => host.heard.extend_from_slice(&buffer[..size]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break true,
            }
            lines(&mut host.heard, |request| requests.push(request));
        };
        for request in requests {
            match request {
                Request::Hello { env } => self.env = env,
                Request::Spawn(spawn) => self.spawn(*spawn),
                Request::Forget { keys } => keys.iter().for_each(|key| self.forget(key)),
            }
        }
        if gone {
            self.host = None;
        }
    }

    fn spawn(&mut self, spawn: Spawn) {
        let key = spawn.key.clone();
        let answer = match self.processes.get(&key) {
            // The host asked before, and did not live to hear the answer.
            Some(kept) => Ok(kept.pid),
            None => self.start(spawn),
        };
        let answer = match answer {
            Ok(pid) => Answer::Spawned { key: key.clone(), pid: pid.as_raw_nonzero().get() },
            Err(error) => Answer::Refused { key: key.clone(), error: error.raw_os_error().unwrap_or(libc_eio()) },
        };
        self.tell(&answer);
        if let Some(status) = self.processes.get(&key).and_then(|kept| kept.status) {
            self.tell(&Answer::Exited { key, status });
        }
    }

    fn start(&mut self, spawn: Spawn) -> io::Result<Pid> {
        // The files are there before the process is: without them nothing was started, even when this keeper dies now.
        let output = |ending: &str| {
            let path = super::output(&self.directory, &spawn.key, ending);
            OpenOptions::new().append(true).create_new(true).open(path)
        };
        let started = output(super::STDOUT).and_then(|stdout| {
            let stderr = output(super::STDERR)?;
            let mut command = Command::new(&spawn.program);
            if let Some((name, arguments)) = spawn.argv.split_first() {
                command.arg0(name).args(arguments);
            }
            command.env_clear();
            if !spawn.alone {
                command.envs(&self.env);
            }
            command.envs(&spawn.env).current_dir(&spawn.directory);
            command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0).spawn()
        });
        let child = started.inspect_err(|_| self.remove_output(&spawn.key))?;
        // It is waited for by its descriptor, and reaped when the host has its end.
        let pid = Pid::from_child(&child);
        let number = self.next;
        self.next += 1;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from).and_then(|fd| {
            epoll::add(&self.epoll, &fd, epoll::EventData::new_u64(number), epoll::EventFlags::IN)?;
            Ok(fd)
        });
        match pidfd {
            Ok(pidfd) => {
                self.keys.insert(number, spawn.key.clone());
                self.processes.insert(spawn.key, Kept { pid, number, pidfd: Some(pidfd), status: None, forgotten: false });
                Ok(pid)
            }
            Err(error) => {
                let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
                let _ = waitpid(Some(pid), WaitOptions::empty());
                self.remove_output(&spawn.key);
                Err(error)
            }
        }
    }

    fn ended(&mut self, number: u64) {
        let Some(key) = self.keys.get(&number).cloned() else { return };
        let Some(kept) = self.processes.get_mut(&key) else { return };
        let Some(pidfd) = &kept.pidfd else { return };
        let status = match waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG) {
            Ok(Some(status)) => Status { code: status.exit_status(), signal: status.terminating_signal() },
            Ok(None) => return,
            Err(_) => Status { code: None, signal: None },
        };
        let _ = epoll::delete(&self.epoll, pidfd);
        kept.pidfd = None;
        kept.status = Some(status);
        if kept.forgotten {
            return self.forget(&key);
        }
        self.tell(&Answer::Exited { key, status });
    }

    fn forget(&mut self, key: &str) {
        let Some(kept) = self.processes.get_mut(key) else { return };
        if kept.status.is_none() {
            kept.forgotten = true;
            return;
        }
        let (pid, number) = (kept.pid, kept.number);
        let _ = waitpid(Some(pid), WaitOptions::empty());
        self.processes.remove(key);
        self.keys.remove(&number);
        self.remove_output(key);
    }

    fn remove_output(&self, key: &str) {
        for ending in [super::STDOUT, super::STDERR] {
            let _ = std::fs::remove_file(super::output(&self.directory, key, ending));
        }
    }

    fn tell(&mut self, answer: &Answer) {
        if let Some(host) = &mut self.host {
            host.unsaid.extend(line(answer));
        }
    }

    /// Writes what the socket takes. A host that does not read is told when it does.
    fn say(&mut self) {
        let Some(host) = &mut self.host else { return };
        while !host.unsaid.is_empty() {
            match host.stream.write(&host.unsaid) {
                Ok(size) => drop(host.unsaid.drain(..size)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.host = None;
                    return;
                }
            }
        }
        let flags = if host.unsaid.is_empty() { epoll::EventFlags::IN } else { epoll::EventFlags::IN | epoll::EventFlags::OUT };
        let _ = epoll::modify(&self.epoll, &host.stream, epoll::EventData::new_u64(HOST), flags);
    }
}

/// What is said of an error without a number.
fn libc_eio() -> i32 {
    rustix::io::Errno::IO.raw_os_error()
}
