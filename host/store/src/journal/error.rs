use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the journal could not be opened, written or read. Cloned to every write of a failed group.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("the journal `{}` cannot be opened: {source}; check that the directory exists, belongs to this user and is writable", path.display())]
    Open { path: PathBuf, source: Arc<rusqlite::Error> },
    #[error("the directory `{}` for the journal cannot be created: {source}", path.display())]
    Directory { path: PathBuf, source: Arc<std::io::Error> },
    #[error("the journal `{}` was written by a newer Switchyard (schema {found}, this one knows up to {known}); update Switchyard or choose another data directory", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("`{}` is damaged or not a journal: {source}; move it away and restore it from a backup, or start with another data directory", path.display())]
    Corrupt { path: PathBuf, source: Arc<rusqlite::Error> },
    #[error("`{}` is a database of another program; choose another data directory", path.display())]
    Foreign { path: PathBuf },
    #[error("the disk of the journal `{}` is full: {source}; free some space", path.display())]
    Full { path: PathBuf, source: Arc<rusqlite::Error> },
    #[error("the journal `{}` is locked by another process: {source}; stop the other process or choose another data directory", path.display())]
    Locked { path: PathBuf, source: Arc<rusqlite::Error> },
    #[error("record {seq} of execution `{execution}` is already in the journal; two hosts seem to run the same execution")]
    Duplicate { execution: String, seq: u32 },
    #[error("the journal `{}` failed: {source}", path.display())]
    Database { path: PathBuf, source: Arc<rusqlite::Error> },
    #[error("the address of the journal is not a PostgreSQL URL: {reason}; write it as postgres://user:password@host:5432/database")]
    Address { reason: String },
    #[error("the journal {place} failed: {message}")]
    Server { place: String, message: String, temporary: bool },
    #[error(
        "another host has taken over what this one ran, because its lease in the journal {place} had run out; this host writes nothing any more"
    )]
    Fenced { place: String },
    #[error("the journal takes no more writes: {cause}")]
    Stopped { cause: Box<Error> },
    #[error("the journal is closed")]
    Closed,
}

impl Error {
    /// A stable name, the same in every release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "journal::open",
            Self::Directory { .. } => "journal::directory",
            Self::Newer { .. } => "journal::newer",
            Self::Corrupt { .. } => "journal::corrupt",
            Self::Foreign { .. } => "journal::foreign",
            Self::Full { .. } => "journal::full",
            Self::Locked { .. } => "journal::locked",
            Self::Duplicate { .. } => "journal::duplicate",
            Self::Database { .. } => "journal::database",
            Self::Address { .. } => "journal::address",
            Self::Server { .. } => "journal::server",
            Self::Fenced { .. } => "journal::fenced",
            Self::Stopped { .. } => "journal::stopped",
            Self::Closed => "journal::closed",
        }
    }

    /// What is at the bottom of it.
    pub fn cause(&self) -> &Self {
        match self {
            Self::Stopped { cause } => cause.cause(),
            error => error,
        }
    }

    /// May succeed when tried again, because only the surroundings are at fault.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Locked { .. } | Self::Server { temporary: true, .. })
    }

    #[cfg(feature = "postgres")]
    pub(super) fn postgres(place: &str, error: &tokio_postgres::Error) -> Self {
        // The server's words say more than the library's.
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let (message, temporary) = match error.as_db_error() {
            // Connections, resources, an operator's stop, a conflict of transactions.
            Some(server) => {
                let class = server.code().code().get(..2).unwrap_or_default();
                (server.message().to_owned(), matches!(class, "08" | "40" | "53" | "55" | "57"))
            }
            None => {
                let io = std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
                (format!("{error}{cause}"), error.is_closed() || io)
            }
        };
        Self::Server { place: place.to_owned(), message, temporary }
    }

    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let code = source.sqlite_error_code();
        let extended = source.sqlite_error().map_or(0, |error| error.extended_code);
        let source = Arc::new(source);
        match code {
            Some(ErrorCode::DiskFull) => Self::Full { path, source },
            // A short write is how some file systems and quotas say that they are full.
            Some(ErrorCode::SystemIoFailure) if extended == rusqlite::ffi::SQLITE_IOERR_WRITE => Self::Full { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path, source },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt { path, source },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => Self::Open { path, source },
            _ => Self::Database { path, source },
        }
    }
}
