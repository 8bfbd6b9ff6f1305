//! Why a command could not do its work.

use std::{io, path::Path};

use switchyard_model::{Sources, Violations};

use crate::exit::Exit;

/// An error with a code, a remedy and, where a text is at fault, its places.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub exit: Exit,
    pub code: String,
    pub message: String,
    pub help: Option<String>,
    /// Findings in a text; they are shown instead of the message.
    pub findings: Option<Box<(Violations, Sources)>>,
}

impl Failure {
    pub fn new(exit: Exit, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { exit, code: code.into(), message: message.into(), help: None, findings: None }
    }

    /// The caller asked for something that does not exist.
    pub fn usage(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, code, message)
    }

    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What is wrong with texts.
    pub fn findings(violations: Violations, sources: Sources) -> Self {
        let mut failure = Self::usage("cli::invalid", violations.to_string());
        failure.findings = Some(Box::new((violations, sources)));
        failure
    }

    pub fn unreadable(file: &Path, error: &io::Error) -> Self {
        Self::usage("cli::unreadable", format!("{} cannot be read: {error}", file.display()))
            .with_help("check the path and that this user may read the file")
    }

    pub fn output(error: &io::Error) -> Self {
        Self::new(Exit::Failed, "cli::output", format!("the output cannot be written: {error}"))
    }
}

impl From<switchyard_registry::Error> for Failure {
    fn from(error: switchyard_registry::Error) -> Self {
        let mut failure = Self::usage(error.code(), error.to_string());
        failure.help = error.help();
        failure
    }
}

impl From<switchyard_plugin_api::Error> for Failure {
    fn from(error: switchyard_plugin_api::Error) -> Self {
        let exit = if error.kind == switchyard_plugin_api::ErrorKind::User { Exit::Invalid } else { Exit::Failed };
        let mut failure = Self::new(exit, error.code, error.message);
        failure.help = error.help;
        failure
    }
}
