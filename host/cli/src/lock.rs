//! One server for each data directory, or any number of runs.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::MetadataExt,
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use crate::{exit::Exit, failure::Failure};

/// Held as long as the data directory is used.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// For a server, which has the directory for itself.
    pub fn exclusive(data_dir: &Path) -> Result<Self, Failure> {
        Self::take(data_dir, FlockOperation::NonBlockingLockExclusive, "stop it first, or choose another directory with --data-dir")
    }

    /// For a run, which shares the directory with others.
    pub fn shared(data_dir: &Path) -> Result<Self, Failure> {
        Self::take(
            data_dir,
            FlockOperation::NonBlockingLockShared,
            "add `--server` to give the flow to that server, or choose another --data-dir",
        )
    }

    fn take(data_dir: &Path, how: FlockOperation, help: &str) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Failed, "store::data_dir", format!("the data directory {} cannot be used: {error}", data_dir.display()))
                .with_help("choose another one with --data-dir or SWITCHYARD_DATA_DIR")
        };
        fs::create_dir_all(data_dir).map_err(failed)?;
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(data_dir.join("host.lock")).map_err(failed)?;
        match flock(&file, how) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let holders = holders(&file);
                let pids: Vec<String> = holders.iter().map(u32::to_string).collect();
                let who = if pids.is_empty() { "another host".to_owned() } else { format!("another host (pid {})", pids.join(", ")) };
                let message = format!("the data directory {} is in use by {who}", data_dir.display());
                Err(Failure::new(Exit::Failed, "store::in_use", message).with_help(help))
            }
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// The processes that have locked a file.
fn holders(file: &File) -> Vec<u32> {
    let Ok(facts) = file.metadata() else { return Vec::new() };
    let device = facts.dev();
    let named = format!("{:02x}:{:02x}:{}", rustix::fs::major(device), rustix::fs::minor(device), facts.ino());
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut pids: Vec<u32> = locks
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let at = fields.iter().position(|field| *field == named)?;
            fields.get(at.checked_sub(1)?)?.parse().ok()
        })
        .collect();
    pids.dedup();
    pids
}
