//! A place for one test: a directory with flows and plugins, a home and a cache of its own.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value as Json;
use tempfile::TempDir;

pub const PROCESS: &str = "io.kestra.plugin.core.runner.Process";
pub const SHELL: &str = "io.kestra.plugin.scripts.shell.Commands";

pub struct Stage {
    folder: TempDir,
}

impl Stage {
    /// With the plugin of the script tasks.
    pub fn new() -> Self {
        let stage = Self::bare();
        stage.bring("scripts");
        stage
    }

    /// Also with the Docker runner.
    pub fn with_docker() -> Self {
        let stage = Self::new();
        stage.bring("docker");
        stage
    }

    /// Without plugins.
    pub fn bare() -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["plugins", "home", "cache"] {
            fs::create_dir(stage.path(folder)).unwrap();
            fs::set_permissions(stage.path(folder), fs::Permissions::from_mode(0o755)).unwrap();
        }
        stage
    }

    /// Takes a plugin from the directory that this test was built into.
    pub fn bring(&self, plugin: &str) -> PathBuf {
        let name = format!("libswitchyard_plugin_{plugin}.so");
        let built = Path::new(env!("CARGO_BIN_EXE_switchyard")).with_file_name(&name);
        let place = self.path("plugins").join(name);
        if let Err(error) = fs::copy(&built, &place) {
            panic!("{}: {error}; build it first: `cargo build --package switchyard-plugin-{plugin}`", built.display());
        }
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A flow of one shell task on a process; the commands are YAML list items.
    pub fn shell(&self, commands: &[&str]) {
        let list: String = commands.iter().map(|command| format!("      - {}\n", Json::from(*command))).collect();
        self.write(
            "flow.yaml",
            format!(
                "id: flow\nnamespace: tests\ntasks:\n  - id: task\n    type: {SHELL}\n    taskRunner:\n      type: {PROCESS}\n    commands:\n{list}"
            ),
        );
    }

    /// The command in this stage's directory, with nothing of the tester's environment but the paths of programs and the engine.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchyard"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        for name in ["PATH", "DOCKER_HOST"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("SWITCHYARD_PLUGINS", self.path("plugins"))
            .env("HOME", self.path("home"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .stdin(Stdio::null());
        command
    }

    pub fn switchyard(&self, arguments: &[&str]) -> Ran {
        self.finish(&mut self.command(arguments))
    }

    pub fn finish(&self, command: &mut Command) -> Ran {
        self.ran(command.output().unwrap())
    }

    pub fn with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        self.ran(child.wait_with_output().unwrap())
    }

    fn ran(&self, output: Output) -> Ran {
        assert_eq!(output.status.signal(), None, "the program was killed");
        Ran {
            code: output.status.code().unwrap(),
            folder: self.folder.path().display().to_string(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What a finished command left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
    folder: String,
}

impl Ran {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let shown: String = self.text().chars().take(4000).collect();
        assert_eq!(self.code, code, "stdout: {shown}\nstderr: {}", self.stderr);
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.text(), self.stderr))
    }

    /// The output without what differs from run to run.
    pub fn shown(&self) -> String {
        self.still(&self.text())
    }

    pub fn errors_shown(&self) -> String {
        self.still(&self.stderr)
    }

    fn still(&self, text: &str) -> String {
        text.replace(&self.folder, "[DIR]")
    }

    /// The texts of the log, without time, level and task.
    pub fn log(&self) -> Vec<String> {
        self.text().lines().filter_map(|line| line.split_once(" | ").map(|(_, text)| text.to_owned())).collect()
    }
}
