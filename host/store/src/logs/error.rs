use std::io;
use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a log could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the disk is full, the log `{}` cannot be written: {source}; free some space", path.display())]
    Full { path: PathBuf, source: io::Error },
    #[error("the log `{}` cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the log `{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is not a log of Switchyard, or one of a newer version", path.display())]
    Foreign { path: PathBuf },
    #[error("`{id}` cannot name a log: an execution id has only letters, digits, `-`, `_` and `.`, at most 128 of them")]
    Name { id: String },
}

impl Error {
    /// A stable name, the same in every release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "logs::full",
            Self::Write { .. } => "logs::write",
            Self::Read { .. } => "logs::read",
            Self::Foreign { .. } => "logs::foreign",
            Self::Name { .. } => "logs::name",
        }
    }

    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full { path, source },
            _ => Self::Write { path, source },
        }
    }

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_path_buf(), source }
    }
}
