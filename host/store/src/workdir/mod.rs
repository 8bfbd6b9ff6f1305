//! The directory a task runs in: where its inputs are put and its outputs are taken from.
//!
//! Every file in it is opened here and nowhere else, component by component without following a symbolic link, so
//! no name from a user, an archive, a container or a bucket can lead out of it.

mod archive;
mod beneath;
mod capture;
mod error;
mod glob;
mod pool;
mod remove;
mod tree;

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};

pub use beneath::check_name;
pub use capture::{Capture, Captured, CapturedFile};
pub use error::{Error, Result};
pub use glob::Glob;
pub use pool::WorkDirs;
pub use remove::{Sweep, sweep};

use beneath::Beneath;

/// The working directory of one task run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkDir {
    path: PathBuf,
}

/// The mode of a file that is put into a working directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileMode {
    /// 0644
    #[default]
    Plain,
    /// 0755
    Executable,
    /// 0600
    Private,
}

impl WorkDir {
    /// Makes `root/id`: one system call when `root` exists. A directory that is left from before is an error, because
    /// its files would be taken for this task's.
    pub fn create(root: &Path, id: &str) -> Result<Self> {
        let directory = Self::at(root, id)?;
        let made = match std::fs::create_dir(&directory.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(root).and_then(|()| std::fs::create_dir(&directory.path))
            }
            made => made,
        };
        made.map_err(|source| Error::Create { path: directory.path.clone(), source })?;
        Ok(directory)
    }

    /// The directory that was or will be made; nothing is looked at. For a task that is found again after a restart.
    pub fn at(root: &Path, id: &str) -> Result<Self> {
        check_name(id)?;
        if id.contains('/') {
            return Err(Error::name(id.as_ref(), "it names a place in another directory"));
        }
        Ok(Self { path: root.join(id) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file, with the directories above it. An existing file is replaced, not written into: it may share its
    /// bytes with another.
    pub fn write(&self, name: impl AsRef<OsStr>, bytes: &[u8], mode: FileMode) -> Result<()> {
        let name = name.as_ref();
        let mut file = self.new_file(name, mode)?;
        file.write_all(bytes).map_err(|source| self.failed(name, source))
    }

    /// A new, empty file to be filled by the caller; replaces an existing one.
    pub fn new_file(&self, name: impl AsRef<OsStr>, mode: FileMode) -> Result<File> {
        let name = name.as_ref();
        let place = Beneath::make(&self.path, name)?;
        let bits = Mode::from_raw_mode(match mode {
            FileMode::Plain => 0o644,
            FileMode::Executable => 0o755,
            FileMode::Private => 0o600,
        });
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&place.directory, place.name, flags, bits);
        let file = match open() {
            Err(rustix::io::Errno::EXIST) => rustix::fs::unlinkat(&place.directory, place.name, AtFlags::empty()).and_then(|()| open()),
            result => result,
        };
        let file = file.map_err(|error| self.failed(name, error.into()))?;
        // The umask of the host is no business of the task.
        rustix::fs::fchmod(&file, bits).map_err(|error| self.failed(name, error.into()))?;
        Ok(file.into())
    }

    /// Makes a directory and those above it.
    pub fn make_directory(&self, name: &str) -> Result<()> {
        Beneath::make(&self.path, OsStr::new(&format!("{}/-", name.trim_end_matches('/')))).map(drop)
    }

    /// Opens a regular file for reading.
    pub fn open(&self, name: impl AsRef<OsStr>) -> Result<File> {
        let name = name.as_ref();
        self.open_place(&Beneath::find(&self.path, name)?, name)
    }

    /// Moves a regular file to `target` on the same file system, where it replaces what is there. `false` when that is
    /// another file system and the file must be copied.
    pub fn take(&self, name: impl AsRef<OsStr>, target: &Path) -> Result<bool> {
        let name = name.as_ref();
        let place = Beneath::find(&self.path, name)?;
        // Refuses links and directories.
        let opened = self.open_place(&place, name)?;
        let moved = rustix::fs::renameat(&place.directory, place.name, rustix::fs::CWD, target);
        match moved {
            Ok(()) => {}
            Err(rustix::io::Errno::XDEV) => return Ok(false),
            Err(error) => return Err(self.failed(name, error.into())),
        }
        // A process that still runs may have put a link there in between.
        let failed = |source| self.failed(name, source);
        let (before, after) = (
            rustix::fs::fstat(&opened).map_err(|error| failed(error.into()))?,
            rustix::fs::lstat(target).map_err(|error| failed(error.into()))?,
        );
        if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino) {
            let _ = std::fs::remove_file(target);
            return Err(Error::Link { name: name.to_string_lossy().into_owned() });
        }
        Ok(true)
    }

    fn open_place(&self, place: &Beneath<'_>, name: &OsStr) -> Result<File> {
        // Opening a pipe that nobody writes to would wait for ever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&place.directory, place.name, flags, Mode::empty()) {
            Err(rustix::io::Errno::LOOP) => {
                return Err(Error::Link { name: name.to_string_lossy().into_owned() });
            }
            opened => File::from(opened.map_err(|error| self.failed(name, error.into()))?),
        };
        let kind = file.metadata().map_err(|source| self.failed(name, source))?;
        if !kind.is_file() {
            return Err(Error::name(name, "it is not a regular file"));
        }
        Ok(file)
    }

    fn failed(&self, name: &OsStr, source: io::Error) -> Error {
        Error::File { name: name.to_string_lossy().into_owned(), directory: self.path.clone(), source }
    }
}
