//! What can be said on the command line.

mod recording;
mod server;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use self::recording::{Replay, ShowRecording};
pub use self::server::{DataDir, Executions, Logs, Restart, Serve, Triggers};
use crate::screen::ColorChoice;

/// Runs flows: each script task goes to the task runner that its `taskRunner.type` names.
#[derive(Debug, Parser)]
#[command(name = "switchyard", version, propagate_version = true, max_term_width = 100, disable_help_subcommand = true, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  switchyard run hello.yaml -i name=you     run a flow, show its log
  switchyard validate flows/                find everything that is wrong with the flows of a directory
  switchyard plugins list                   what is loaded, and why not
  switchyard explain hello.yaml --task greet
                                            where each value of a task came from

Exit codes: 0 success or warning, 1 failed, 2 invalid flow or usage, 130 interrupted.";

#[derive(Debug, Clone, Args)]
pub struct Globals {
    /// A directory of plugins, instead of the usual ones [usual: `plugins` beside the program, `plugins-dist`]
    #[arg(
        long = "plugins",
        value_name = "DIR",
        env = "SWITCHYARD_PLUGINS",
        value_delimiter = ':',
        hide_env_values = true,
        global = true,
        help_heading = "Global options"
    )]
    pub plugins: Vec<PathBuf>,
    /// Keep the journal in this PostgreSQL database, which several hosts may share [usual: in the data directory]
    #[arg(long, value_name = "URL", env = "SWITCHYARD_JOURNAL", hide_env_values = true, global = true, help_heading = "Global options")]
    pub journal: Option<String>,
    /// Use only plugins that `plugins.lock` in their directory pins
    #[arg(long, global = true, help_heading = "Global options")]
    pub locked: bool,
    /// The host's configuration [usual: `switchyard.yaml` in the current directory]
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_CONFIG", hide_env_values = true, global = true, help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = false, global = true, help_heading = "Global options")]
    pub color: ColorChoice,
    /// Tell more: what the host does, DEBUG lines of tasks; twice for everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Global options")]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(Run),
    Validate(Validate),
    Explain(Explain),
    /// The components that flows can use, and the files they come from
    #[command(subcommand)]
    Plugins(Plugins),
    Doctor(Doctor),
    Schema(Schema),
    Expr(Expr),
    Completions(Completions),
    /// Checks behaviours of a plugin, as standard input asks
    #[command(name = "__conformance", hide = true)]
    Conformance,
    Serve(Serve),
    /// Executions of a data directory
    #[command(subcommand)]
    Executions(Executions),
    /// What starts flows by itself: the triggers of the flows of a server
    #[command(subcommand)]
    Triggers(Triggers),
    Logs(Logs),
    Restart(Restart),
    /// Holds the processes of a server
    #[command(name = "__keeper", hide = true)]
    Keeper {
        directory: PathBuf,
        #[arg(long)]
        stay: bool,
    },
    /// Loads a library in a throw-away process and prints its manifest
    #[command(name = "__preflight", hide = true)]
    Preflight {
        file: PathBuf,
    },
    /// Runs a plugin in a process of its own, which speaks with the host over its standard input
    #[command(name = "__plugin", hide = true)]
    Plugin {
        library: PathBuf,
        id: String,
    },
}

/// Run a flow to its end
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard run hello.yaml
  switchyard run etl.yaml -i day=2026-01-31 -i data=@rows.csv
  switchyard run hello.yaml --output json | jq .state.current
  switchyard run parent.yaml --flows flows/ with the flows that it calls, or that listen to it
  switchyard run hello.yaml --dry-run       show what each task runner would be asked to do
  switchyard run etl.yaml --record r --record-failed
                                            keep what the plugins of failed tasks were asked and answered")]
pub struct Run {
    /// The flow; `-` reads it from standard input
    #[arg(value_name = "FLOW")]
    pub flow: PathBuf,
    /// Flows that can be called by Subflow and ForEachItem, or that flow triggers start: files, or directories that are searched
    #[arg(long, value_name = "DIR")]
    pub flows: Vec<PathBuf>,
    /// An input; `name=@path` gives the content of a file
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// A label of the execution
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// What is printed on standard output: the log, or the execution as one JSON document
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
    /// Show each task's merged and rendered configuration, and what its runner would create
    #[arg(long)]
    pub dry_run: bool,
    /// Do not print the log of the tasks
    #[arg(long)]
    pub no_logs: bool,
    /// Tasks that may run at the same time [usual: four for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub slots: Option<u16>,
    /// Files of a folder for a namespace; tasks get them by `namespaceFiles`
    #[arg(long, value_name = "NAMESPACE=DIR")]
    pub namespace_files: Vec<String>,
    /// Give the flow to the server of the data directory, and show its log
    #[arg(long)]
    pub server: bool,
    /// With `--server`: print the execution's id and do not wait for its end
    #[arg(long, requires = "server")]
    pub detach: bool,
    /// Record what crosses the plugin boundary: a file per attempt, for `plugins replay` [usual: what `plugins.record` configures]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["server", "dry_run"])]
    pub record: Option<PathBuf>,
    /// With `--record`: keep recordings of failed attempts only
    #[arg(long, requires = "record")]
    pub record_failed: bool,
    /// With `--record`: keep the content of input files up to this size too, not only their digests
    #[arg(long, value_name = "SIZE", requires = "record")]
    pub record_content: Option<String>,
    /// Keep the journal, logs and files of executions here [usual: nothing is kept]
    #[arg(long, value_name = "DIR", env = "SWITCHYARD_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
}

