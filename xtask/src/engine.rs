//! The Docker engine of the tests: the one that answers, else our own for as long as the chore runs.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Child,
    time::{Duration, Instant},
};

use crate::{
    failure::{Failure, Result},
    program::{Program, find_program, is_root},
    step::{note, step, warning},
    workspace::{Workspace, create_folder},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// An engine that answers. One that we started ends with this value.
pub struct Engine {
    /// Where it listens when it is ours; otherwise the user's environment already says it.
    pub host: Option<String>,
    daemon: Option<Daemon>,
}

struct Daemon {
    child: Child,
    pid_file: PathBuf,
    runtime: PathBuf,
}

impl Engine {
    pub fn find_or_start(workspace: &Workspace) -> Result<Self> {
        if let Some(version) = answer(None) {
            note(&format!("Docker engine {version} answers"));
            return Ok(Self { host: None, daemon: None });
        }
        if find_program("dockerd").is_none() {
            return Err(Failure::new("xtask::no_engine", "no Docker engine answers, and there is no dockerd to start one"));
        }
        step("start a Docker engine", || start(workspace))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            note("ending the Docker engine that was started for this");
            daemon.end();
        }
    }
}

impl Daemon {
    /// dockerd's own pid comes from its pid file: through sudo, our child is sudo.
    fn end(&mut self) {
        let pid = fs::read_to_string(&self.pid_file).unwrap_or_else(|_| self.child.id().to_string());
        if !Program::as_root("kill").args(["-TERM", pid.trim()]).succeeds() {
            warning(&format!("the Docker engine with process id {} could not be ended", pid.trim()));
            return;
        }
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.runtime);
    }
}

/// The docker command, speaking to `host` or to whatever the environment says.
pub fn docker(host: Option<&str>) -> Program {
    let program = Program::new("docker");
    match host {
        Some(host) => program.env("DOCKER_HOST", host),
        None => program,
    }
}

fn answer(host: Option<&str>) -> Option<String> {
    find_program("docker")?;
    let version = docker(host).args(["version", "--format", "{{.Server.Version}}"]).text().ok()?;
    Some(version.trim().to_owned()).filter(|version| !version.is_empty())
}

fn start(workspace: &Workspace) -> Result<Engine> {
    let kept = workspace.cache.join("docker");
    create_folder(&kept)?;
    // Socket paths may have 107 bytes, so they stay out of a home directory of unknown depth.
    let runtime = env::temp_dir().join(format!("switchyard-docker-{}", std::process::id()));
    create_folder(&runtime)?;
    let log = kept.join("dockerd.log");
    let file = File::create(&log).map_err(|error| Failure::file("create", &log, &error))?;
    let copy = file.try_clone().map_err(|error| Failure::file("open", &log, &error))?;
    let host = format!("unix://{}", runtime.join("docker.sock").display());
    let pid_file = runtime.join("docker.pid");
    let mut program = Program::as_root("dockerd").args(["--host", &host, "--data-root"]).arg(kept.join("data"));
    program = program.arg("--exec-root").arg(runtime.join("exec")).arg("--pidfile").arg(&pid_file);
    if !is_root() {
        program = program.args(["--group", &group()?]);
    }
    let mut daemon = Daemon { child: program.output(file, copy).start()?, pid_file, runtime };
    let begin = Instant::now();
    loop {
        if let Some(version) = answer(Some(&host)) {
            note(&format!("Docker engine {version} listens on {host}"));
            return Ok(Engine { host: Some(host), daemon: Some(daemon) });
        }
        if let Ok(Some(status)) = daemon.child.try_wait() {
            return Err(Failure::new("xtask::no_engine", format!("dockerd ended with {status}:\n{}", tail(&log))));
        }
        if begin.elapsed() > PATIENCE {
            daemon.end();
            return Err(Failure::new(
                "xtask::no_engine",
                format!("dockerd did not answer within {} s:\n{}", PATIENCE.as_secs(), tail(&log)),
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The engine's socket is given to our own group, so that the tests need no root.
fn group() -> Result<String> {
    Ok(Program::new("id").arg("-gn").text()?.trim().to_owned())
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
