//! Log lines that a full disk does not take wait here, in order, until there is room. One line for the whole process: what comes later, of
//! whatever attempt, stands behind.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use switchyard_store::logs::{self, Mark};

use super::log::TaskLog;

/// Bytes that may wait. What is more is lost, and said to be.
const MOST: usize = 64 * 1024 * 1024;
/// How often the disk is tried.
const PULSE: Duration = Duration::from_millis(250);

/// Something to be stored.
pub struct Entry {
    pub log: TaskLog,
    pub time: i64,
    pub what: What,
}

pub enum What {
    Bytes {
        source: logs::Source,
        bytes: Vec<u8>,
        mark: Option<Mark>,
    },
    /// The attempt's last word.
    Finish,
}

struct Line {
    entries: VecDeque<Entry>,
    size: usize,
    served: bool,
}

static WAITS: AtomicBool = AtomicBool::new(false);
static LINE: Mutex<Line> = Mutex::new(Line { entries: VecDeque::new(), size: 0, served: false });

/// Whether something waits that must be stored first.
pub fn waits() -> bool {
    WAITS.load(Ordering::Acquire)
}

/// Lets it wait; `false` when too much waits already.
pub fn push(entry: Entry) -> bool {
    let mut line = line();
    let size = entry.size();
    if line.size + size > MOST {
        return false;
    }
    line.size += size;
    line.entries.push_back(entry);
    WAITS.store(true, Ordering::Release);
    if !line.served {
        tracing::warn!("log lines wait for room on the disk");
        // Lines come from threads without a runtime too.
        line.served = std::thread::Builder::new().name("log-backlog".into()).spawn(serve).is_ok();
    }
    true
}

fn serve() {
    loop {
        std::thread::sleep(PULSE);
        loop {
            // Only this thread takes from the front, so order is kept while the line is free for others.
            let Some(entry) = line().entries.pop_front() else { break };
            match entry.log.store(entry.time, &entry.what) {
                Err(logs::Error::Full { .. }) => {
                    line().entries.push_front(entry);
                    break;
                }
                Err(error) => entry.log.lost(&error),
                Ok(()) => {}
            }
            line().size -= entry.size();
        }
        let mut line = line();
        if line.entries.is_empty() {
            line.served = false;
            WAITS.store(false, Ordering::Release);
            return;
        }
    }
}

impl Entry {
    fn size(&self) -> usize {
        match &self.what {
            What::Bytes { bytes, .. } => bytes.len() + size_of::<Self>(),
            What::Finish => size_of::<Self>(),
        }
    }
}

fn line() -> MutexGuard<'static, Line> {
    LINE.lock().unwrap_or_else(PoisonError::into_inner)
}
