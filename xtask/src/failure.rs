use std::fmt;

/// Why a chore stopped: a stable code for people who search, a text for people who read.
#[derive(Debug)]
pub struct Failure {
    code: &'static str,
    text: String,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// A file operation that went wrong: the operating system never says on which path.
    pub fn file(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new("xtask::file", format!("cannot {action} {}: {error}", path.display()))
    }

    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}
