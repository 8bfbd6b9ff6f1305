//! Writes an archive below a directory. Names come from whatever ran there: nothing is written outside the directory, and never through
//! a link.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use super::{Moved, Wanted, names};

/// Writes the entries of an archive below a directory.
///
/// The archive is not trusted. A name or a link that leads out of the directory, a device, a pipe: each is left out with a warning, and
/// what was there before is replaced, never written through.
#[derive(Debug)]
pub struct Unpacker<'a> {
    directory: &'a Path,
    /// Where the archive's root lies below the directory.
    below: &'a Path,
    wanted: &'a Wanted,
    /// Name in the archive to the file that was written for it.
    written: HashMap<PathBuf, PathBuf>,
    fetched: Moved,
}

impl<'a> Unpacker<'a> {
    /// Writes what is wanted.
    pub fn new(directory: &'a Path, wanted: &'a Wanted) -> Self {
        Self { directory, below: Path::new(""), wanted, written: HashMap::new(), fetched: Moved::default() }
    }

    /// The archive is of a part of the directory only: this is where its root lies.
    pub fn below(mut self, path: &'a Path) -> Self {
        self.below = path;
        self
    }

    /// Reads the archive to its end; several in a row are one.
    ///
    /// # Errors
    /// `UnexpectedEof` when the archive is cut, else whatever the disk says.
    pub fn run(mut self, archive: impl Read) -> io::Result<Moved> {
        let root = self.directory.join(self.below);
        let mut archive = tar::Archive::new(archive);
        archive.set_ignore_zeros(true);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path()?.into_owned();
            self.entry(&mut entry).map_err(|error| match error.raw_os_error() {
                // What the disk says names no file; what the archive says is no error of the system.
                Some(_) => io::Error::new(error.kind(), format!("{}: {error}", root.join(&name).display())),
                None => error,
            })?;
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
                // An entry is never written through a link, wherever it leads.
                let within = link.strip_prefix(self.directory).is_ok_and(|rest| names::inside(rest).is_some());
                if within || names::link_stays_inside(&name, &link) || names::is_of_the_system(&link) {
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
        self.fetched.warnings.push(format!("{} {reason} and is not copied", name.display()));
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
#[path = "unpack_tests.rs"]
mod unpack_tests;
