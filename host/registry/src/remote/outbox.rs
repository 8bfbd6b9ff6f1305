//! Messages on their way out: written at once when the socket has room, else by a thread that waits for it.

use std::{
    collections::VecDeque,
    io::{self, Write},
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use rustix::net::{SendFlags, send};

/// Bytes that may wait before [`Outbox::push_patiently`] waits for room.
const PATIENCE: usize = 8 << 20;

#[derive(Default)]
struct State {
    line: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The thread has taken a message that it has not written yet.
    writing: bool,
    closed: bool,
}

pub struct Outbox {
    socket: UnixStream,
    state: Mutex<State>,
    filled: Condvar,
    drained: Condvar,
}

impl Outbox {
    /// Starts the thread. It ends when the outbox is closed or the other side is gone.
    pub fn start(socket: UnixStream, name: String) -> io::Result<Arc<Self>> {
        let outbox = Arc::new(Self { socket, state: Mutex::default(), filled: Condvar::new(), drained: Condvar::new() });
        let writer = Arc::clone(&outbox);
        thread::Builder::new().name(name).stack_size(128 << 10).spawn(move || writer.work())?;
        Ok(outbox)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never waits. What cannot be written is lost with the other side.
    pub fn push(&self, message: Vec<u8>) {
        self.put(self.lock(), message);
    }

    /// For senders whose messages would pile up if nothing held them back.
    pub fn push_patiently(&self, message: Vec<u8>) {
        let mut state = self.lock();
        while state.bytes > PATIENCE && !state.closed {
            state = self.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.put(state, message);
    }

    fn put(&self, mut state: MutexGuard<'_, State>, mut message: Vec<u8>) {
        if state.closed {
            return;
        }
        if state.line.is_empty() && !state.writing {
            match send(&self.socket, &message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) if sent == message.len() => return,
                Ok(sent) => drop(message.drain(..sent)),
                // The thread finds out what is wrong.
                Err(_) => {}
            }
        }
        state.bytes += message.len();
        state.line.push_back(message);
        self.filled.notify_one();
    }

    /// Nothing more is written.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.line.clear();
        drop(state);
        self.filled.notify_all();
        self.drained.notify_all();
    }

    fn work(&self) {
        loop {
            let mut state = self.lock();
            while state.line.is_empty() && !state.closed {
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(message) = state.line.pop_front() else { return };
            state.writing = true;
            drop(state);
            // Rust's programs ignore SIGPIPE, so a side that is gone is an error here.
            let written = (&self.socket).write_all(&message);
            let mut state = self.lock();
            state.writing = false;
            state.bytes = state.bytes.saturating_sub(message.len());
            drop(state);
            self.drained.notify_all();
            if written.is_err() {
                return self.close();
            }
        }
    }
}
