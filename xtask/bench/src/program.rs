use std::{
    env,
    ffi::{OsStr, OsString},
    fmt,
    process::{Command, ExitStatus, Output, Stdio},
    time::Instant,
};

use crate::error::{Error, Result};

/// A program with its arguments and environment, to be run many times.
#[derive(Clone)]
pub struct Program {
    words: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl Program {
    pub fn new(name: impl Into<OsString>) -> Self {
        Self { words: vec![name.into()], environment: Vec::new() }
    }

    /// `sh -c` of a script.
    pub fn shell(script: &str) -> Self {
        Self::new("sh").args(["-c", script])
    }

    /// One of the programs in `peers/`: this very binary.
    pub fn peer(name: &str) -> Self {
        Self::own().args(["peer", name])
    }

    /// One of the programs in `parts/`.
    pub fn part(name: &str) -> Self {
        Self::own().args(["part", name])
    }

    fn own() -> Self {
        Self::new(env::current_exe().map_or_else(|_| "switchyard-bench".into(), OsString::from))
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.words.push(argument.as_ref().to_owned());
        self
    }

    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Program::arg)
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// The same program, run by one of our peers.
    pub fn under(&self, peer: &str) -> Self {
        Self { environment: self.environment.clone(), ..Self::peer(peer).args(&self.words) }
    }

    /// Seconds until the program has ended, successfully; what it prints is thrown away.
    pub fn time(&self) -> Result<f64> {
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let begin = Instant::now();
        let status = command.status().map_err(|error| self.cannot_start(&error))?;
        let seconds = begin.elapsed().as_secs_f64();
        self.success(status, "").map(|()| seconds)
    }

    /// Seconds of one run, as the mean of several: for programs that are over in no time.
    pub fn mean_time(&self, runs: u32) -> Result<f64> {
        let total = (0..runs).try_fold(0.0, |total, _| Ok(total + self.time()?))?;
        Ok(total / f64::from(runs))
    }

    /// Its standard output.
    pub fn text(&self) -> Result<String> {
        let output = self.command().output().map_err(|error| self.cannot_start(&error))?;
        self.success(output.status, &tail(&output))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The number on the last line of what it prints.
    pub fn figure(&self) -> Result<f64> {
        let text = self.text()?;
        let last = text.lines().last().unwrap_or_default().trim();
        last.parse().map_err(|_| Error::Run(format!("`{self}` printed {last:?}, which is not a number")))
    }

    /// What it says of itself, in one line.
    pub fn version(&self) -> String {
        let text = self.text().unwrap_or_default();
        text.lines().next().unwrap_or("of this machine").trim().to_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    fn success(&self, status: ExitStatus, said: &str) -> Result<()> {
        if status.success() { Ok(()) } else { Err(Error::Run(format!("`{self}` ended with {status} {said}"))) }
    }

    fn cannot_start(&self, error: &std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::NotFound => Error::Missing(format!("`{}` is not on this machine", self.words[0].display())),
            _ => Error::Run(format!("cannot start `{self}`: {error}")),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.words.iter().map(|word| word.to_string_lossy()).collect();
        formatter.write_str(&words.join(" "))
    }
}

fn tail(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" / ")
}
