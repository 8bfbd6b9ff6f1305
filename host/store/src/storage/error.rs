use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StorageUri;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why internal storage could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("`{text}` is no URI of internal storage: {reason}; it looks like `kestra:///company/team/file.csv`")]
    Uri { text: String, reason: &'static str },
    #[error("internal storage has no file `{uri}`; it may have been purged with its execution")]
    Missing { uri: StorageUri },
    #[error(
        "internal storage cannot use `{url}`: {reason}; use a directory, or an `s3://`, `gs://` or `az://` URL if this build has that support"
    )]
    Url { url: String, reason: String },
    #[error("internal storage failed with `{uri}`: {source}")]
    Store { uri: StorageUri, source: Arc<object_store::Error> },
    #[error("the file `{}` cannot be read or written: {source}", path.display())]
    File { path: PathBuf, source: Arc<std::io::Error> },
    #[error("{0}")]
    WorkDir(Arc<crate::workdir::Error>),
    #[error("internal storage is shutting down")]
    Closing,
}

impl Error {
    /// A stable name, the same in every release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Uri { .. } => "storage::uri",
            Self::Missing { .. } => "storage::missing",
            Self::Url { .. } => "storage::url",
            Self::Store { .. } => "storage::store",
            Self::File { .. } => "storage::file",
            Self::WorkDir(error) => error.code(),
            Self::Closing => "storage::closing",
        }
    }

    pub(super) fn store(uri: &StorageUri, source: object_store::Error) -> Self {
        let uri = uri.clone();
        match source {
            object_store::Error::NotFound { .. } => Self::Missing { uri },
            source => Self::Store { uri, source: Arc::new(source) },
        }
    }
}

impl From<crate::workdir::Error> for Error {
    fn from(error: crate::workdir::Error) -> Self {
        Self::WorkDir(Arc::new(error))
    }
}

pub(super) fn file_error(path: &Path, source: std::io::Error) -> Error {
    Error::File { path: path.to_path_buf(), source: Arc::new(source) }
}
