//! One output of a process, read without blocking into a buffer that all tasks of a thread share.

use std::{
    cell::RefCell,
    io,
    os::fd::OwnedFd,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::{Errno, ioctl_fionread, read},
    pipe::fcntl_setpipe_size,
};
use switchyard_plugin_api::{Context, LogStream};
use tokio::io::unix::AsyncFd;

use super::watch::watch;

/// What one read can take at most.
const BUFFER: usize = 128 * 1024;
/// A read of this size has emptied a full pipe of the default size: the writer is faster than our turns.
const FULL: usize = 64 * 1024;
/// Size of the pipe of a fast writer.
const WIDE: usize = 1024 * 1024;
/// Reads between two turns of the other tasks of this thread.
const TURN: usize = 16;

thread_local! {
    // An idle task holds no buffer, and a read that finds no room in the host is the only one that copies.
    static SHARED: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER].into_boxed_slice());
}

/// The reading end of a process's standard output or standard error.
#[derive(Debug)]
pub(super) struct Pipe {
    fd: AsyncFd<OwnedFd>,
    stream: LogStream,
    taken: AtomicU64,
}

enum Read {
    Taken(usize),
    NoRoom(Vec<u8>),
    Empty,
    End,
    Again,
}

impl Pipe {
    pub(super) fn new(fd: OwnedFd, stream: LogStream) -> io::Result<Self> {
        fcntl_setfl(&fd, OFlags::NONBLOCK)?;
        Ok(Self { fd: watch(fd)?, stream, taken: AtomicU64::new(0) })
    }

    /// Hands everything to the task's log, until the last writer has closed the pipe.
    pub(super) async fn drain(&self, context: &Context) -> io::Result<()> {
        let mut wide = false;
        let mut turns = 0;
        loop {
            let mut ready = self.fd.readable().await?;
            let size = match self.read(context)? {
                Read::End => return Ok(()),
                Read::Again => continue,
                Read::Empty => {
                    ready.clear_ready();
                    continue;
                }
                Read::Taken(size) => size,
                Read::NoRoom(bytes) => {
                    context.write_log(self.stream, &bytes).await;
                    bytes.len()
                }
            };
            self.taken.fetch_add(size as u64, Ordering::Relaxed);
            if size < FULL {
                // The pipe was empty a moment ago; a writer since then has raised a new event, which this does not clear.
                ready.clear_ready();
            } else if !wide {
                // The limit of the user or the system may forbid it; then the pipe stays as it is.
                let _ = fcntl_setpipe_size(self.fd.get_ref(), WIDE);
                wide = true;
            }
            turns += 1;
            if turns % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn read(&self, context: &Context) -> io::Result<Read> {
        SHARED.with_borrow_mut(|buffer| match read(self.fd.get_ref(), &mut **buffer) {
            Ok(0) => Ok(Read::End),
            Ok(size) if context.host().try_write_log(self.stream, 0, &buffer[..size]) => Ok(Read::Taken(size)),
            Ok(size) => Ok(Read::NoRoom(buffer[..size].to_vec())),
            Err(Errno::AGAIN) => Ok(Read::Empty),
            Err(Errno::INTR) => Ok(Read::Again),
            Err(error) => Err(error.into()),
        })
    }

    /// Bytes handed over so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Bytes that wait in the pipe.
    pub(super) fn waiting(&self) -> u64 {
        ioctl_fionread(self.fd.get_ref()).unwrap_or_default()
    }
}
