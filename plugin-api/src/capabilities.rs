//! What a runner can do, declared so that a flow can be checked before it runs.

use serde::{Deserialize, Serialize};

/// Where the work runs, seen from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// On the host's machine, with the host's paths.
    #[default]
    Local,
    /// In a container on an engine near the host.
    Container,
    /// On another system; files travel.
    Remote,
}

/// What a runner does with the task's `containerImage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Image {
    /// It has no use for one.
    #[default]
    Ignored,
    /// It cannot run without one.
    Required,
}

/// How a runner moves files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileStrategy {
    /// The command sees the host's directory itself.
    Shared,
    /// Files are copied in and out.
    Copied,
    /// Files travel through a bucket.
    Bucket,
}

/// Whether standard output and error can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum LogStreams {
    /// Both streams arrive apart.
    #[default]
    Separate,
    /// Everything arrives as standard output.
    Merged,
}

/// Declared abilities of a task runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Capabilities {
    /// Where the work runs.
    pub placement: Placement,
    /// What happens to `containerImage`.
    pub image: Image,
    /// [`crate::TaskRunner::attach`] finds running work again after a restart of the host.
    pub reattach: bool,
    /// A cancelled task gets a signal and the grace period before it is killed.
    pub graceful_stop: bool,
    /// `cpu` and `memory` limits are enforced.
    pub limits: bool,
    /// [`crate::TaskRunner::preview`] shows the object that would be created.
    pub preview: bool,
    /// How files move; the first is the default.
    pub file_strategies: Vec<FileStrategy>,
    /// Whether standard output and error can be told apart.
    pub log_streams: LogStreams,
}
