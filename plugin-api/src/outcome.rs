//! What a component answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Why work ended badly when the exit code alone does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    /// A memory limit was hit.
    OutOfMemory,
    /// Killed because the host asked.
    Killed,
    /// Killed by something outside.
    KilledOutside,
    /// The platform took the machine away.
    Evicted,
    /// The platform's own deadline.
    DeadlineExceeded,
}

/// The end of a run. A non-zero exit code is an outcome, not an [`crate::Error`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outcome {
    /// Exit code; `128 + n` for death by signal `n`.
    pub exit_code: i32,
    /// The signal, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Why, when the code alone does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<FailureReason>,
    /// One line for people, such as `memory limit of 512 MiB exceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Facts for `outputs.<task>.taskRunner`, such as the container id.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// The work goes on without the host, which asked to leave it ([`crate::CancelReason::Detach`]).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
}

impl Outcome {
    /// Ended by itself with this code.
    pub fn exited(exit_code: i32) -> Self {
        Self { exit_code, ..Self::default() }
    }

    /// Ended by a signal.
    pub fn signalled(signal: i32) -> Self {
        Self { exit_code: 128 + signal, signal: Some(signal), ..Self::default() }
    }

    /// The host asked to leave the work running.
    pub fn detached() -> Self {
        Self { detached: true, ..Self::default() }
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, reason: FailureReason, message: impl Into<String>) -> Self {
        self.reason = Some(reason);
        self.message = Some(message.into());
        self
    }

    /// Adds a fact for `outputs.<task>.taskRunner`.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.details.insert(name.into(), value.into());
        self
    }
}

/// Answer of [`crate::TaskRunner::attach`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "attached", rename_all = "camelCase")]
pub enum Attached {
    /// The work was found and followed to its end.
    Ended {
        /// How it ended.
        outcome: Outcome,
    },
    /// Nothing of it is left; the host submits again.
    Gone,
}

/// Whether a runner could run something now.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// It could.
    pub ok: bool,
    /// One line, such as `Docker 28.2 at unix:///var/run/docker.sock`, or why not.
    pub message: String,
    /// Facts, such as versions and limits.
    pub facts: Map<String, Value>,
}

/// The object that would be created, as a document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preview {
    /// What it is: `process`, `container`, `pod`, `job`.
    pub kind: String,
    /// The document. Secrets in it are masked by the host.
    pub document: Value,
    /// What the runner will ignore or treat differently, one line each.
    pub notes: Vec<String>,
}

/// A problem that a schema cannot express, found before the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// JSON pointer below the component's properties, such as `/memory/memory`.
    pub property: String,
    /// One line.
    pub message: String,
    /// What to write instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Problem {
    /// A problem with the property at this JSON pointer.
    pub fn new(property: impl Into<String>, message: impl Into<String>) -> Self {
        Self { property: property.into(), message: message.into(), help: None }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
