//! What will be sent, and how long the archive is: a container that cannot see the end of its input has to know it before.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{ffi::OsStrExt, fs::FileTypeExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use super::archive::{self, Kind};

/// The entries of an archive.
#[derive(Debug, Default)]
pub struct Plan {
    /// In their order.
    pub entries: Vec<Entry>,
    /// Bytes of the archive.
    pub length: u64,
    /// Bytes of file content.
    pub content: u64,
    /// What is left out.
    pub warnings: Vec<String>,
}

/// One entry.
#[derive(Debug)]
pub struct Entry {
    /// Below the directory.
    pub name: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Permissions.
    pub mode: u32,
    /// Seconds.
    pub mtime: u64,
    /// Target of a symlink.
    pub target: OsString,
}

impl Plan {
    /// Everything below `directory`, and an output directory even when it is not there.
    pub fn new(directory: &Path, output_dir: Option<&str>) -> io::Result<Self> {
        let mut plan = Self { length: archive::END, ..Self::default() };
        if directory.is_dir() {
            plan.walk(directory, Path::new(""))?;
        }
        if let Some(output) = output_dir
            && !directory.join(output).is_dir()
        {
            plan.add(Entry { name: output.into(), kind: Kind::Directory, mode: 0o777, mtime: now(), target: OsString::new() });
        }
        Ok(plan)
    }

    fn walk(&mut self, directory: &Path, below: &Path) -> io::Result<()> {
        let from = directory.join(below);
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
            // Nobody knows who will run: everybody may read and write, and execute what is executable.
            if kind.is_dir() {
                self.add(Entry { name: name.clone(), kind: Kind::Directory, mode: 0o777, mtime, target: OsString::new() });
                self.walk(directory, &name)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).map_err(|e| at(&path, &e))?.into_os_string();
                self.add(Entry { name, kind: Kind::Symlink, mode: 0o777, mtime, target });
            } else if kind.is_file() {
                self.content += meta.len();
                self.add(Entry {
                    name,
                    kind: Kind::File(meta.len()),
                    mode: if meta.mode() & 0o111 == 0 { 0o666 } else { 0o777 },
                    mtime,
                    target: OsString::new(),
                });
            } else {
                let what = if kind.is_fifo() {
                    "a pipe"
                } else if kind.is_socket() {
                    "a socket"
                } else {
                    "a device"
                };
                self.warnings.push(format!("{} is {what} and is not copied into the pod", path.display()));
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: Entry) {
        self.length += entry.length();
        self.entries.push(entry);
    }
}

impl Entry {
    /// Its header, with long names before it.
    pub fn header(&self) -> Vec<u8> {
        let mut name = OsStr::new("./").as_bytes().to_vec();
        name.extend_from_slice(self.name.as_os_str().as_bytes());
        archive::header(&name, self.target.as_bytes(), self.kind, self.mode, self.mtime)
    }

    fn length(&self) -> u64 {
        let content = match self.kind {
            Kind::File(size) => size.next_multiple_of(archive::BLOCK),
            _ => 0,
        };
        self.header().len() as u64 + content
    }
}

pub fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
