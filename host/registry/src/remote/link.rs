//! The plugin's side of its runs: what the host asked, and how much log the host has room for.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use switchyard_plugin_api::{BoxFuture, Cancellation, Error, Event, HostContext, LogStream};
use tokio::sync::{Notify, oneshot, watch};

use super::{
    frame::{self, Kind},
    outbox::Outbox,
};

/// Log bytes of one run that the host has not taken yet.
const RUN_WINDOW: usize = 512 << 10;
/// The same of all runs together.
const WINDOW: usize = 32 << 20;
/// A longer piece of log travels in several messages.
const PIECE: usize = 64 << 10;

/// How many bytes are on their way, and how many may be.
struct Window {
    used: AtomicUsize,
    limit: usize,
}

impl Window {
    fn new(limit: usize) -> Self {
        Self { used: AtomicUsize::new(0), limit }
    }

    fn fits(&self, used: usize, bytes: usize) -> bool {
        // A piece that is larger than the window passes alone.
        used == 0 || used.saturating_add(bytes) <= self.limit
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.fits(self.used.load(Ordering::Acquire), bytes)
    }

    fn take(&self, bytes: usize) -> bool {
        let taken = |used| self.fits(used, bytes).then(|| used.saturating_add(bytes));
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken).is_ok()
    }

    fn give(&self, bytes: usize) {
        let given = |used: usize| Some(used.saturating_sub(bytes));
        // Never fails: the closure always has an answer.
        let _ = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, given);
    }
}

struct Run {
    cancel: watch::Sender<Option<Cancellation>>,
    window: Arc<Window>,
}

pub struct Link {
    pub outbox: Arc<Outbox>,
    runs: Mutex<HashMap<u64, Run>>,
    calls: Mutex<HashMap<u64, oneshot::Sender<Result<Value, Error>>>>,
    next: AtomicU64,
    window: Window,
    /// Some log was taken.
    room: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    pub fn new(outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self {
            outbox,
            runs: Mutex::default(),
            calls: Mutex::default(),
            next: AtomicU64::new(1),
            window: Window::new(WINDOW),
            room: Notify::new(),
        })
    }

    pub fn begin(self: &Arc<Self>, id: u64, cancellation: Option<Cancellation>) -> RunContext {
        let (cancel, cancelled) = watch::channel(cancellation);
        let window = Arc::new(Window::new(RUN_WINDOW));
        lock(&self.runs).insert(id, Run { cancel, window: Arc::clone(&window) });
        RunContext { id, link: Arc::clone(self), cancelled, window, wanted: AtomicUsize::new(0) }
    }

    pub fn end(&self, id: u64) {
        lock(&self.runs).remove(&id);
    }

    pub fn cancel(&self, id: u64, cancellation: Cancellation) {
        if let Some(run) = lock(&self.runs).get(&id) {
            run.cancel.send_replace(Some(cancellation));
        }
    }

    pub fn answered(&self, number: u64, answer: Result<Value, Error>) {
        if let Some(waiting) = lock(&self.calls).remove(&number) {
            // Whoever asked may have gone.
            let _ = waiting.send(answer);
        }
    }

    pub fn credit(&self, id: u64, bytes: usize) {
        self.window.give(bytes);
        if let Some(run) = lock(&self.runs).get(&id) {
            run.window.give(bytes);
        }
        self.room.notify_waiters();
    }
}

/// The host's side of one run, as the plugin's process has it.
pub struct RunContext {
    id: u64,
    link: Arc<Link>,
    cancelled: watch::Receiver<Option<Cancellation>>,
    window: Arc<Window>,
    /// The bytes that found no room.
    wanted: AtomicUsize,
}

impl HostContext for RunContext {
    fn try_write_log(&self, stream: LogStream, time: i64, bytes: &[u8]) -> bool {
        let size = bytes.len();
        if !self.window.take(size) {
            self.wanted.store(size, Ordering::Release);
            return false;
        }
        if !self.link.window.take(size) {
            self.window.give(size);
            self.wanted.store(size, Ordering::Release);
            return false;
        }
        for piece in bytes.chunks(PIECE) {
            self.link.outbox.push(frame::log(self.id, stream, time, piece));
        }
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        let (link, window, wanted) = (Arc::clone(&self.link), Arc::clone(&self.window), self.wanted.load(Ordering::Acquire));
        Box::pin(async move {
            loop {
                let mut more = std::pin::pin!(link.room.notified());
                // From here on no credit is missed.
                more.as_mut().enable();
                if window.has_room(wanted) && link.window.has_room(wanted) {
                    return;
                }
                more.await;
            }
        })
    }

    fn notify(&self, event: Event) {
        let json = serde_json::to_vec(&event).unwrap_or_default();
        self.link.outbox.push_patiently(frame::encode(Kind::Notify, self.id, &[&json]));
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        let payload = match frame::to_json(&payload) {
            Ok(payload) => payload,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let number = self.link.next.fetch_add(1, Ordering::Relaxed);
        let (waiting, answer) = oneshot::channel();
        lock(&self.link.calls).insert(number, waiting);
        self.link.outbox.push(frame::call(self.id, number, service, &payload));
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(Error::plugin("host::unknown_service", "the host does not answer"))) })
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        let mut cancelled = self.cancelled.clone();
        Box::pin(async move {
            loop {
                if let Some(cancellation) = *cancelled.borrow_and_update() {
                    return cancellation;
                }
                // After the end of the run nobody asks any more.
                if cancelled.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        })
    }

    fn cancellation(&self) -> Option<Cancellation> {
        *self.cancelled.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn a_window_is_never_overdrawn() {
        let window = Window::new(10);
        assert!(window.take(6));
        assert!(!window.take(5));
        assert!(window.take(4));
        assert!(!window.has_room(1));
        window.give(10);
        assert!(window.take(99), "a piece that is larger than the window passes alone");
        assert!(!window.take(1));
        window.give(99);
        assert!(window.has_room(10));
    }
}
