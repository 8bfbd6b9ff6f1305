//! Internal storage in a directory.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::Stream;
use tokio::io::AsyncReadExt;

use super::error::file_error;
use super::{Error, Result, Source, StorageUri, Stored};

/// Unfinished files; no listing shows them.
const UNFINISHED: &str = ".switchyard-new-";
/// What a stream reads at a time.
const PIECE: usize = 256 * 1024;

pub(super) fn put(target: &Path, path: &Path, source: Source) -> Result<()> {
    let copied = |new: &Path| copy(&File::open(path)?, new);
    write(target, |new| match source {
        Source::Move => match std::fs::rename(path, new) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copied(new).and_then(|()| std::fs::remove_file(path)),
            moved => moved,
        },
        Source::Link => std::fs::hard_link(path, new).or_else(|_| copied(new)),
        Source::Copy => copied(new),
    })
    .map_err(|error| match error {
        // A missing source is told by its own name.
        Error::File { source, .. } if !path.exists() => Error::File { path: path.to_path_buf(), source },
        other => other,
    })
}

pub(super) fn make_parent(target: &Path) -> Result<()> {
    target.parent().map_or(Ok(()), |parent| std::fs::create_dir_all(parent).map_err(|error| file_error(parent, error)))
}

pub(super) fn open(uri: &StorageUri, path: &Path) -> Result<File> {
    match File::open(path) {
        Ok(file) => Ok(file),
        Err(error) if is_missing(&error) => Err(Error::Missing { uri: uri.clone() }),
        Err(error) => Err(file_error(path, error)),
    }
}

/// Lets `write` make a new file beside the target and puts it in its place, so that nobody ever reads half a file.
pub(super) fn write(target: &Path, write: impl Fn(&Path) -> io::Result<()>) -> Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let new = target.with_file_name(format!("{UNFINISHED}{}-{number}", std::process::id()));
    let written = write(&new).or_else(|error| match target.parent() {
        Some(parent) if error.kind() == io::ErrorKind::NotFound && !parent.exists() => {
            std::fs::create_dir_all(parent)?;
            write(&new)
        }
        _ => Err(error),
    });
    written.and_then(|()| std::fs::rename(&new, target)).map_err(|error| {
        let _ = std::fs::remove_file(&new);
        file_error(target, error)
    })
}

/// Like [`write`], but leaves a file that is there already; `false` then.
pub(super) fn create(target: &Path, bytes: &[u8]) -> Result<bool> {
    make_parent(target)?;
    let folder = target.parent().unwrap_or(Path::new("."));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let new = folder.join(format!("{UNFINISHED}{}-c{number}", std::process::id()));
    // A link is made or not made, even if several hosts try at the same time.
    let created = std::fs::write(&new, bytes).and_then(|()| match std::fs::hard_link(&new, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        linked => linked.map(|()| true),
    });
    let _ = std::fs::remove_file(&new);
    created.map_err(|error| file_error(target, error))
}

pub(super) fn modified(uri: &StorageUri, path: &Path) -> Result<SystemTime> {
    let found = open(uri, path)?;
    found.metadata().and_then(|found| found.modified()).map_err(|error| file_error(path, error))
}

pub(super) fn copy(from: &File, to: &Path) -> io::Result<()> {
    use std::io::Seek;
    (&*from).rewind()?;
    share_or_copy(from, &File::create(to)?).map(drop)
}

/// Shares the bytes where the file system can, and copies them inside the kernel where it cannot.
pub(super) fn share_or_copy(mut from: &File, mut to: &File) -> io::Result<u64> {
    if rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(from.metadata()?.len());
    }
    io::copy(&mut from, &mut to)
}

pub(super) fn read(uri: &StorageUri, path: &Path) -> Result<Bytes> {
    let mut bytes = Vec::new();
    let mut file = open(uri, path)?;
    io::Read::read_to_end(&mut file, &mut bytes).map_err(|error| file_error(path, error))?;
    Ok(bytes.into())
}

pub(super) fn stream(file: File) -> impl Stream<Item = Result<Bytes>> {
    let file = tokio::fs::File::from_std(file);
    futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = bytes::BytesMut::with_capacity(PIECE);
        let count = file.read_buf(&mut piece).await.map_err(|error| file_error(Path::new("internal storage"), error))?;
        Ok((count > 0).then(|| (piece.freeze(), file)))
    })
}

pub(super) fn size(uri: &StorageUri, path: &Path) -> Result<u64> {
    match path.metadata() {
        Ok(found) if found.is_file() => Ok(found.len()),
        Ok(_) => Err(Error::Missing { uri: uri.clone() }),
        Err(error) if is_missing(&error) => Err(Error::Missing { uri: uri.clone() }),
        Err(error) => Err(file_error(path, error)),
    }
}

pub(super) fn delete(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(file_error(path, error)),
    }
}

pub(super) fn delete_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if !is_missing(&error) => Err(file_error(path, error)),
        _ => Ok(()),
    }
}

pub(super) fn list(directory: &StorageUri, path: &Path) -> Result<Vec<Stored>> {
    let mut files = Vec::new();
    let mut open = vec![(directory.clone(), path.to_path_buf())];
    while let Some((uri, path)) = open.pop() {
        let entries = match std::fs::read_dir(&path) {
            Err(error) if is_missing(&error) => continue,
            entries => entries.map_err(|error| file_error(&path, error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| file_error(&path, error))?;
            let name = entry.file_name();
            // Every name we wrote is text; others are not ours.
            let Ok(name) = std::str::from_utf8(name.as_bytes()) else { continue };
            let Ok(kind) = entry.metadata() else { continue };
            if name.starts_with(UNFINISHED) {
                continue;
            }
            let uri = uri.join(name)?;
            if kind.is_dir() {
                open.push((uri, entry.path()));
            } else if kind.is_file() {
                files.push(Stored { uri, size: kind.len() });
            }
        }
    }
    Ok(files)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
