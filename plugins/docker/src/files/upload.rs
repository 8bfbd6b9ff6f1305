//! Streams the working directory into a created container, as one archive that is never stored.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use bollard::{Docker, body_try_stream, query_parameters::UploadToContainerOptionsBuilder};
use bytes::Bytes;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;

use super::Owner;

/// Bytes that are on their way at most: chunks times their size.
const CHUNKS: usize = 8;
const CHUNK: usize = 128 * 1024;

/// What to copy.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The host's directory.
    pub directory: PathBuf,
    /// The same in the container.
    pub target: String,
    /// Output directory below it, created even when the host has none.
    pub output_dir: Option<String>,
    /// Who owns everything; none: everybody may write.
    pub owner: Option<Owner>,
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Bytes of file content.
    pub bytes: u64,
    /// Entries that cannot be copied.
    pub warnings: Vec<String>,
}

/// Copies the directory into the container. The directory itself is an entry of its own, so that the command's user owns it.
pub async fn upload(docker: &Docker, container: &str, what: Upload) -> Result<Copied, String> {
    let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
    let packing = tokio::task::spawn_blocking(move || {
        let packed = pack(&what, Chunks { sender: sender.clone(), buffer: Vec::with_capacity(CHUNK) });
        if let Err(error) = &packed {
            // The engine must not take a cut archive for a whole one.
            let _ = sender.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
        }
        packed
    });
    let options = UploadToContainerOptionsBuilder::new().path("/").build();
    let body = body_try_stream(poll_fn(move |cx| receiver.poll_recv(cx)));
    let sent = docker.upload_to_container(container, Some(options), body).await;
    let packed = packing.await.map_err(|e| e.to_string())?;
    match (sent, packed) {
        (Ok(()), Ok(copied)) => Ok(copied),
        // When the engine refuses it also stops reading, and packing fails because of that.
        (Err(error), Ok(_)) => Err(crate::engine::chain(&error)),
        (Err(error), Err(packing)) if packing.kind() == io::ErrorKind::BrokenPipe => Err(crate::engine::chain(&error)),
        (_, Err(packing)) => Err(packing.to_string()),
    }
}

/// Hands an archive over in chunks; waits while the engine is slower.
struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sender.blocking_send(Ok(chunk.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

fn pack(what: &Upload, chunks: Chunks) -> io::Result<Copied> {
    let mut copied = Copied::default();
    let mut archive = tar::Builder::new(chunks);
    let root = PathBuf::from(what.target.trim_start_matches('/'));
    directory(&mut archive, &root, 0o775, None, what.owner)?;
    if what.directory.is_dir() {
        walk(&mut archive, &what.directory, &root, what, &mut copied)?;
    }
    if let Some(output) = &what.output_dir
        && !what.directory.join(output).is_dir()
    {
        directory(&mut archive, &root.join(output), 0o775, None, what.owner)?;
    }
    archive.into_inner()?.flush()?;
    Ok(copied)
}

fn walk(archive: &mut tar::Builder<Chunks>, from: &Path, to: &Path, what: &Upload, copied: &mut Copied) -> io::Result<()> {
    let mut entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), to.join(entry.file_name()));
        let meta = match fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            // Another task that shares the directory may have removed it.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(at(&path, &e)),
        };
        let kind = meta.file_type();
        if kind.is_dir() {
            directory(archive, &name, meta.mode() & 0o777 | 0o700, Some(&meta), what.owner)?;
            walk(archive, &path, &name, what, copied)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).map_err(|e| at(&path, &e))?;
            let mut header = header(tar::EntryType::Symlink, 0o777, Some(&meta), what.owner);
            archive.append_link(&mut header, &name, &target)?;
        } else if kind.is_file() {
            copied.bytes += file(archive, &path, &name, &meta, what.owner).map_err(|e| at(&path, &e))?;
        } else {
            let what = if kind.is_fifo() {
                "a pipe"
            } else if kind.is_socket() {
                "a socket"
            } else {
                "a device"
            };
            copied.warnings.push(format!("{} is {what} and is not copied into the container", path.display()));
        }
    }
    Ok(())
}

fn file(archive: &mut tar::Builder<Chunks>, path: &Path, name: &Path, meta: &fs::Metadata, owner: Option<Owner>) -> io::Result<u64> {
    let open = fs::File::open(path)?;
    let length = open.metadata()?.len();
    let mut header = header(tar::EntryType::Regular, meta.mode() & 0o777 | 0o400, Some(meta), owner);
    header.set_size(length);
    let mut content = Exactly { open, left: length };
    archive.append_data(&mut header, name, &mut content)?;
    Ok(length)
}

/// As many bytes as the header promised, even when the file changes meanwhile.
struct Exactly {
    open: fs::File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        match self.open.read(&mut buffer[..most])? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was copied")),
            read => {
                self.left -= read as u64;
                Ok(read)
            }
        }
    }
}

fn directory(
    archive: &mut tar::Builder<Chunks>,
    name: &Path,
    mode: u32,
    meta: Option<&fs::Metadata>,
    owner: Option<Owner>,
) -> io::Result<()> {
    let mut header = header(tar::EntryType::Directory, mode, meta, owner);
    archive.append_data(&mut header, name, io::empty())
}

fn header(kind: tar::EntryType, mode: u32, meta: Option<&fs::Metadata>, owner: Option<Owner>) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(0);
    let mode = match (owner, kind) {
        (Some(_), _) => mode,
        (None, tar::EntryType::Directory) => 0o777,
        // Nobody knows who will run: everybody may read and write, and execute what is executable.
        (None, _) => 0o666 | (mode & 0o111),
    };
    header.set_mode(mode);
    let owner = owner.unwrap_or_default();
    header.set_uid(owner.uid);
    header.set_gid(owner.gid);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    header.set_mtime(meta.map_or_else(now, |m| m.mtime().max(0).unsigned_abs()));
    header
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
