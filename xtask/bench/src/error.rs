use std::{fmt, io, path::Path};

/// Why something could not be measured.
#[derive(Debug)]
pub enum Error {
    Usage(String),
    File(String),
    /// A program ended badly, or did other work than it should: its time means nothing.
    Run(String),
    /// What the row needs is not on this machine.
    Missing(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn file(action: &str, path: &Path, error: &io::Error) -> Self {
        Self::File(format!("cannot {action} {}: {error}", path.display()))
    }

    pub fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "bench::usage",
            Self::File(_) => "bench::file",
            Self::Run(_) => "bench::run",
            Self::Missing(_) => "bench::missing",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::File(text) | Self::Run(text) | Self::Missing(text) => formatter.write_str(text),
        }
    }
}

impl std::error::Error for Error {}
