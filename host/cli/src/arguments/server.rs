//! What can be said about the server and its executions.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

/// Where a server keeps everything.
#[derive(Debug, Clone, Args)]
pub struct DataDir {
    /// The data directory [usual: `dataDir` of the configuration, else `~/.local/share/switchyard`]
    #[arg(long, value_name = "DIR", env = "SWITCHYARD_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
}

/// Run a server: executions outlive it, and go on when it starts again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard serve --data-dir /var/lib/switchyard --flows flows/
  switchyard run hello.yaml --server --data-dir /var/lib/switchyard
  switchyard restart --data-dir /var/lib/switchyard     load new plugins; running tasks go on

SIGTERM and SIGINT leave running tasks running and end the server, SIGHUP restarts it in place.")]
pub struct Serve {
    #[command(flatten)]
    pub data: DataDir,
    /// Tasks that may run at the same time on this machine [usual: four for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub slots: Option<u16>,
    /// Flows that can be called by Subflow and ForEachItem, or that flow triggers start: files, or directories that are searched
    #[arg(long, value_name = "DIR")]
    pub flows: Vec<PathBuf>,
}

/// Restart the server in place with the plugins that are there now; running tasks go on
#[derive(Debug, Args)]
pub struct Restart {
    #[command(flatten)]
    pub data: DataDir,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// Print the log of an execution
#[derive(Debug, Args)]
pub struct Logs {
    /// The execution
    pub id: String,
    /// Go on until the execution is over
    #[arg(short, long)]
    pub follow: bool,
    #[command(flatten)]
    pub data: DataDir,
}

#[derive(Debug, Subcommand)]
pub enum Triggers {
    /// The triggers, and when those of time fire next
    List {
        /// How they are printed
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: Format,
        #[command(flatten)]
        data: DataDir,
    },
    /// Let a trigger fire again
    Enable {
        /// As `list` prints it
        #[arg(value_name = "NAMESPACE.FLOW/TRIGGER")]
        name: String,
        #[command(flatten)]
        data: DataDir,
    },
    /// Let a trigger fire no more, until it is enabled again; dates in between are not caught up
    Disable {
        /// As `list` prints it
        #[arg(value_name = "NAMESPACE.FLOW/TRIGGER")]
        name: String,
        #[command(flatten)]
        data: DataDir,
    },
}

#[derive(Debug, Subcommand)]
pub enum Executions {
    /// Executions, the newest first
    List {
        /// Of this namespace and those below it
        #[arg(long)]
        namespace: Option<String>,
        /// Of this flow
        #[arg(long, value_name = "ID")]
        flow: Option<String>,
        /// In this state; several are alternatives
        #[arg(long = "state", value_name = "STATE")]
        states: Vec<String>,
        /// So many at most
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// How they are printed
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: Format,
        #[command(flatten)]
        data: DataDir,
    },
    /// One execution with its task runs
    Show {
        id: String,
        /// How it is printed
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: Format,
        #[command(flatten)]
        data: DataDir,
    },
    /// End everything that runs in an execution
    Kill {
        id: String,
        #[command(flatten)]
        data: DataDir,
    },
    /// Let an execution pause: what runs ends, nothing new begins until it is resumed
    Pause {
        id: String,
        #[command(flatten)]
        data: DataDir,
    },
    /// Let an execution go on that is queued, waits for its date, or is paused, whatever the limit of its flow
    ForceRun {
        id: String,
        #[command(flatten)]
        data: DataDir,
    },
    /// Say that an execution that is over, or a task run in it, ended in another state
    ChangeStatus {
        id: String,
        /// SUCCESS, WARNING, FAILED, KILLED or CANCELLED
        state: String,
        /// Of this task run, or the last one of this task; what follows from it happens anew
        #[arg(long, value_name = "ID")]
        task_run: Option<String>,
        #[command(flatten)]
        data: DataDir,
    },
    /// Run again what failed or was killed in an execution that is over; a paused one begins its pause anew
    Restart {
        id: String,
        #[command(flatten)]
        data: DataDir,
    },
    /// Make a new execution of one that is over, with the same inputs
    Replay {
        id: String,
        /// Keep what was done before this task run, or the first one of this task, began
        #[arg(long, value_name = "ID")]
        from: Option<String>,
        #[command(flatten)]
        data: DataDir,
    },
    /// Go on with a paused execution
    Resume {
        id: String,
        /// An input that the Pause task asks for
        #[arg(short, long = "input", value_name = "NAME=VALUE")]
        inputs: Vec<String>,
        #[command(flatten)]
        data: DataDir,
    },
}
