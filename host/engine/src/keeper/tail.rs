//! Reading what a kept process writes, while it writes.

use std::{
    cell::RefCell,
    ffi::CStr,
    fs::File,
    io,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::Path,
    sync::{
        Arc, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::fs::{FallocateFlags, fallocate, inotify};
use switchyard_plugin_api::{Context, LogStream};
use tokio::{io::unix::AsyncFd, sync::Notify};

use super::{Inner, Keeper, STDERR, STDOUT, output};

/// What one read can take at most.
const BUFFER: usize = 128 * 1024;
/// Reads between two turns of the other tasks of this thread.
const TURN: usize = 16;
/// What was read is given back to the file system in pieces of this size.
const HOLE: u64 = 16 * 1024 * 1024;

thread_local! {
    static SHARED: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER].into_boxed_slice());
}

/// One output file of a kept process.
pub(crate) struct Tail {
    file: File,
    name: String,
    stream: LogStream,
    taken: AtomicU64,
    grown: Arc<Notify>,
    keeper: Keeper,
}

impl Tail {
    /// The output of a process from this byte on.
    pub fn open(keeper: &Keeper, key: &str, stream: LogStream, from: u64) -> io::Result<Self> {
        let ending = match stream {
            LogStream::Stdout => STDOUT,
            LogStream::Stderr => STDERR,
        };
        let path = output(&keeper.0.directory, key, ending);
        let name = format!("{key}.{ending}");
        let grown = Arc::new(Notify::new());
        keeper.state().readers.insert(name.clone(), Arc::clone(&grown));
        let file = File::options().read(true).write(true).open(path)?;
        Ok(Self { file, name, stream, taken: AtomicU64::new(from), grown, keeper: keeper.clone() })
    }

    /// Hands everything to the task's log, until `ended` and nothing is left.
    pub async fn drain(&self, context: &Context, ended: impl Future<Output = ()>) -> io::Result<()> {
        let mut ended = std::pin::pin!(ended);
        let mut over = false;
        let mut turns = 0;
        let mut given_back = 0;
        loop {
            let at = self.taken.load(Ordering::Relaxed);
            match self.read(context, at)? {
                Some((0, _)) if over => return Ok(()),
                Some((0, _)) => tokio::select! {
                    () = self.grown.notified() => {}
                    // Once more: the last bytes may have come just before.
                    () = &mut ended => over = true,
                },
                Some((size, refused)) => {
                    if let Some(bytes) = refused {
                        context.write_log(self.stream, &bytes).await;
                    }
                    let at = at + size as u64;
                    self.taken.store(at, Ordering::Relaxed);
                    if at - given_back >= HOLE {
                        // The log has it now, so the disk holds it once. A file system without holes keeps it twice.
                        let _ = fallocate(&self.file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, given_back, at - given_back);
                        given_back = at;
                    }
                    turns += 1;
                    if turns % TURN == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                None => {}
            }
        }
    }

    /// How much was read, and the bytes for which the host had no room.
    fn read(&self, context: &Context, at: u64) -> io::Result<Option<(usize, Option<Vec<u8>>)>> {
        SHARED.with_borrow_mut(|buffer| match self.file.read_at(buffer, at) {
            Ok(size) if size == 0 || context.host().try_write_log(self.stream, 0, &buffer[..size]) => Ok(Some((size, None))),
            Ok(size) => Ok(Some((size, Some(buffer[..size].to_vec())))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        })
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.keeper.state().readers.remove(&self.name);
    }
}

/// Watches all output files of a directory at once.
pub(super) fn watch(directory: &Path) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&fd, directory, inotify::WatchFlags::MODIFY)?;
    crate::process::watch(fd)
}

/// Wakes the readers of files that have grown.
pub(super) async fn wake(files: AsyncFd<OwnedFd>, keeper: Weak<Inner>) {
    let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
    while let Ok(mut ready) = files.readable().await {
        let Some(inner) = keeper.upgrade() else { return };
        let mut events = inotify::Reader::new(files.get_ref(), &mut buffer);
        while let Ok(event) = events.next() {
            let state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
            if event.events().contains(inotify::ReadFlags::QUEUE_OVERFLOW) {
                state.readers.values().for_each(|reader| reader.notify_one());
            } else if let Some(reader) = event.file_name().map(CStr::to_string_lossy).and_then(|name| state.readers.get(&*name)) {
                reader.notify_one();
            }
        }
        ready.clear_ready();
    }
}
