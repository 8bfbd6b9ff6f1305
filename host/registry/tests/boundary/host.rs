//! A host for one test: a directory of plugins, a cache, and the probe as its process.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use switchyard_plugin_api::{Task, TaskRunner};
use switchyard_plugin_misbehave::{Misbehave, MisbehavingTask};
use switchyard_registry::{Directory, Options, Registry, Status};
use tempfile::TempDir;

pub const RUNNER: &str = <Misbehave as TaskRunner>::TYPE;
pub const TASK: &str = <MisbehavingTask as Task>::TYPE;
pub const RAW: &str = "dev.switchyard.test.Raw";

const PROBE: &str = env!("CARGO_BIN_EXE_registry-probe");

/// Where cargo puts what it builds beside this test.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().join(name)
}

pub fn misbehave() -> PathBuf {
    built("libswitchyard_plugin_misbehave.so")
}

pub fn allocating() -> PathBuf {
    built("../examples/libmimalloc_plugin.so")
}

pub fn raw() -> PathBuf {
    built("../examples/libraw_plugin.so")
}

pub struct Host {
    root: TempDir,
    cache: PathBuf,
    environment: Option<String>,
    apart: Vec<(&'static str, String)>,
}

/// How a call through the probe ended.
#[derive(Debug)]
pub struct Ended {
    pub signal: Option<i32>,
    pub code: Option<i32>,
    pub ok: Option<Value>,
    pub error: Option<Value>,
    pub log_bytes: u64,
    /// An innocent call afterwards succeeded in the same host.
    pub alive: bool,
    pub stderr: String,
}

impl Ended {
    pub fn error_code(&self) -> &str {
        self.error.as_ref().and_then(|error| error["code"].as_str()).unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        self.error.as_ref().and_then(|error| error["message"].as_str()).unwrap_or_default()
    }
}

impl Host {
    /// With a cache of its own.
    pub fn new() -> Self {
        let root = TempDir::new().unwrap();
        let cache = root.path().join("cache");
        let host = Self { root, cache, environment: None, apart: Vec::new() };
        fs::create_dir(host.directory()).unwrap();
        fs::set_permissions(host.directory(), fs::Permissions::from_mode(0o755)).unwrap();
        host
    }

    /// With the cache that all tests of this build share, so that a library is preflighted once.
    pub fn sharing() -> Self {
        let mut host = Self::new();
        host.cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        host
    }

    /// Asks the plugin for a crime while it is loaded in the preflight process.
    pub fn asking_for(mut self, crime: &str) -> Self {
        self.environment = Some(format!("{}={crime}", switchyard_plugin_misbehave::VARIABLE));
        self
    }

    /// Plugins get processes of their own.
    pub fn apart(mut self) -> Self {
        self.apart.push(("PROBE_APART", "1".to_owned()));
        self
    }

    /// With no more memory than this each.
    pub fn starved(mut self, bytes: u64) -> Self {
        self.apart.push(("PROBE_MEMORY", bytes.to_string()));
        self
    }

    pub fn with(self, name: &str, library: &Path) -> Self {
        self.add(name, &fs::read(library).unwrap());
        self
    }

    pub fn directory(&self) -> PathBuf {
        self.root.path().join("plugins")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    pub fn cache(&self) -> &Path {
        &self.cache
    }

    pub fn add(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, bytes).unwrap();
        self.chmod(name, 0o644);
        path
    }

    pub fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.file(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn options(&self) -> Options {
        let mut preflight: Vec<OsString> = Vec::new();
        if let Some(variable) = &self.environment {
            preflight.extend(["/usr/bin/env".into(), variable.into()]);
        }
        preflight.extend([PROBE.into(), "preflight".into()]);
        let mut options = Options::new(&self.cache, preflight).directory(Directory::explicit(self.directory()));
        options.preflight_timeout = Duration::from_secs(60);
        options.record_dir = self.root.path().to_owned();
        options.process = vec![PROBE.into(), "plugin".into()];
        options
    }

    pub fn open(&self) -> Registry {
        Registry::open(self.options(), Vec::new())
    }

    /// The rows of one file.
    pub fn rows(&self, registry: &Registry, name: &str) -> Vec<Status> {
        registry.plugins().into_iter().filter(|row| row.file.as_deref() == Some(&*self.file(name))).collect()
    }

    /// Opens every library in a process of its own; answers the errors of those that failed.
    pub fn open_all(&self, environment: &[(&str, &str)]) -> Vec<Value> {
        let mut command = Command::new(PROBE);
        command.arg("open").arg(self.directory()).arg(&self.cache).envs(environment.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Kills the process (`kill -9`) once its plugin is at work; answers the signal that ended it.
    pub fn kill_while(&self, type_name: &str, properties: Value) -> Option<i32> {
        let mut command = Command::new(PROBE);
        command.arg("run").arg(self.directory()).arg(&self.cache).args([type_name, "run"]).arg(properties.to_string());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // The watchdog names the plugin, so it is at work.
        assert!(lines.any(|line| line.unwrap().contains("plugin=\"misbehave\"")));
        child.kill().unwrap();
        child.wait().unwrap().signal()
    }

    /// One call in a process of its own.
    pub fn call(&self, type_name: &str, method: &str, properties: Value) -> Ended {
        let mut command = Command::new(PROBE);
        command.arg("run").arg(self.directory()).arg(&self.cache).args([type_name, method]).arg(properties.to_string());
        let output = command.env("RUST_BACKTRACE", "0").envs(self.apart.iter().cloned()).output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = |label: &str| -> Option<Value> {
            let line = stdout.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(' '))?;
            serde_json::from_str(line).ok()
        };
        Ended {
            signal: output.status.signal(),
            code: output.status.code(),
            ok: line("ok"),
            error: line("error"),
            log_bytes: line("log").and_then(|log| log["bytes"].as_u64()).unwrap_or_default(),
            alive: line("alive") == Some(Value::Bool(true)),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
