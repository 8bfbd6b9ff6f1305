//! PostgreSQL of the tests: a server of its own on a socket, for as long as the chore runs.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    failure::{Failure, Result},
    program::{Program, find_program, is_root},
    step::{note, step},
    workspace::create_folder,
};

/// The user that Debian's package makes; the server refuses to run as root.
const USER: &str = "postgres";
/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A server that answers until this value is dropped.
pub struct Postgres {
    /// Without a database.
    pub url: String,
    control: PathBuf,
    folder: PathBuf,
}

impl Postgres {
    /// `durable`: what is written survives a power cut, as in production.
    pub fn start(durable: bool) -> Result<Self> {
        let control = program("pg_ctl")?;
        let folder = env::temp_dir().join(format!("switchyard-postgres-{}", std::process::id()));
        create_folder(&folder)?;
        let (data, log) = (folder.join("data"), folder.join("log"));
        let shown = folder.display().to_string();
        step("start PostgreSQL", || {
            if is_root() {
                Program::new("chown").arg(USER).arg(&folder).run()?;
            }
            let make = as_user(&program("initdb")?).arg("--pgdata").arg(&data);
            make.args(["--auth", "trust", "--username", USER, "--no-sync", "--encoding", "UTF8"]).text()?;
            let sync = if durable { "on" } else { "off" };
            let options = format!("-k {shown} -c listen_addresses='' -c fsync={sync} -c max_connections=300");
            as_user(&control).arg("--pgdata").arg(&data).arg("--log").arg(&log).args(["--wait", "--options", &options, "start"]).text()
        })?;
        Ok(Self { url: format!("postgres://{USER}@{}", shown.replace('/', "%2F")), control, folder })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        note("ending the PostgreSQL that was started for this");
        let _ = as_user(&self.control).arg("--pgdata").arg(self.folder.join("data")).args(["--mode", "immediate", "stop"]).text();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A program of the newest version.
fn program(name: &str) -> Result<PathBuf> {
    if let Some(found) = find_program(name) {
        return Ok(found);
    }
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path().join("bin").join(name));
    let version = |path: &Path| path.iter().nth(4).and_then(|part| part.to_str()?.parse::<u32>().ok());
    let newest = versions.filter(|path| path.is_file()).max_by_key(|path| version(path));
    newest.ok_or_else(|| Failure::new("xtask::no_postgres", format!("there is no {name} of PostgreSQL")))
}

fn as_user(program: &Path) -> Program {
    if is_root() { Program::new("runuser").args(["-u", USER, "--"]).arg(program) } else { Program::new(program) }
}
