//! Removing working directories, whatever a task left in them.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::{Error, Result, WorkDir};

impl WorkDir {
    /// Removes the directory and everything in it. Links are removed, not followed; directories without permissions
    /// are opened up; any depth is fine. A directory that is gone already is no error.
    pub fn remove(&self) -> Result<()> {
        remove(self.path()).map_err(|error| Error::Remove { path: self.path().to_path_buf(), source: error.into() })
    }
}

/// What [`sweep`] did.
#[derive(Debug, Default)]
pub struct Sweep {
    pub removed: usize,
    /// Directories that stay, with the reason.
    pub failed: Vec<Error>,
}

/// Removes the working directories below `root` that nobody needs any more; to be called at the start.
pub fn sweep(root: &Path, needed: impl Fn(&str) -> bool) -> Result<Sweep> {
    let failed = |source| Error::Read { path: root.to_path_buf(), source };
    let entries = match std::fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Sweep::default()),
        entries => entries.map_err(failed)?,
    };
    let mut sweep = Sweep::default();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let name = entry.file_name();
        if !is_directory || name.to_str().is_none_or(&needed) {
            continue;
        }
        match (WorkDir { path: entry.path() }).remove() {
            Ok(()) => sweep.removed += 1,
            Err(error) => sweep.failed.push(error),
        }
    }
    Ok(sweep)
}

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory above the present one, known again by its device and inode.
struct Above {
    identity: (u64, u64),
    /// The name of the directory below it.
    name: CString,
}

fn remove(path: &Path) -> std::result::Result<(), Errno> {
    match rustix::fs::unlinkat(CWD, path, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::NOTDIR) => return rustix::fs::unlinkat(CWD, path, AtFlags::empty()),
        Err(_) => {}
    }
    // One directory is open at a time and no call nests, so a task cannot exhaust the host by nesting directories.
    let mut directory = open(CWD, path)?;
    let mut above: Vec<Above> = Vec::new();
    loop {
        if let Some(name) = clear(&directory)? {
            let child = open(&directory, name.as_c_str())?;
            above.push(Above { identity: identity(&directory)?, name });
            directory = child;
            continue;
        }
        let Some(Above { identity: parent, name }) = above.pop() else {
            break;
        };
        directory = rustix::fs::openat(&directory, "..", OPEN, Mode::empty())?;
        // Somebody moved the directory while we were in it.
        if identity(&directory)? != parent {
            return Err(Errno::STALE);
        }
        rustix::fs::unlinkat(&directory, name.as_c_str(), AtFlags::REMOVEDIR)?;
    }
    drop(directory);
    rustix::fs::unlinkat(CWD, path, AtFlags::REMOVEDIR)
}

/// Removes what can be removed; gives the first directory that has something in it.
fn clear(directory: &OwnedFd) -> std::result::Result<Option<CString>, Errno> {
    let mut opened_up = false;
    let entries = match Dir::read_from(directory) {
        Err(Errno::ACCESS) => {
            rustix::fs::fchmod(directory, Mode::RWXU)?;
            opened_up = true;
            Dir::read_from(directory)
        }
        entries => entries,
    };
    for entry in entries? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        loop {
            let is_directory = entry.file_type() == rustix::fs::FileType::Directory;
            let flags = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            match rustix::fs::unlinkat(directory, name, flags) {
                Ok(()) | Err(Errno::NOENT) => break,
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::ISDIR) => {
                    return Ok(Some(name.to_owned()));
                }
                Err(Errno::ACCESS) if !opened_up => {
                    rustix::fs::fchmod(directory, Mode::RWXU)?;
                    opened_up = true;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(None)
}

fn open(parent: impl std::os::fd::AsFd, name: impl rustix::path::Arg + Copy) -> std::result::Result<OwnedFd, Errno> {
    match rustix::fs::openat(&parent, name, OPEN, Mode::empty()) {
        Err(Errno::ACCESS) => {
            // Named by its descriptor, it cannot be exchanged for a link before its mode is changed.
            let path = rustix::fs::openat(&parent, name, OPEN | OFlags::PATH, Mode::empty())?;
            let descriptor = format!("/proc/self/fd/{}", path.as_raw_fd());
            rustix::fs::chmod(descriptor.as_str(), Mode::RWXU)?;
            rustix::fs::openat(&parent, name, OPEN, Mode::empty())
        }
        opened => opened,
    }
}

fn identity(directory: &OwnedFd) -> std::result::Result<(u64, u64), Errno> {
    let stat = rustix::fs::fstat(directory)?;
    Ok((stat.st_dev, stat.st_ino))
}