/// Find everything that is wrong with flows
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard validate flow.yaml
  switchyard validate flows/ --format json")]
pub struct Validate {
    /// Flows, or directories that are searched for `.yaml` and `.yml` files; `-` reads standard input
    #[arg(value_name = "FILE|DIR", required = true)]
    pub paths: Vec<PathBuf>,
    /// How findings are printed
    #[arg(short, long, default_value = "text")]
    pub format: Format,
}

/// Explain an error code, or where a task's configuration comes from
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard explain flow::unknown_property
  switchyard explain hello.yaml --task greet")]
pub struct Explain {
    /// An error code, or a flow
    #[arg(value_name = "CODE|FLOW", required_unless_present = "codes")]
    pub subject: Option<String>,
    /// The task of the flow whose values are explained
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// How the values are printed
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
    /// List every error code
    #[arg(long)]
    pub codes: bool,
}

#[derive(Debug, Subcommand)]
pub enum Plugins {
    /// What is loaded, and why not
    ///
    /// While a server runs on the data directory, it is compared with what that server has: what is active after a restart, what would be
    /// gone.
    List {
        /// One JSON document
        #[arg(long)]
        json: bool,
        /// Also other names of each type, and the host's own tasks and triggers
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        data: DataDir,
    },
    /// Documentation, properties and examples of a type
    Show {
        /// Any of the type's names
        #[arg(value_name = "TYPE")]
        type_name: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Accept the plugins that are there: pin their content in `plugins.lock` of their directory, for `--locked`
    Lock,
    /// End a plugin's quarantine: it runs again where it is configured to
    ///
    /// A plugin that crashed or blocked the host in its own process runs in a process of its own from the next start on, until it
    /// is released.
    Release {
        /// The plugin's id, as `plugins list` shows it
        #[arg(value_name = "PLUGIN")]
        plugin: String,
    },
    Preview(PreviewPlugins),
    /// What each plugin of the server costs: calls, time in them, threads, processor time, memory
    ///
    /// Memory and open files are told of plugins in processes of their own; in the host's process they cannot be told apart.
    Usage {
        /// How it is printed
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: Format,
        #[command(flatten)]
        data: DataDir,
    },
    New(NewPlugin),
    Test(TestPlugin),
    Diff(DiffPlugins),
    Docs(PluginDocs),
    Recording(ShowRecording),
    Replay(Replay),
    /// Take a file through every check that the host makes before it loads a plugin
    Check {
        file: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Write a crate for a task runner of your own
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard plugins new greeter
  switchyard plugins new greeter --type com.example.runner.Greeter --api ../switchyard/plugin-api")]
pub struct NewPlugin {
    /// Short name of the plugin: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where the crate is written [usual: `NAME` in the current directory]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Type name that flows use [usual: `org.example.runner.NAME`]
    #[arg(long = "type", value_name = "TYPE")]
    pub type_name: Option<String>,
    /// The plugin API that it is built against: the path of its sources, a version in the registry, or `bundled` for a copy of the
    /// sources of this host, written beside the crate
    #[arg(long, value_name = "PATH|VERSION|bundled", default_value = "bundled")]
    pub api: String,
}

/// Run the conformance kit on a finished plugin, in processes of its own
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard plugins test libswitchyard_plugin_greeter.so
  switchyard plugins test libswitchyard_plugin_docker.so --image busybox --report docker.md
  switchyard plugins test libx.so --properties cluster.yaml --skip logs.flood=the_network_is_slow

Exit code 1 when a behaviour is missing.")]
pub struct TestPlugin {
    /// The library; not needed with `--list`
    #[arg(value_name = "FILE", required_unless_present = "list")]
    pub file: Option<PathBuf>,
    /// The component's properties, without `type`: of a runner those for running a shell command, of a task any [usual of a task: those
    /// of its first example]
    #[arg(long, value_name = "FILE.yaml")]
    pub properties: Option<PathBuf>,
    /// The task's `containerImage`, for runners that need one; it has to hold a shell
    #[arg(long)]
    pub image: Option<String>,
    /// Only this component of the plugin
    #[arg(long = "type", value_name = "TYPE")]
    pub type_name: Option<String>,
    /// Only these behaviours, or groups of them
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Leave a behaviour out, and say why
    #[arg(long, value_name = "NAME=REASON")]
    pub skip: Vec<String>,
    /// Bytes of output that `logs.flood` writes
    #[arg(long, value_name = "BYTES", default_value_t = 100 << 20)]
    pub flood: u64,
    /// Seconds that one run may take before it counts as hung
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub patience: u64,
    /// Where the report goes; Markdown or JSON by its ending [usual: `FILE.conformance.json` and `.md` beside the library]
    #[arg(long, value_name = "FILE.md|FILE.json")]
    pub report: Vec<PathBuf>,
    /// Write no report
    #[arg(long, conflicts_with = "report")]
    pub no_report: bool,
    /// Print the report as one JSON document
    #[arg(long)]
    pub json: bool,
    /// List the behaviours
    #[arg(long)]
    pub list: bool,
}

/// Say what changes for flows between two builds of a plugin, and which version that asks for
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 0 when the new version number says enough and every flow stays valid, else 1.")]
pub struct DiffPlugins {
    /// The library that is installed
    #[arg(value_name = "OLD.so")]
    pub old: PathBuf,
    /// The library that shall replace it
    #[arg(value_name = "NEW.so")]
    pub new: PathBuf,
    /// Flows, or directories of flows, that are checked with both
    #[arg(long, value_name = "FILE|DIR")]
    pub flows: Vec<PathBuf>,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
}

/// Tell what a restart would do: to types, flows and running tasks
///
/// The directories are compared with what the server of the data directory has loaded; when none runs, with what the last one had. Flows
/// that are checked: those of the server's `--flows`, those of running executions, and those given here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard plugins preview --data-dir /var/lib/switchyard
  switchyard plugins preview --flows flows/ --output json       in a pipeline, before `switchyard restart`

Exit code 0 when nothing breaks. 1 when something would be lost or broken: a type that no plugin brings any more, a new file that is
refused, a flow that is valid now and would not be, a running task that would not be found again. A task that the host does itself, such
as Sleep, begins anew and does not count.
Without a server every flow with an error counts.")]
pub struct PreviewPlugins {
    /// Flows, or directories of flows, that are checked too
    #[arg(long, value_name = "FILE|DIR")]
    pub flows: Vec<PathBuf>,
    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
    #[command(flatten)]
    pub data: DataDir,
}

/// Write a reference of everything that is loaded, as pages that need no network
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  switchyard plugins docs --out reference && xdg-open reference/index.html")]
pub struct PluginDocs {
    /// Where the pages go; made when absent
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Only what plugins bring, without the host's own tasks and triggers
    #[arg(long)]
    pub plugins_only: bool,
}

/// Ask each task runner whether it could run something now
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard doctor                         every runner, with the defaults of the configuration
  switchyard doctor etl.yaml                the runners of a flow, as its tasks have them

Exit code 0 when all of them could, else 1.")]
pub struct Doctor {
    /// A flow whose runners are asked, with their properties; without it all runners are
    #[arg(value_name = "FLOW")]
    pub flow: Option<PathBuf>,
    /// An input of the flow
    #[arg(short, long = "input", value_name = "NAME=VALUE", requires = "flow")]
    pub inputs: Vec<String>,
    /// The namespace whose defaults count
    #[arg(long, value_name = "NAME", default_value = "doctor", conflicts_with = "flow")]
    pub namespace: String,
    /// How answers are printed
    #[arg(short, long, default_value = "text")]
    pub format: Format,
}

/// Print the JSON Schema of flows, made of all loaded components
#[derive(Debug, Args)]
#[command(after_help = "\
Example, for completion in every editor with a YAML language server:
  switchyard schema > flow.schema.json
and as first line of a flow:
  # yaml-language-server: $schema=flow.schema.json")]
pub struct Schema {}

/// Render an expression and print the typed result as JSON
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchyard expr '{{ 1 + 1 }}'
  switchyard expr '{{ inputs.name | upper }}' --vars vars.json")]
pub struct Expr {
    /// The template
    pub template: String,
    /// A JSON object of variables; `-` reads it from standard input
    #[arg(long, value_name = "FILE.json")]
    pub vars: Option<PathBuf>,
    /// The namespace whose keys, files and secrets functions see [usual: `flow.namespace` of the variables]
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Where `kv()`, `read()` and others look, as given to `switchyard run`
    #[arg(long, value_name = "DIR", env = "SWITCHYARD_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
}

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  switchyard completions bash > ~/.local/share/bash-completion/completions/switchyard")]
pub struct Completions {
    pub shell: Shell,
}

/// For people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}
