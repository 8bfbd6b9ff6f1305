use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong with a working directory or a file in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the working directory `{}` cannot be made: {source}", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("`{name}` cannot name a file of a working directory: {reason}; use a relative path such as `data/input.csv`")]
    Name { name: String, reason: &'static str },
    #[error("`{name}` is or passes through a symbolic link, which could lead out of the working directory; use a real file or directory")]
    Link { name: String },
    #[error("`{name}` in the working directory `{}`: {source}", directory.display())]
    File { name: String, directory: PathBuf, source: io::Error },
    #[error("the glob `{pattern}` is not valid at character {at}: {reason}")]
    Glob { pattern: String, at: usize, reason: String },
    #[error("the archive of a working directory is damaged: {reason}")]
    Archive { reason: String },
    #[error("the working directory `{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the working directory `{}` cannot be removed: {source}; remove it by hand, its files may belong to another user", path.display())]
    Remove { path: PathBuf, source: io::Error },
}

impl Error {
    /// A stable name, the same in every release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Create { .. } => "workdir::create",
            Self::Name { .. } => "workdir::name",
            Self::Link { .. } => "workdir::link",
            Self::File { .. } => "workdir::file",
            Self::Glob { .. } => "workdir::glob",
            Self::Archive { .. } => "workdir::archive",
            Self::Read { .. } => "workdir::read",
            Self::Remove { .. } => "workdir::remove",
        }
    }

    pub(super) fn name(name: &OsStr, reason: &'static str) -> Self {
        Self::Name { name: name.to_string_lossy().into_owned(), reason }
    }
}
