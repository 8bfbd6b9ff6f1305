//! How a registry finds and treats plugins.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use crate::{isolation::Rules, trust::Policy};

/// One directory of plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    pub path: PathBuf,
    /// Somebody named it, so its absence is worth a line.
    pub explicit: bool,
}

impl Directory {
    /// One that somebody named.
    pub fn explicit(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), explicit: true }
    }

    /// One that is looked into when it is there.
    pub fn default_place(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), explicit: false }
    }
}

/// Whose files may become part of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Directories and files of the host's user or root, writable by their owner only.
    #[default]
    Owner,
    /// Every readable file. For single-user sandboxes whose file system knows no owners.
    Anyone,
}

#[derive(Debug, Clone)]
pub struct Options {
    /// Scanned in this order; sub-directories are not.
    pub directories: Vec<Directory>,
    /// Holds private copies, verdicts and reports; made when absent, with mode 0700.
    pub cache_dir: PathBuf,
    /// Holds what is known about plugins that harmed the host.
    pub record_dir: PathBuf,
    /// Program and leading arguments of the throw-away process that loads a new library first; the library's path is added.
    /// It must end in [`crate::preflight_main`].
    pub preflight: Vec<OsString>,
    pub preflight_timeout: Duration,
    /// Program and leading arguments of the process of a plugin that runs apart from the host; the library's path and the plugin's id
    /// are added. It must end in [`crate::process_main`].
    pub process: Vec<OsString>,
    /// Which plugins run apart from the host.
    pub isolation: Rules,
    pub trust: Trust,
    /// Which of them are used.
    pub policy: Policy,
    /// Writes `NAME.so.status.json` beside each library where that is possible.
    pub write_status: bool,
    /// It stays and looks after the directories: commands leave what it has written beside the libraries.
    pub serves: bool,
    /// A synchronous call into a plugin, or one poll of its future, that takes longer is named.
    pub slow_call: Duration,
    /// A plugin whose own runtime does not answer for so long while it has work is named; one that blocks a thread of the host for so
    /// long gets a process of its own at the next start.
    pub unresponsive_after: Duration,
    /// Threads that poll the futures of plugins.
    pub pool_threads: usize,
}

impl Options {
    pub fn new(cache_dir: impl Into<PathBuf>, preflight: Vec<OsString>) -> Self {
        let cache_dir = cache_dir.into();
        Self {
            directories: Vec::new(),
            record_dir: cache_dir.clone(),
            cache_dir,
            preflight,
            preflight_timeout: Duration::from_secs(10),
            process: Vec::new(),
            isolation: Rules::default(),
            trust: Trust::default(),
            policy: Policy::default(),
            write_status: true,
            serves: false,
            slow_call: Duration::from_secs(1),
            unresponsive_after: Duration::from_secs(5),
            pool_threads: std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)),
        }
    }

    #[must_use]
    pub fn directory(mut self, directory: Directory) -> Self {
        self.directories.push(directory);
        self
    }
}
