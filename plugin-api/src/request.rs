//! What a runner is asked to run.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which attempt of which task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskRef {
    /// `<execution>-<taskrun>-<attempt>`: the same after a restart of the host. A runner puts it on what it creates and finds it
    /// again by it.
    pub key: String,
    /// Namespace of the flow.
    pub namespace: String,
    /// Id of the flow.
    pub flow_id: String,
    /// Id of the task.
    pub task_id: String,
    /// Id of the execution.
    pub execution_id: String,
    /// Id of the task run.
    pub taskrun_id: String,
    /// Attempts before this one; 0 for the first.
    pub attempt: u32,
    /// The six `kestra.io/*` labels, cut and cleaned as containers and pods need them.
    pub labels: BTreeMap<String, String>,
}

/// Path and line-end style of the place where the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TargetOs {
    /// Slashes and LF.
    Linux,
    /// Backslashes and CR LF.
    Windows,
    /// That of the host.
    #[default]
    Auto,
}

/// The finished command.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Command {
    /// Program and arguments, exactly as they are to be executed.
    pub argv: Vec<String>,
    /// Environment on top of what the place itself sets.
    pub env: BTreeMap<String, String>,
    /// Image reference, for runners that need one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Style of paths and line ends.
    pub target_os: TargetOs,
}

/// The files of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Files {
    /// The host's directory of this task run, absolute. Input files are in it; the host collects output files from it after the run.
    pub working_dir: PathBuf,
    /// Name of the output directory below `working_dir`, when the task asked for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_dir: Option<String>,
    /// Glob patterns of the files the host will collect, relative to `working_dir`.
    pub outputs: Vec<String>,
    /// The directory is shared with other tasks, which expect to see every file this one leaves.
    pub shared: bool,
}

/// Paths as the command sees them; they become `{{ workingDir }}`, `{{ outputDir }}` and `{{ bucketPath }}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Paths {
    /// The working directory.
    pub working_dir: String,
    /// The output directory, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_dir: Option<String>,
    /// The bucket prefix, for runners that move files through one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_path: Option<String>,
}

impl Paths {
    /// The host's own paths: right for every runner whose command sees the same directory.
    pub fn local(files: &Files) -> Self {
        let working_dir = files.working_dir.display().to_string();
        let output_dir = files.output_dir.as_ref().map(|name| format!("{working_dir}/{name}"));
        Self { working_dir, output_dir, bucket_path: None }
    }
}

/// One run, with the runner's own properties of type `P`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRequest<P = Value> {
    /// Which attempt of which task.
    pub task: TaskRef,
    /// The runner's properties, rendered, without `type`.
    pub properties: P,
    /// What the administrator configured for this runner type, or null.
    #[serde(default)]
    pub config: Value,
    /// What to run.
    pub command: Command,
    /// Its files.
    pub files: Files,
    /// The task's own time limit in milliseconds. The host enforces it; a runner may hand it to its platform as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

impl<P> RunRequest<P> {
    /// The task's own time limit.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }

    /// Changes the type of the properties.
    pub fn map<Q, E>(self, convert: impl FnOnce(P) -> Result<Q, E>) -> Result<RunRequest<Q>, E> {
        Ok(RunRequest {
            task: self.task,
            properties: convert(self.properties)?,
            config: self.config,
            command: self.command,
            files: self.files,
            timeout_ms: self.timeout_ms,
        })
    }
}
