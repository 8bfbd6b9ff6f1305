//! Why a file is not used.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One line for people, with a stable code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Such as `plugin::truncated`.
    pub code: String,
    pub reason: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// A file with everything that is known, when that is too long for a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<PathBuf>,
}

impl Refusal {
    pub fn new(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { code: code.into(), reason: reason.into(), help: None, report: None }
    }

    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Reason, remedy and the report's place in one line.
    pub fn line(&self) -> String {
        let help = self.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        let report = self.report.as_ref().map(|path| format!(" (full report: {})", path.display())).unwrap_or_default();
        format!("{}{help}{report}", self.reason)
    }
}
