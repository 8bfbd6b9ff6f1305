use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{
    error::{Error, Result},
    flow::{self, Form},
};

/// `restart HOST PLUGINS FOLDER COUNT`: a server in `FOLDER` with `COUNT` running processes is restarted in place. Prints the seconds
/// from its first look for them until all are found; one that is lost or runs twice is an error.
pub fn run(arguments: &[String]) -> Result<()> {
    let [host, plugins, folder, count] = arguments else {
        return Err(Error::Usage("restart HOST PLUGINS FOLDER COUNT".to_owned()));
    };
    let count: usize = count.parse().map_err(|_| Error::Usage(format!("`{count}` is not a number")))?;
    let folder = PathBuf::from(folder);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| Error::file("create", &folder, &error))?;
    let server = Server::start(host.into(), plugins.into(), folder.clone())?;
    let begun = folder.join("begun");
    let flow = folder.join("flow.yaml");
    let text = flow::each("restart", count, 0, Form::Shell, &format!("echo >> {}; exec sleep 3600", begun.display()));
    fs::write(&flow, text).map_err(|error| Error::file("write", &flow, &error))?;
    let id = server.ask(&["run", &flow.display().to_string(), "--server", "--detach"])?.trim().to_owned();
    while fs::read(&begun).map_or(0, |bytes| bytes.len()) < count {
        thread::sleep(Duration::from_millis(20));
    }
    let report: Value = serde_json::from_str(&server.ask(&["restart", "--json"])?).map_err(|error| Error::Run(error.to_string()))?;
    server.ask(&["executions", "kill", &id])?;
    server.ask(&["logs", "--follow", &id])?;
    let number = |name: &str| report["recovery"][name].as_u64().unwrap_or(u64::MAX);
    let counted = ["attempts", "found", "lost", "twice"].map(number);
    if counted != [count as u64, count as u64, 0, 0] {
        return Err(Error::Run(format!("attempts, found, lost, twice: {counted:?} of {count}")));
    }
    println!("{}", number("millis") as f64 / 1e3);
    Ok(())
}

struct Server {
    host: PathBuf,
    plugins: PathBuf,
    folder: PathBuf,
    child: Child,
}

impl Server {
    fn start(host: PathBuf, plugins: PathBuf, folder: PathBuf) -> Result<Self> {
        let mut command = command(&host, &plugins, &folder);
        let child = command.args(["serve", "--slots", "4000"]).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| Error::Run(format!("the server cannot be started: {error}")))?;
        let lines = child.stdout.take().map(BufReader::new);
        let server = Self { host, plugins, folder, child };
        let mut lines = lines.into_iter().flat_map(BufRead::lines).map_while(|line| line.ok());
        if !lines.any(|line| line.contains("serving")) {
            return Err(Error::Run("the server ended".to_owned()));
        }
        // It must not wait for a reader.
        thread::spawn(move || lines.count());
        Ok(server)
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let output = command(&self.host, &self.plugins, &self.folder).args(arguments).output();
        let output = output.map_err(|error| Error::Run(error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::Run(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr))))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn command(host: &Path, plugins: &Path, folder: &Path) -> Command {
    let mut command = Command::new(host);
    command.arg("--plugins").arg(plugins).env("SWITCHYARD_DATA_DIR", folder.join("data")).stdin(Stdio::null());
    command
}
