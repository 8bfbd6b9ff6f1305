//! All logs, and the one of an execution.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use super::frame::Kind;
use super::pack::Body;
use super::segment::Segment;
use super::{Error, Follower, FrameReader, LineReader, LogWriter, Marked, Result};

/// The log directory. Clones share it.
#[derive(Clone)]
pub struct Logs(Arc<Directory>);

struct Directory {
    root: PathBuf,
    known: Mutex<Known>,
    open: Mutex<VecDeque<Weak<Shared>>>,
}

#[derive(Default)]
struct Known {
    executions: HashMap<String, Weak<Shared>>,
    /// Forgotten executions are swept out when the map has grown to this size.
    sweep_at: usize,
}

/// Segments kept open; more running executions than this take turns.
const OPEN_SEGMENTS: usize = 512;

impl Logs {
    /// Nothing is read or created yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Directory { root: root.into(), known: Mutex::default(), open: Mutex::default() }))
    }

    /// The log of an execution; everyone in this process who asks for it shares one.
    pub fn execution(&self, id: &str) -> Result<ExecutionLog> {
        let path = self.path(id)?;
        let mut known = lock(&self.0.known);
        if let Some(shared) = known.executions.get(id).and_then(Weak::upgrade) {
            return Ok(ExecutionLog(shared));
        }
        if known.executions.len() >= known.sweep_at {
            known.executions.retain(|_, log| log.strong_count() > 0);
            known.sweep_at = (known.executions.len() * 2).max(1024);
        }
        let shared = Arc::new(Shared {
            directory: self.clone(),
            segment: Mutex::new(Segment::new(path.clone())),
            path,
            written: Notify::new(),
            ended: AtomicBool::new(false),
        });
        known.executions.insert(id.to_owned(), Arc::downgrade(&shared));
        Ok(ExecutionLog(shared))
    }

    /// Removes the log of an execution, if there is one.
    pub fn remove(&self, id: &str) -> Result<()> {
        let path = self.path(id)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::write(&path, error)),
            _ => Ok(()),
        }
    }

    /// Spread over 256 directories, because the execution ids of a year would make one very long.
    fn path(&self, id: &str) -> Result<PathBuf> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if id.is_empty() || id.len() > 128 || id.starts_with('.') || !id.bytes().all(allowed) {
            return Err(Error::Name { id: id.to_owned() });
        }
        let shard = id.bytes().fold(0u8, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte));
        Ok(self.0.root.join(format!("{shard:02x}")).join(format!("{id}.log")))
    }

    /// Notes that a segment was opened, and closes the one that has been open for longest.
    fn opened(&self, shared: &Arc<Shared>) {
        let victim = {
            let mut open = lock(&self.0.open);
            open.push_back(Arc::downgrade(shared));
            if open.len() <= OPEN_SEGMENTS {
                return;
            }
            open.pop_front()
        };
        // A segment that is being written now is busy and stays open until its turn comes again.
        if let Some(victim) = victim.and_then(|victim| victim.upgrade())
            && !Arc::ptr_eq(&victim, shared)
        {
            match victim.segment.try_lock() {
                Ok(mut segment) => segment.close(),
                Err(_) => lock(&self.0.open).push_back(Arc::downgrade(&victim)),
            }
        }
    }
}

/// The log of one execution. Clones share it.
#[derive(Clone)]
pub struct ExecutionLog(Arc<Shared>);

struct Shared {
    directory: Logs,
    path: PathBuf,
    segment: Mutex<Segment>,
    written: Notify,
    ended: AtomicBool,
}

impl ExecutionLog {
    /// A writer for one attempt, named as its readers will want to find it (`<task run>/<attempt>`). Costs nothing
    /// until something is written.
    pub fn attempt(&self, name: impl Into<String>) -> LogWriter {
        LogWriter::new(self.clone(), name.into())
    }

    /// Nothing more will be written: followers come to their end.
    pub fn end(&self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.written.notify_waiters();
    }

    /// The appends as they were made, from the beginning.
    pub fn frames(&self) -> Result<FrameReader> {
        FrameReader::open(self.0.path.clone())
    }

    /// The lines up to now, each shown with at most `cut` bytes.
    pub fn lines(&self, cut: usize) -> Result<LineReader> {
        Ok(LineReader::new(self.frames()?, cut))
    }

    /// The lines up to now and those to come, until the log [ends](Self::end).
    pub fn follow(&self, cut: usize) -> Result<Follower> {
        Ok(Follower::new(self.clone(), self.lines(cut)?))
    }

    /// Where the bytes lie.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    pub(super) fn ended(&self) -> bool {
        self.0.ended.load(Ordering::Acquire)
    }

    pub(super) fn written(&self) -> &Notify {
        &self.0.written
    }

    /// The number of an attempt in the segment.
    pub(super) fn declare(&self, name: &str, time: i64) -> Result<u32> {
        self.write(|segment| segment.declare(name, time))
    }

    pub(super) fn append(&self, attempt: u32, time: i64, kind: Kind, body: Body<'_>) -> Result<()> {
        self.write(|segment| segment.append(attempt, time, kind, body))?;
        self.0.written.notify_waiters();
        Ok(())
    }

    /// A mark and the bytes that it is about, in one system call.
    pub(super) fn append_marked(&self, attempt: u32, time: i64, kind: Kind, body: Body<'_>, mark: &[u8]) -> Result<()> {
        self.write(|segment| segment.append_marked(attempt, time, kind, body, mark))?;
        self.0.written.notify_waiters();
        Ok(())
    }

    /// How far the streams of an attempt had been taken when the host that took them ended; `None` when nothing is known.
    pub fn marked(&self, attempt: &str) -> Result<Option<Marked>> {
        Marked::read(self.frames()?, attempt)
    }

    fn write<T>(&self, write: impl FnOnce(&mut Segment) -> Result<T>) -> Result<T> {
        let mut segment = lock(&self.0.segment);
        let was_open = segment.is_open();
        let result = write(&mut segment);
        let opened = !was_open && segment.is_open();
        drop(segment);
        if opened {
            self.0.directory.opened(&self.0);
        }
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
