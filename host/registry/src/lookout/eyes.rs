//! Which places of the file system are watched, and which of its events matter.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use notify::{
    Event, EventKind, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};

use crate::{scan, trust::Lock};

/// Watches directories that may come and go: each one, and the nearest directory above it that is there.
pub(super) struct Eyes {
    watcher: Option<Box<dyn Watcher + Send>>,
    directories: Vec<PathBuf>,
    watched: BTreeMap<PathBuf, Identity>,
    trouble: Option<String>,
}

/// Device and inode: a name may mean another directory later.
type Identity = (u64, u64);

/// What an event means for a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    Nothing,
    /// Something changed.
    Change,
    /// Somebody writes it and has not closed it.
    Writing(PathBuf),
    /// It is whole again, or gone.
    Settled(PathBuf),
}

impl Eyes {
    pub fn new(watcher: notify::Result<Box<dyn Watcher + Send>>, directories: Vec<PathBuf>) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let directories = directories.into_iter().map(absolute).collect();
        match watcher {
            Ok(watcher) => Self { watcher: Some(watcher), directories, watched: BTreeMap::new(), trouble: None },
            Err(error) => Self { watcher: None, directories, watched: BTreeMap::new(), trouble: Some(error.to_string()) },
        }
    }

    /// Why not everything is watched.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The system has lost events, or does not watch any more.
    pub fn fail(&mut self, error: &notify::Error) {
        self.trouble = Some(error.to_string());
    }

    /// Watches what is there now; `true` when that is something else than before, so that something may have been missed.
    pub fn adjust(&mut self) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let wanted: BTreeSet<PathBuf> = self.directories.iter().flat_map(|directory| places(directory)).collect();
        let gone: Vec<PathBuf> = self.watched.keys().filter(|path| !wanted.contains(*path)).cloned().collect();
        for path in gone {
            self.watched.remove(&path);
            // The system forgets a directory that is gone by itself.
            let _ = watcher.unwatch(&path);
        }
        let mut changed = false;
        let mut trouble = None;
        for path in wanted {
            let Some(identity) = identity(&path) else { continue };
            if self.watched.get(&path) == Some(&identity) {
                continue;
            }
            if self.watched.remove(&path).is_some() {
                let _ = watcher.unwatch(&path);
            }
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path, identity);
                    changed = true;
                }
                Err(error) => trouble = Some(format!("{}: {error}", path.display())),
            }
        }
        self.trouble = trouble;
        changed
    }

    /// What an event says about the directories.
    pub fn judge(&self, event: &Event) -> Sight {
        if event.need_rescan() {
            return Sight::Change;
        }
        let Some(path) = event.paths.iter().find(|path| self.matters(path)) else { return Sight::Nothing };
        let file = || path.clone();
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => {
                Sight::Settled(file())
            }
            // Looking at it, as the checks do, is no change.
            EventKind::Access(_) => Sight::Nothing,
            EventKind::Modify(ModifyKind::Data(_)) => Sight::Writing(file()),
            _ => Sight::Change,
        }
    }

    fn matters(&self, path: &Path) -> bool {
        self.directories.iter().any(|directory| directory.starts_with(path) || path.parent() == Some(directory) && is_of_interest(path))
    }
}

/// What decides about plugins: libraries, their signatures, the lock.
pub(super) fn is_of_interest(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    scan::is_library(path) || name.strip_suffix(".minisig").is_some_and(|name| scan::is_library(Path::new(name))) || Lock::is_name(&name)
}

fn places(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let above = directory.ancestors().skip(1).find(|path| path.is_dir());
    let itself = Some(directory).filter(|path| path.is_dir());
    itself.into_iter().chain(above).map(Path::to_owned)
}

fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|facts| (facts.dev(), facts.ino()))
}
