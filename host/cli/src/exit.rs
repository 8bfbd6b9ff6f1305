//! How the program ends.

use std::process::ExitCode;

/// What the caller's shell gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success, also with warnings.
    Success,
    /// The flow or the check failed.
    Failed,
    /// The flow, the arguments or the configuration are invalid.
    Invalid,
    /// Somebody asked to stop.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Invalid => 2,
            Exit::Interrupted => 130,
        })
    }
}
