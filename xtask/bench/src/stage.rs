use std::{
    fs,
    path::{Path, PathBuf},
    thread::available_parallelism,
};

use serde_json::Value;

use crate::{
    error::{Error, Result},
    flow::WORK,
    program::Program,
    row::Contestant,
};

/// Where measuring happens: the built programs, a folder for flows and plugins, a data directory of its own.
pub struct Stage {
    pub cores: usize,
    release: PathBuf,
    cache: PathBuf,
    folder: PathBuf,
}

impl Stage {
    pub fn new(target: &Path, cache: &Path) -> Result<Self> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Error::file("find", path, &error));
        let target = absolute(target)?;
        let folder = target.join("bench");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| Error::file("clear", &folder, &error))?;
        }
        fs::create_dir_all(&folder).map_err(|error| Error::file("create", &folder, &error))?;
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self { cores, release: target.join("release"), cache: absolute(cache)?, folder })
    }

    /// How many tasks run at a time in the rows about parallelism: enough to hide one process's start behind another's end.
    pub fn width(&self) -> usize {
        self.cores * 2
    }

    pub fn host(&self) -> PathBuf {
        self.release.join("switchyard")
    }

    pub fn cache(&self) -> &Path {
        &self.cache
    }

    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).map_err(|error| Error::file("create", &folder, &error))?;
        Ok(folder)
    }

    /// The folder that every row's host scans unless the row says otherwise: what users get.
    pub fn plugins(&self) -> PathBuf {
        PathBuf::from("plugins-dist")
    }

    pub fn write_flow(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name).with_extension("yaml");
        fs::write(&path, text).map_err(|error| Error::file("write", &path, &error))?;
        Ok(path)
    }

    /// `switchyard run` of a flow: the whole path, with the data directory on disk.
    pub fn run(&self, flow: &Path, plugins: &Path) -> Program {
        self.run_without_journal(flow, plugins).env("SWITCHYARD_DATA_DIR", self.folder.join("data"))
    }

    /// The same with nothing kept: without a data directory there is no journal.
    pub fn run_without_journal(&self, flow: &Path, plugins: &Path) -> Program {
        Program::new(self.host()).arg("run").arg(flow).arg("--plugins").arg(plugins)
    }

    /// Runs the flow once for its result: `count` task runs whose id begins with `work` must have succeeded.
    pub fn expect_successes(&self, flow: &Path, plugins: &Path, count: usize) -> Result<()> {
        let text = self.run(flow, plugins).args(["--output", "json"]).text()?;
        let execution: Value = serde_json::from_str(&text).map_err(|error| Error::Run(format!("the execution is not JSON: {error}")))?;
        let runs = execution["taskRunList"].as_array().map(Vec::as_slice).unwrap_or_default();
        let done = |run: &&Value| run["taskId"].as_str().is_some_and(|id| id.starts_with(WORK)) && run["state"]["current"] == "SUCCESS";
        let successes = runs.iter().filter(done).count();
        if successes == count { Ok(()) } else { Err(Error::Run(format!("{successes} of {count} tasks of {} succeeded", flow.display()))) }
    }

    /// The contestant that runs this flow, after it has once been seen to do all of its work.
    pub fn contestant(&self, flow: &Path, count: usize) -> Result<Contestant> {
        self.expect_successes(flow, &self.plugins(), count)?;
        let program = self.run(flow, &self.plugins());
        Ok(Contestant::new("switchyard run", self.version(), move || program.time()))
    }

    /// A folder of `count` different plugins that are all loadable: one plugin, copied, with its name changed in place.
    pub fn copied_plugins(&self, name: &str, count: usize) -> Result<PathBuf> {
        let folder = self.folder(name)?;
        let shipped = self.plugins();
        let entries = fs::read_dir(&shipped).map_err(|error| Error::file("list", &shipped, &error))?;
        let mut placed = 0;
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "so")) {
            let copy = folder.join(path.file_name().unwrap_or_default());
            fs::copy(&path, &copy).map_err(|error| Error::file("copy", &path, &error))?;
            placed += 1;
        }
        let library = self.release.join("libswitchyard_plugin_misbehave.so");
        let bytes = fs::read(&library).map_err(|error| Error::file("read", &library, &error))?;
        for number in placed..count {
            let copy = folder.join(format!("libcopy{number}.so"));
            fs::write(&copy, renamed(&bytes, number)).map_err(|error| Error::file("write", &copy, &error))?;
        }
        Ok(folder)
    }

    pub fn kernel(&self) -> String {
        Program::new("uname").arg("-sr").version()
    }

    pub fn version(&self) -> String {
        Program::new(self.host()).arg("--version").version()
    }
}

/// The library with another plugin id and another type in it, of the same length, so that nothing else moves.
fn renamed(library: &[u8], number: usize) -> Vec<u8> {
    let mut bytes = library.to_vec();
    for (from, to) in [("misbehav", format!("copy{number:04}")), ("Misbehav", format!("Copy{number:04}"))] {
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from.as_bytes()) {
            at += found;
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            at += from.len();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn a_copy_has_another_name_of_the_same_length() {
        let copy = renamed(b"id: misbehave, types: test.Misbehave test.MisbehavingTask", 7);
        assert_eq!(String::from_utf8_lossy(&copy), "id: copy0007e, types: test.Copy0007e test.Copy0007ingTask");
    }
}
