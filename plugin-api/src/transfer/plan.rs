//! What will be sent, and how long the archive is: whoever cannot see the end of its input has to know it before.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use super::archive::{self, Kind};

/// A numeric user and group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owner {
    /// User id.
    pub uid: u64,
    /// Group id.
    pub gid: u64,
}

/// How the entries of an archive look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The directory's path in the archive; it becomes an entry of its own, so that the command's user owns it. Empty: the entries begin with
    /// `./`.
    pub root: PathBuf,
    /// An output directory below it, which is created even when the host has none.
    pub output_dir: Option<String>,
    /// Who owns everything, with the permissions that the host's files have. None: nobody knows who will run, so that everybody may read and
    /// write, and execute what is executable.
    pub owner: Option<Owner>,
}

/// The entries of an archive.
#[derive(Debug)]
pub struct Plan {
    /// Bytes of the archive.
    pub length: u64,
    /// Bytes of file content.
    pub content: u64,
    /// What is left out, and why.
    pub warnings: Vec<String>,
    entries: Vec<Entry>,
    directory: PathBuf,
    root: PathBuf,
    owner: Option<Owner>,
}

#[derive(Debug)]
struct Entry {
    /// Below the directory.
    name: PathBuf,
    kind: Kind,
    mode: u32,
    mtime: u64,
    /// Of a symlink.
    target: OsString,
}

impl Plan {
    /// Looks at everything below `directory`.
    ///
    /// # Errors
    /// A directory that cannot be read, with its path.
    pub fn new(directory: &Path, layout: &Layout) -> io::Result<Self> {
        let root = if layout.root.as_os_str().is_empty() { Path::new(".") } else { &layout.root };
        let mut plan = Self {
            length: archive::END,
            content: 0,
            warnings: Vec::new(),
            entries: Vec::new(),
            directory: directory.to_owned(),
            root: root.to_owned(),
            owner: layout.owner,
        };
        if root != Path::new(".") {
            plan.directory(PathBuf::new(), 0o775, now());
        }
        if directory.is_dir() {
            plan.walk(Path::new(""))?;
        }
        if let Some(output) = layout.output_dir.as_ref().filter(|output| !directory.join(output).is_dir()) {
            plan.directory(output.into(), 0o775, now());
        }
        Ok(plan)
    }

    fn walk(&mut self, below: &Path) -> io::Result<()> {
        let from = self.directory.join(below);
        let mut entries = fs::read_dir(&from).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(|e| at(&from, &e))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), below.join(entry.file_name()));
            let meta = match fs::symlink_metadata(&path) {
                Ok(meta) => meta,
                // Another task that shares the directory may have removed it.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(at(&path, &e)),
            };
            let kind = meta.file_type();
            let mtime = meta.mtime().max(0).unsigned_abs();
            if kind.is_dir() {
                self.directory(name.clone(), meta.mode() & 0o777 | 0o700, mtime);
                self.walk(&name)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).map_err(|e| at(&path, &e))?.into_os_string();
                self.add(Entry { name, kind: Kind::Symlink, mode: 0o777, mtime, target });
            } else if kind.is_file() {
                self.content += meta.len();
                let mode = match self.owner {
                    Some(_) => meta.mode() & 0o777 | 0o400,
                    None if meta.mode() & 0o111 == 0 => 0o666,
                    None => 0o777,
                };
                self.add(Entry { name, kind: Kind::File(meta.len()), mode, mtime, target: OsString::new() });
            } else {
                let what = if kind.is_fifo() {
                    "a pipe"
                } else if kind.is_socket() {
                    "a socket"
                } else {
                    "a device"
                };
                self.warnings.push(format!("{} is {what} and is not copied", path.display()));
            }
        }
        Ok(())
    }

    fn directory(&mut self, name: PathBuf, mode: u32, mtime: u64) {
        let mode = if self.owner.is_some() { mode } else { 0o777 };
        self.add(Entry { name, kind: Kind::Directory, mode, mtime, target: OsString::new() });
    }

    fn add(&mut self, entry: Entry) {
        let content = match entry.kind {
            Kind::File(size) => size.next_multiple_of(archive::BLOCK),
            _ => 0,
        };
        self.length += self.header(&entry).len() as u64 + content;
        self.entries.push(entry);
    }

    /// The entry's header, with long names before it.
    fn header(&self, entry: &Entry) -> Vec<u8> {
        let name = self.root.join(&entry.name);
        let owner = self.owner.unwrap_or_default();
        archive::header(name.as_os_str().as_bytes(), entry.target.as_bytes(), entry.kind, entry.mode, entry.mtime, owner)
    }

    /// Writes the archive: exactly as many bytes as it promised, even when files grow meanwhile.
    ///
    /// # Errors
    /// What `archive` answers, and a file that cannot be read or became shorter, with its path.
    pub fn write(&self, archive: &mut impl Write) -> io::Result<()> {
        for entry in &self.entries {
            archive.write_all(&self.header(entry))?;
            let Kind::File(size) = entry.kind else { continue };
            let path = self.directory.join(&entry.name);
            let mut content = Named { file: fs::File::open(&path).map_err(|e| at(&path, &e))?, path: &path }.take(size);
            if io::copy(&mut content, archive)? < size {
                let shorter = io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was copied");
                return Err(at(&path, &shorter));
            }
            io::copy(&mut io::repeat(0).take(size.next_multiple_of(archive::BLOCK) - size), archive)?;
        }
        io::copy(&mut io::repeat(0).take(archive::END), archive)?;
        archive.flush()
    }
}

/// A file whose errors tell its path: those of the archive must stay what they are.
struct Named<'a> {
    file: fs::File,
    path: &'a Path,
}

impl Read for Named<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer).map_err(|e| at(self.path, &e))
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod plan_tests;
