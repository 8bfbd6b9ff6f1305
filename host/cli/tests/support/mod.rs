//! The built program with the built plugins, in a home of its own.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub mod server;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

/// A folder with a home, a directory of plugins, and flows.
pub struct Home {
    pub folder: TempDir,
}

impl Home {
    /// With the plugins that `cargo xtask test` builds before the tests.
    pub fn new(plugins: &[&str]) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(home.plugins()).unwrap();
        fs::set_permissions(home.plugins(), fs::Permissions::from_mode(0o755)).unwrap();
        for plugin in plugins {
            let name = format!("libswitchyard_plugin_{plugin}.so");
            let built = Path::new(env!("CARGO_BIN_EXE_switchyard")).with_file_name(&name);
            assert!(built.is_file(), "{} is missing; `cargo build --workspace --lib` makes it", built.display());
            fs::copy(built, home.plugins().join(&name)).unwrap();
            fs::set_permissions(home.plugins().join(&name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        home
    }

    pub fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchyard"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .env("SWITCHYARD_PLUGINS", self.plugins())
            .env_remove("SWITCHYARD_DATA_DIR")
            .env_remove("SWITCHYARD_CONFIG")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    /// Runs a flow given as text.
    pub fn flow(&self, yaml: &str, arguments: &[&str]) -> Ran {
        self.file("flow.yaml", yaml);
        self.run(&[&["run", "flow.yaml"], arguments].concat())
    }
}

pub struct Ran(pub Output);

impl Ran {
    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// Log lines without time, level and task.
    pub fn said(&self) -> Vec<String> {
        self.stdout().lines().map(|line| line.split_once(" | ").map_or(line, |(_, said)| said).to_owned()).collect()
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "stdout:\n{}\nstderr:\n{}", self.stdout(), self.stderr());
        self
    }
}

/// A run that is watched while it goes on.
pub struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits for a line with this text.
    pub fn until(&mut self, text: &str) -> String {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            if line.contains(text) {
                return line;
            }
            line.clear();
        }
        panic!("the program ended without saying {text:?}");
    }

    /// Waits for a line with this text on standard error.
    pub fn until_error(&mut self, text: &str) {
        let mut said = Vec::new();
        let mut byte = [0];
        let errors = self.child.stderr.as_mut().unwrap();
        while !String::from_utf8_lossy(&said).lines().any(|line| line.contains(text)) {
            assert_eq!(errors.read(&mut byte).unwrap(), 1, "the program ended without saying {text:?}");
            said.push(byte[0]);
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Exit code and what was said on standard error.
    pub fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).unwrap();
        let output = self.child.wait_with_output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A flow with one shell task on the process runner.
pub fn shell(commands: &str) -> String {
    format!(
        "id: t\nnamespace: a.b\ntasks:\n  - id: x\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner:\n      type: io.kestra.plugin.core.runner.Process\n    commands: {commands}\n"
    )
}
