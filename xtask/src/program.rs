use std::{
    env,
    ffi::{OsStr, OsString},
    fmt::Write as _,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use crate::failure::{Failure, Result};

/// Another program, and the line a person would type to run it.
pub struct Program {
    command: Command,
    line: String,
}

impl Program {
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref();
        let mut command = Command::new(name);
        // Service programs live in sbin, which an ordinary user's PATH leaves out.
        command.env("PATH", search_path()).stdin(Stdio::null());
        Self { command, line: Path::new(name).file_name().unwrap_or(name).to_string_lossy().into_owned() }
    }

    pub fn cargo() -> Self {
        Self::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// With the rights of root: directly, or through sudo (which may ask for a password on a terminal).
    pub fn as_root(name: &str) -> Self {
        if is_root() {
            return Self::new(name);
        }
        let mut program = Self::new("sudo");
        program.command.stdin(Stdio::inherit());
        program.arg(name)
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        let _ = write!(self.line, " {}", argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Program::arg)
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Leaves out a variable that we got from whoever started us.
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// One more folder with programs, after the user's own.
    pub fn and_look_in(mut self, folder: &Path) -> Self {
        let mut path = search_path();
        path.push(":");
        path.push(folder);
        self.command.env("PATH", path);
        self
    }

    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub fn input(mut self, input: impl Into<Stdio>) -> Self {
        self.command.stdin(input);
        self
    }

    pub fn output(mut self, output: impl Into<Stdio>, errors: impl Into<Stdio>) -> Self {
        self.command.stdout(output).stderr(errors);
        self
    }

    /// Runs it on our own terminal and wants it to succeed.
    pub fn run(mut self) -> Result<()> {
        let status = self.command.status().map_err(|error| self.cannot_start(&error))?;
        if status.success() { Ok(()) } else { Err(Failure::new("xtask::program_failed", format!("`{}` ended with {status}", self.line))) }
    }

    /// Runs it quietly and gives its standard output; what it printed is in the failure.
    pub fn text(mut self) -> Result<String> {
        let output = self.command.output().map_err(|error| self.cannot_start(&error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Failure::new("xtask::program_failed", format!("`{}` ended with {}\n{}", self.line, output.status, said(&output))))
    }

    /// Runs it quietly and tells whether it worked.
    pub fn succeeds(mut self) -> bool {
        self.command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    pub fn start(mut self) -> Result<Child> {
        self.command.spawn().map_err(|error| self.cannot_start(&error))
    }

    fn cannot_start(&self, error: &std::io::Error) -> Failure {
        Failure::new("xtask::cannot_start", format!("cannot start `{}`: {error}", self.line))
    }
}

/// Where a program of this name is, if anywhere.
pub fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(name)).find(|path| is_executable(path))
}

pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|status| status.uid() == 0)
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|status| status.is_file() && status.permissions().mode() & 0o111 != 0)
}

fn search_path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    for folder in ["/usr/local/sbin", "/usr/sbin", "/sbin"] {
        if !env::split_paths(&path).any(|known| known == Path::new(folder)) {
            path.push(":");
            path.push(folder);
        }
    }
    path
}

fn said(output: &Output) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
