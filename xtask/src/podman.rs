//! Podman of the tests: its service on a socket, with storage of its own, for as long as the chore runs.

use std::{
    env,
    fs::{self, File},
    path::PathBuf,
    process::Child,
    time::{Duration, Instant},
};

use crate::{
    engine::docker,
    failure::{Failure, Result},
    image,
    program::{Program, find_program, is_root},
    step::{note, step},
    workspace::{Workspace, create_folder},
};

const PATIENCE: Duration = Duration::from_secs(30);
/// Registries of the tests speak plain HTTP on these ports; the same in `plugins/docker/tests/engine/registry.rs`.
const REGISTRY_PORTS: std::ops::Range<u16> = 5811..5831;

/// A Podman that answers until this value is dropped.
pub struct Podman {
    pub host: String,
    child: Child,
    runtime: PathBuf,
}

impl Podman {
    pub fn start(workspace: &Workspace, engine: Option<&str>) -> Result<Self> {
        if find_program("podman").is_none() {
            return Err(Failure::new("xtask::no_podman", "there is no podman"));
        }
        if !is_root() {
            return Err(Failure::new("xtask::no_podman", "only root can start a Podman that may set limits on every machine"));
        }
        let podman = step("start Podman", || start(workspace))?;
        image::import_to(workspace, &podman.host, engine)?;
        Ok(podman)
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        note("ending the Podman that was started for this");
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Podman mounts it onto itself, and leaves it so.
        let _ = Program::new("umount").arg(self.runtime.join("data/overlay")).succeeds();
        let _ = fs::remove_dir_all(&self.runtime);
    }
}

fn start(workspace: &Workspace) -> Result<Podman> {
    let kept = workspace.cache.join("podman");
    create_folder(&kept)?;
    let runtime = env::temp_dir().join(format!("switchyard-podman-{}", std::process::id()));
    create_folder(&runtime)?;
    let write = |name: &str, text: String| {
        let path = runtime.join(name);
        fs::write(&path, text).map(|()| path.clone()).map_err(|error| Failure::file("write", &path, &error))
    };
    // Its own defaults ask for more open files than a sandbox allows, and for systemd.
    let settings = write(
        "containers.conf",
        "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n"
            .to_owned(),
    )?;
    let registries: String =
        REGISTRY_PORTS.map(|port| format!("[[registry]]\nlocation = \"127.0.0.1:{port}\"\ninsecure = true\n")).collect();
    let registries = write("registries.conf", format!("unqualified-search-registries = [\"docker.io\"]\n{registries}"))?;
    let log = kept.join("podman.log");
    let file = File::create(&log).map_err(|error| Failure::file("create", &log, &error))?;
    let copy = file.try_clone().map_err(|error| Failure::file("open", &log, &error))?;
    let host = format!("unix://{}", runtime.join("podman.sock").display());
    let child = Program::new("podman")
        .env("CONTAINERS_CONF", settings)
        .env("CONTAINERS_REGISTRIES_CONF", registries)
        // As short-lived as the rest: Podman refuses a storage that it knows from another run directory.
        .arg("--root")
        .arg(runtime.join("data"))
        .arg("--runroot")
        .arg(runtime.join("run"))
        .args(["system", "service", "--time=0", &host])
        // What watches its containers leaves a file here when the kernel kills one.
        .folder(&runtime)
        .output(file, copy)
        .start()?;
    let mut podman = Podman { host, child, runtime };
    let begin = Instant::now();
    loop {
        if docker(Some(&podman.host)).args(["version", "--format", "{{.Server.Version}}"]).text().is_ok() {
            return Ok(podman);
        }
        let ended = matches!(podman.child.try_wait(), Ok(Some(_)));
        if ended || begin.elapsed() > PATIENCE {
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(Failure::new("xtask::no_podman", format!("Podman does not answer: {}", said.lines().last().unwrap_or_default())));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
