//! One output of a process, read without blocking into a buffer that all tasks of a thread share.

use std::{
    cell::RefCell,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::{Errno, ioctl_fionread, read},
    pipe::fcntl_setpipe_size,
};
use switchyard_plugin_api::{Context, LogStream};

use super::watch::watch;

/// What one read can take at most.
const BUFFER: usize = 128 * 1024;
/// A read of this size has emptied a pipe of the default size that was nearly full: the writer is faster than our turns.
const FULL: usize = 48 * 1024;
/// Size of the pipe of a fast writer.
const WIDE: usize = 1024 * 1024;
/// Reads between two turns of the other tasks of this thread.
const TURN: usize = 16;
/// A writer of pieces smaller than this…
const SMALL: usize = 4 * 1024;
/// …that wakes us this often in this time is not waited for any more, but visited.
const HASTE: (u32, Duration) = (32, Duration::from_millis(2));
/// Between two visits. The pipe holds what is written in between at 1 GB/s, and a reader sees it this much later.
const PAUSE: Duration = Duration::from_millis(1);
/// A visit that finds less than this is the last one.
const CALM: usize = 1024;

thread_local! {
    // An idle task holds no buffer, and a read that finds no room in the host is the only one that copies.
    static SHARED: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER].into_boxed_slice());
}

/// The reading end of a process's standard output or standard error.
#[derive(Debug)]
pub(super) struct Pipe {
    fd: OwnedFd,
    stream: LogStream,
    taken: AtomicU64,
    /// Its size was changed.
    wide: AtomicBool,
}

enum Read {
    Taken(usize),
    Empty,
    End,
    Again,
}

/// How reading in one way came to its end.
enum Left {
    End,
    /// The writer is faster, or slower, than this way is for.
    Pace,
}

impl Pipe {
    pub(super) fn new(fd: OwnedFd, stream: LogStream) -> io::Result<Self> {
        fcntl_setfl(&fd, OFlags::NONBLOCK)?;
        Ok(Self { fd, stream, taken: AtomicU64::new(0), wide: AtomicBool::new(false) })
    }

    /// Hands everything to the task's log, until the last writer has closed the pipe.
    pub(super) async fn drain(&self, context: &Context) -> io::Result<()> {
        loop {
            if let Left::End = self.follow(context).await? {
                return Ok(());
            }
            if let Left::End = self.visit(context).await? {
                return Ok(());
            }
        }
    }

    /// Reads whenever there is something.
    async fn follow(&self, context: &Context) -> io::Result<Left> {
        let fd = watch(self.fd.as_fd())?;
        let mut turns = 0;
        let (mut pieces, mut since) = (0, Instant::now());
        loop {
            let mut ready = fd.readable().await?;
            let size = match self.take(context).await? {
                Read::End => return Ok(Left::End),
                Read::Again => continue,
                Read::Empty => {
                    ready.clear_ready();
                    continue;
                }
                Read::Taken(size) => size,
            };
            if size < FULL {
                // The pipe was empty a moment ago; a writer since then has raised a new event, which this does not clear.
                ready.clear_ready();
                pieces += u32::from(size < SMALL);
                if pieces == HASTE.0 {
                    if since.elapsed() < HASTE.1 && self.widen() {
                        return Ok(Left::Pace);
                    }
                    (pieces, since) = (0, Instant::now());
                }
            } else {
                self.widen();
            }
            turns += 1;
            if turns % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Reads from time to time, so that a writer of small pieces does not wake us for each. Nothing waits for the pipe meanwhile,
    /// which spares the writer the waking too.
    async fn visit(&self, context: &Context) -> io::Result<Left> {
        let mut found = 0;
        loop {
            // Who fills half the pipe meanwhile would have to wait in the end.
            if found < WIDE / 2 {
                tokio::time::sleep(PAUSE).await;
            } else {
                tokio::task::yield_now().await;
            }
            found = 0;
            while found < WIDE {
                match self.take(context).await? {
                    Read::End => return Ok(Left::End),
                    Read::Again => {}
                    Read::Empty => break,
                    Read::Taken(size) => found += size,
                }
            }
            if found < CALM {
                return Ok(Left::Pace);
            }
        }
    }

    /// Gives the writer room for more. The limit of the user or the system may forbid it; then the pipe stays as it is.
    fn widen(&self) -> bool {
        let wide = self.wide.load(Ordering::Relaxed) || fcntl_setpipe_size(&self.fd, WIDE).is_ok();
        self.wide.store(wide, Ordering::Relaxed);
        wide
    }

    async fn take(&self, context: &Context) -> io::Result<Read> {
        let read = match self.read(context)? {
            Ok(read) => read,
            Err(bytes) => {
                context.write_log(self.stream, &bytes).await;
                Read::Taken(bytes.len())
            }
        };
        if let Read::Taken(size) = read {
            self.taken.fetch_add(size as u64, Ordering::Relaxed);
        }
        Ok(read)
    }

    /// What the log has no room for at the moment comes back.
    fn read(&self, context: &Context) -> io::Result<Result<Read, Vec<u8>>> {
        SHARED.with_borrow_mut(|buffer| match read(&self.fd, &mut **buffer) {
            Ok(0) => Ok(Ok(Read::End)),
            Ok(size) if context.host().try_write_log(self.stream, 0, &buffer[..size]) => Ok(Ok(Read::Taken(size))),
            Ok(size) => Ok(Err(buffer[..size].to_vec())),
            Err(Errno::AGAIN) => Ok(Ok(Read::Empty)),
            Err(Errno::INTR) => Ok(Ok(Read::Again)),
            Err(error) => Err(error.into()),
        })
    }

    /// Bytes handed over so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Bytes that wait in the pipe.
    pub(super) fn waiting(&self) -> u64 {
        ioctl_fionread(&self.fd).unwrap_or_default()
    }
}
