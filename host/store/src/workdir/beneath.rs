//! Finding a place below a directory without leaving it.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::{Error, Result};

/// Refuses what could not be a file below a working directory: empty, absolute, with `..`, with a NUL, ending in `/`.
pub fn check_name(name: impl AsRef<OsStr>) -> Result<()> {
    let bytes = name.as_ref().as_bytes();
    let reason = if bytes.is_empty() {
        "it is empty"
    } else if bytes.starts_with(b"/") {
        "it is absolute"
    } else if bytes.contains(&0) {
        "it contains a NUL"
    } else if bytes.ends_with(b"/") {
        "it ends in `/` like a directory"
    } else if bytes.split(|byte| *byte == b'/').any(|part| part == b"..") {
        "`..` leads out of it"
    } else if parts(name.as_ref()).next().is_none() {
        "it is the directory itself"
    } else {
        return Ok(());
    };
    Err(Error::name(name.as_ref(), reason))
}

fn parts(name: &OsStr) -> impl DoubleEndedIterator<Item = &OsStr> {
    name.as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").map(OsStr::from_bytes)
}

/// An open directory and a name in it.
pub(super) struct Beneath<'a> {
    pub(super) directory: OwnedFd,
    pub(super) name: &'a OsStr,
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl<'a> Beneath<'a> {
    /// The place of a name whose directories exist.
    pub(super) fn find(root: &Path, name: &'a OsStr) -> Result<Self> {
        Self::walk(root, name, false)
    }

    /// The place of a name; directories above it are made.
    pub(super) fn make(root: &Path, name: &'a OsStr) -> Result<Self> {
        Self::walk(root, name, true)
    }

    /// Opens one component after the other. `openat2` could do it in one call, but container sandboxes forbid
    /// it often, and most names have one component.
    fn walk(root: &Path, name: &'a OsStr, make: bool) -> Result<Self> {
        check_name(name)?;
        let failed =
            |error: Errno| Error::File { name: name.to_string_lossy().into_owned(), directory: root.to_path_buf(), source: error.into() };
        // Links above the working directory are the administrator's.
        let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        let mut directory = rustix::fs::openat(CWD, root, flags, Mode::empty()).map_err(failed)?;
        let mut parts = parts(name);
        let last = parts.next_back().ok_or_else(|| Error::name(name, "it is the directory itself"))?;
        for part in parts {
            let open = || rustix::fs::openat(&directory, part, DIRECTORY, Mode::empty());
            let opened = match open() {
                Err(Errno::NOENT) if make => match rustix::fs::mkdirat(&directory, part, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => open(),
                    Err(error) => Err(error),
                },
                opened => opened,
            };
            directory = match opened {
                Ok(opened) => opened,
                // What the kernel says of a link that must be a directory.
                Err(error @ (Errno::LOOP | Errno::NOTDIR)) => {
                    let link = rustix::fs::readlinkat(&directory, part, Vec::new()).is_ok();
                    return Err(match link {
                        true => Error::Link { name: name.to_string_lossy().into_owned() },
                        false => failed(error),
                    });
                }
                Err(error) => return Err(failed(error)),
            };
        }
        Ok(Self { directory, name: last })
    }
}
