//! Recordings on the command line.

use std::path::PathBuf;

use clap::Args;

/// Show a recording: what a task's plugins were asked, what they said, when
///
/// Recordings are made by `switchyard run --record DIR` and by servers whose `switchyard.yaml` says `plugins: {record: DIR}`.
#[derive(Debug, Args)]
pub struct ShowRecording {
    /// A recording, or a directory of them
    #[arg(value_name = "FILE|DIR")]
    pub path: PathBuf,
    /// Do not shorten what was said
    #[arg(long)]
    pub full: bool,
}

/// Make the calls of a recording again, of another build of the plugin, and say what differs
///
/// The host's services answer what they answered then. `paths`, `plan`, `preview`, and runs that did everything through the host are made
/// offline. Other runs need the system that the runner speaks to: they are left out, unless `--real` says that they may happen.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard plugins replay failed.recording.jsonl --plugin target/release/libswitchyard_plugin_greeter.so
  switchyard plugins replay recordings/ --plugin new.so --json        all of a directory, in a pipeline
  switchyard plugins replay failed.recording.jsonl --real --set /command/env/TOKEN=secret
  switchyard plugins replay failed.recording.jsonl --plugin mended.so --write mended.recording.jsonl

Exit code 0 when everything that could be made was as recorded, 1 when something differs or nothing could be made.")]
pub struct Replay {
    /// Recordings, or directories of them
    #[arg(value_name = "FILE|DIR", required = true)]
    pub paths: Vec<PathBuf>,
    /// The build that is asked [usual: the plugins that are installed]
    #[arg(long, value_name = "NEW.so")]
    pub plugin: Option<PathBuf>,
    /// Runs that need a system outside happen, on the real one: with the recorded command, its files and its effects
    #[arg(long)]
    pub real: bool,
    /// A value in the arguments of runs, by JSON pointer, for what is masked in the recording
    #[arg(long, value_name = "POINTER=VALUE")]
    pub set: Vec<String>,
    /// Where input files are, when the recording holds only their digests
    #[arg(long, value_name = "DIR")]
    pub files: Option<PathBuf>,
    /// Do not compare this part: answer, logs, phases, checkpoints, events, services, outside
    #[arg(long, value_name = "PART")]
    pub ignore: Vec<String>,
    /// Where the plugin runs: in-process, subprocess (a crash is then a difference, and not the end)
    #[arg(long, value_name = "MODE", default_value = "subprocess")]
    pub isolation: String,
    /// Seconds that one call may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub patience: u64,
    /// Record what happens now; the file can take the place of the recording when it is what should happen
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}
