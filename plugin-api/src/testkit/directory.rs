//! The working directory of one run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

/// A directory that disappears with its value.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

/// A name that no other run on this machine has.
pub(super) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() % 1_000_000_000_000);
    format!("{}-{nanos:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Directory {
    pub fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("switchyard-testkit-{}", unique()));
        fs::create_dir_all(&path).map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        // What a runner reports is compared with this path.
        fs::canonicalize(&path).map(Self).map_err(|error| format!("{} cannot be found: {error}", path.display()))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), String> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| format!("{} cannot be made: {error}", parent.display()))?;
        }
        fs::write(&path, content).map_err(|error| format!("{} cannot be written: {error}", path.display()))
    }

    pub fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(name)).map_err(|error| format!("the file {name:?} did not arrive in the host's working directory: {error}"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is in the system's temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}
