//! What the file system says about a file: may it be trusted, and has it changed.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{options::Trust, refusal::Refusal};

/// Two equal stamps of one path mean: the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    dev: u64,
    ino: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            dev: metadata.dev(),
            ino: metadata.ino(),
            size: metadata.size(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            ctime: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub fn at(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::of(&metadata))
    }

    /// As text, for names of files.
    pub fn name(&self) -> String {
        format!("{:x}-{:x}-{:x}-{:x}.{:x}", self.dev, self.ino, self.size, self.mtime.0, self.mtime.1)
    }
}

/// Refuses what is no regular file and what others could change.
pub(crate) fn examine(metadata: &Metadata, trust: Trust) -> Result<Stamp, Refusal> {
    if !metadata.is_file() {
        return Err(Refusal::new("plugin::not_a_file", "it is not a regular file"));
    }
    examine_owner(metadata, trust)?;
    Ok(Stamp::of(metadata))
}

/// Refuses a file or directory that somebody else owns or may write.
pub(crate) fn examine_owner(metadata: &Metadata, trust: Trust) -> Result<(), Refusal> {
    if trust == Trust::Anyone {
        return Ok(());
    }
    let user = rustix::process::geteuid().as_raw();
    let owner = metadata.uid();
    if owner != user && owner != 0 {
        let reason = format!("it belongs to user {owner}; only files of the host's user ({user}) or root are loaded");
        return Err(Refusal::new("plugin::foreign_owner", reason).with_help("change the owner with `chown`"));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        let who = if mode & 0o002 != 0 { "everybody" } else { "its group" };
        let reason = format!("{who} may write it (mode {mode:04o}), so anybody could run code in the host");
        return Err(Refusal::new("plugin::writable_by_others", reason).with_help("take that right away with `chmod go-w`"));
    }
    Ok(())
}

/// Opens and reads a file once; what is checked is what is read, whatever happens to the path meanwhile.
pub(crate) fn read(path: &Path, trust: Trust) -> Result<(Stamp, Vec<u8>), Refusal> {
    let unreadable = |e: io::Error| Refusal::new("plugin::unreadable", format!("it cannot be read: {e}"));
    // Without NONBLOCK a FIFO would hold the host up for ever.
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let flags = i32::try_from(flags).unwrap_or_default();
    let mut file: File = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let stamp = examine(&metadata, trust)?;
    let mut bytes = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or_default());
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    let after = file.metadata().map_err(unreadable)?;
    if Stamp::of(&after) != stamp {
        let refusal = Refusal::new("plugin::changing", "it changed while it was read; a copy seems to be in progress");
        return Err(refusal.with_help("start the host again when the copy is done; better, copy to another name and rename"));
    }
    Ok((stamp, bytes))
}
