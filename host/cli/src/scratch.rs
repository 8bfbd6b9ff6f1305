//! Where a run keeps its files when nobody asked to keep them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::place;

/// The directories of a run. Those that nobody asked for are removed at the end.
pub struct Scratch {
    data: PathBuf,
    work: PathBuf,
    /// Remove the data at the end.
    temporary: bool,
}

impl Scratch {
    pub fn new(data_dir: Option<&Path>) -> Self {
        match data_dir {
            Some(data) => Self { data: data.to_owned(), work: data.join("work"), temporary: false },
            None => {
                let runs = place::cache().join("runs");
                sweep(&runs);
                // Working directories outlive the run: making one costs more than anything else in a short run.
                Self { data: runs.join(std::process::id().to_string()), work: place::cache().join("work"), temporary: true }
            }
        }
    }

    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    pub fn work_dir(&self) -> &Path {
        &self.work
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.temporary {
            // Nothing else may be said here; the next run sweeps what stays.
            let _ = fs::remove_dir_all(&self.data);
        }
    }
}

/// Removes what runs left that were killed.
fn sweep(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let alive = entry.file_name().to_str().is_some_and(|pid| Path::new("/proc").join(pid).exists());
        if !alive {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
