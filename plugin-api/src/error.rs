//! Errors as data: they cross the boundary as JSON, so a plugin and a host of different compilers understand each other.

use serde::{Deserialize, Serialize};

/// Who has to act on an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// A property is wrong; the author of the flow has to change it. Never retried by itself.
    User,
    /// Something outside is missing or unreachable (engine, cluster, registry). Worth a retry.
    Environment,
    /// The work ran and failed, in a way that an exit code cannot tell.
    Task,
    /// The plugin is broken: it panicked or broke the protocol.
    Plugin,
    /// The host is broken.
    Internal,
    /// The work ended because the host asked for it.
    Cancelled,
}

/// An error with a stable code. `help` says what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Error {
    /// Who has to act.
    pub kind: ErrorKind,
    /// Stable identifier such as `docker::engine_unreachable`.
    pub code: String,
    /// One line, without a trailing full stop, that names the place and the value.
    pub message: String,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The property at fault as a JSON pointer below the component's own properties, such as `/cpu/cpus`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Backtrace of a panic, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<Box<str>>,
}

impl Error {
    /// An error of any kind.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), help: None, property: None, backtrace: None }
    }

    /// A wrong property.
    pub fn user(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::User, code, message)
    }

    /// An unreachable or broken environment; the host may retry.
    pub fn environment(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Environment, code, message)
    }

    /// A failure of the work itself.
    pub fn task(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Task, code, message)
    }

    /// A broken plugin.
    pub fn plugin(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Plugin, code, message)
    }

    /// The work was asked to end and did.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "task::cancelled", "the task was asked to end")
    }

    /// Adds what to try.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names the property at fault, as a JSON pointer.
    #[must_use]
    pub fn at(mut self, property: impl Into<String>) -> Self {
        self.property = Some(property.into());
        self
    }

    /// Whether doing the same again may succeed.
    pub fn retryable(&self) -> bool {
        self.kind == ErrorKind::Environment
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if let Some(property) = &self.property {
            write!(f, " (property {property})")?;
        }
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
