//! Streams files out of a container. Names come from whatever ran there: nothing is written outside the directory, and never through
//! a link.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use bollard::{Docker, query_parameters::DownloadFromContainerOptionsBuilder};
use bytes::Bytes;
use futures_util::{StreamExt, future::try_join_all};
use tokio::sync::mpsc;

use super::{Wanted, names};
use crate::engine::{chain, status};

const CHUNKS: usize = 8;

/// A stream that breaks off is read again this often.
const ATTEMPTS: u32 = 3;

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Bytes of file content.
    pub bytes: u64,
    /// What was left out, and why.
    pub warnings: Vec<String>,
}

/// Copies what is wanted from `source` in the container into `directory`.
pub async fn download(docker: &Docker, container: &str, source: &str, directory: &Path, wanted: &Wanted) -> Result<Fetched, String> {
    match wanted {
        Wanted::Nothing => Ok(Fetched::default()),
        Wanted::Paths(paths) => {
            let each = paths.iter().map(|path| {
                let below = Path::new(path).parent().unwrap_or(Path::new("")).to_owned();
                fetch(docker, container, format!("{source}/{path}"), directory, below, wanted)
            });
            let mut all = Fetched::default();
            for fetched in try_join_all(each).await? {
                all.bytes += fetched.bytes;
                all.warnings.extend(fetched.warnings);
            }
            Ok(all)
        }
        Wanted::Matching(_) | Wanted::Everything => {
            // The archive's names begin with the directory's own.
            fetch(docker, container, format!("{source}/."), directory, PathBuf::new(), wanted).await
        }
    }
}

async fn fetch(
    docker: &Docker,
    container: &str,
    path: String,
    directory: &Path,
    below: PathBuf,
    wanted: &Wanted,
) -> Result<Fetched, String> {
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
        let unpacking = tokio::task::spawn_blocking({
            let (directory, below, wanted) = (directory.to_owned(), below.clone(), wanted.clone());
            move || Unpacker::new(&directory, &below, &wanted).run(Chunks { receiver, chunk: Bytes::new() })
        });
        let options = DownloadFromContainerOptionsBuilder::new().path(&path).build();
        let mut stream = Box::pin(docker.download_from_container(container, Some(options)));
        let mut broken = None;
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => {
                    if sender.send(Ok(chunk)).await.is_err() {
                        break;
                    }
                }
                Err(error) => {
                    let _ = sender.send(Err(io::Error::other(chain(&error)))).await;
                    broken = Some(error);
                    break;
                }
            }
        }
        drop(sender);
        let unpacked = unpacking.await.map_err(|e| e.to_string())?;
        match (broken, unpacked) {
            (None, Ok(fetched)) => return Ok(fetched),
            // The task did not make this file: the host says so, if it minds.
            (Some(error), _) if status(&error) == Some(404) => return Ok(Fetched::default()),
            (Some(error), _) if status(&error).is_some_and(|s| s < 500) => return Err(chain(&error)),
            (Some(error), _) => last = chain(&error),
            (None, Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => last = error.to_string(),
            (None, Err(error)) => return Err(error.to_string()),
        }
    }
    Err(format!("{path}: {last}"))
}

/// The archive as it arrives.
struct Chunks {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let taken = self.chunk.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.chunk.split_to(taken));
        Ok(taken)
    }
}

/// Writes entries below a directory.
struct Unpacker<'a> {
    directory: &'a Path,
    /// Where the archive's root lies below the directory.
    below: &'a Path,
    wanted: &'a Wanted,
    /// Name in the archive to the file that was written for it.
    written: HashMap<PathBuf, PathBuf>,
    fetched: Fetched,
}

impl<'a> Unpacker<'a> {
    fn new(directory: &'a Path, below: &'a Path, wanted: &'a Wanted) -> Self {
        Self { directory, below, wanted, written: HashMap::new(), fetched: Fetched::default() }
    }

    fn run(mut self, archive: impl Read) -> io::Result<Fetched> {
        let mut archive = tar::Archive::new(archive);
        for entry in archive.entries()? {
            let mut entry = entry?;
            self.entry(&mut entry)?;
        }
        Ok(self.fetched)
    }

    fn entry(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> io::Result<()> {
        let raw = entry.path()?.into_owned();
        let Some(name) = names::inside(&raw) else {
            self.warn(&raw, "leads out of the working directory");
            return Ok(());
        };
        let name = self.below.join(name);
        if name.as_os_str().is_empty() || !self.wanted.takes(&name.to_string_lossy()) {
            return Ok(());
        }
        if !self.parents(&name)? {
            self.warn(&name, "would be written through a symlink");
            return Ok(());
        }
        let target = self.directory.join(&name);
        let mode = entry.header().mode().unwrap_or(0o644);
        match entry.header().entry_type() {
            tar::EntryType::Directory => {
                if fs::symlink_metadata(&target).is_ok_and(|m| !m.is_dir()) {
                    fs::remove_file(&target)?;
                }
                fs::create_dir_all(&target)?;
                fs::set_permissions(&target, fs::Permissions::from_mode(mode & 0o777 | 0o700))?;
            }
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                self.file(entry, &target, mode)?;
                self.written.insert(raw, target);
            }
            tar::EntryType::Symlink => {
                let link = entry.link_name()?.unwrap_or_default().into_owned();
                if names::link_stays_inside(&name, &link) {
                    clear(&target)?;
                    symlink(&link, &target)?;
                } else {
                    self.warn(&name, &format!("is a symlink to {}, outside the working directory", link.display()));
                }
            }
            tar::EntryType::Link => {
                let link = entry.link_name()?.unwrap_or_default().into_owned();
                match self.written.get(&link) {
                    Some(source) => {
                        clear(&target)?;
                        self.fetched.bytes += fs::copy(source, &target)?;
                    }
                    None => self.warn(&name, &format!("is a hard link to {}, which is not copied", link.display())),
                }
            }
            tar::EntryType::Fifo => self.warn(&name, "is a pipe"),
            tar::EntryType::Char | tar::EntryType::Block => self.warn(&name, "is a device"),
            _ => self.warn(&name, "is of an unknown kind"),
        }
        Ok(())
    }

    fn file(&mut self, entry: &mut tar::Entry<'_, impl Read>, target: &Path, mode: u32) -> io::Result<()> {
        // The present file may be a hard link to something that must not change: it is replaced, not overwritten.
        clear(target)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode & 0o777 | 0o600).open(target)?;
        let size = entry.size();
        let copied = io::copy(entry, &mut file)?;
        if copied != size {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{} is {size} bytes, only {copied} arrived", target.display()),
            ));
        }
        self.fetched.bytes += copied;
        // The creation mode is subject to the umask.
        file.set_permissions(fs::Permissions::from_mode(mode & 0o777 | 0o600))?;
        if let Ok(mtime) = entry.header().mtime() {
            file.set_modified(UNIX_EPOCH + Duration::from_secs(mtime))?;
        }
        Ok(())
    }

    /// Creates the directories above an entry; false when one of them is something else.
    fn parents(&self, name: &Path) -> io::Result<bool> {
        let mut path = self.directory.to_owned();
        for part in name.parent().into_iter().flat_map(Path::components) {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => {}
                Ok(_) => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::NotFound => fs::create_dir(&path)?,
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    fn warn(&mut self, name: &Path, reason: &str) {
        self.fetched.warnings.push(format!("{} {reason} and is not copied out of the container", name.display()));
    }
}

/// Removes whatever has this name, without following it.
fn clear(target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(target),
        Ok(_) => fs::remove_file(target),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod download_tests;
