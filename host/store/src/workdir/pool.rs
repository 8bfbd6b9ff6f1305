//! Working directories that are used again while they are empty.

use std::io;
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Mode, OFlags, RawDir};

use super::{Result, WorkDir};

/// Spare directories kept on disk; more tasks than this at a time make and remove their own.
const SPARE: usize = 64;
const PREFIX: &str = "spare-";

/// Gives out working directories below one root. Clones share it.
///
/// Most tasks leave nothing in theirs. A rename costs a fortieth of making and removing a directory on ext4, which searches
/// long for an inode as long as many were freed in the last seconds.
#[derive(Clone, Debug)]
pub struct WorkDirs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// `None` until the spare ones of an earlier process were looked for.
    spare: Mutex<Option<Vec<PathBuf>>>,
    count: AtomicU32,
}

impl WorkDirs {
    /// Nothing is read or made yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner { root: root.into(), spare: Mutex::default(), count: AtomicU32::new(0) }))
    }

    /// Where the directory of an id is or will be.
    pub fn path(&self, id: &str) -> PathBuf {
        self.0.root.join(id)
    }

    /// The directory of an id, which is there already.
    pub fn at(&self, id: &str) -> Result<WorkDir> {
        WorkDir::at(&self.0.root, id)
    }

    /// An empty directory `root/id`. See [`WorkDir::create`].
    pub fn create(&self, id: &str) -> Result<WorkDir> {
        let directory = WorkDir::at(&self.0.root, id)?;
        while let Some(spare) = self.take() {
            // Another process that shares the root may have been faster, or it was removed by hand: then the next one.
            if !directory.path().exists() && std::fs::rename(&spare, directory.path()).is_ok() {
                return Ok(directory);
            }
        }
        WorkDir::create(&self.0.root, id)
    }

    /// Takes a directory back whose task is over; `clean` says that nothing of the task can still be at work in it.
    pub fn release(&self, directory: &WorkDir, clean: bool) -> Result<()> {
        let mut spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spare) = spare.as_mut().filter(|spare| clean && spare.len() < SPARE)
            && untouched(directory).unwrap_or(false)
        {
            let name = format!("{PREFIX}{}-{}", std::process::id(), self.0.count.fetch_add(1, Ordering::Relaxed));
            let path = self.0.root.join(name);
            if std::fs::rename(directory.path(), &path).is_ok() {
                spare.push(path);
                return Ok(());
            }
        }
        drop(spare);
        directory.remove()
    }

    fn take(&self) -> Option<PathBuf> {
        let mut spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.get_or_insert_with(|| self.left()).pop()
    }

    /// Spare directories that an earlier process left.
    fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0.root).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)).map(|entry| entry.path());
        named.filter(|path| untouched(&WorkDir { path: path.clone() }).unwrap_or(false)).take(SPARE).collect()
    }
}

/// Whether it is as [`WorkDir::create`] made it: empty, ours, with the usual mode.
///
/// Read through a buffer on the stack: that of `read_dir` is so large that the allocator tidies up after it, for each task.
fn untouched(directory: &WorkDir) -> io::Result<bool> {
    let opened =
        rustix::fs::open(directory.path(), OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let facts = rustix::fs::fstat(&opened)?;
    if facts.st_uid != rustix::process::geteuid().as_raw() || facts.st_mode & 0o7700 != 0o700 {
        return Ok(false);
    }
    let mut buffer = [MaybeUninit::uninit(); 512];
    let mut entries = RawDir::new(opened, &mut buffer);
    while let Some(entry) = entries.next() {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::workdir::{Error, FileMode};

    #[test]
    fn an_empty_directory_is_used_again_and_nothing_else_is() {
        let root = tempfile::tempdir().unwrap();
        let directories = WorkDirs::new(root.path());
        let inode = |directory: &WorkDir| std::fs::metadata(directory.path()).unwrap().ino();
        let first = directories.create("a").unwrap();
        let kept = inode(&first);
        directories.release(&first, true).unwrap();
        assert!(!first.path().exists());
        let second = directories.create("b").unwrap();
        assert_eq!((inode(&second), second.path()), (kept, &*root.path().join("b")));
        // With a file in it, or with work that may go on, it is removed.
        second.write("x", b"1", FileMode::Plain).unwrap();
        directories.release(&second, true).unwrap();
        let third = directories.create("c").unwrap();
        directories.release(&third, false).unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_later_process_finds_the_spare_ones() {
        let root = tempfile::tempdir().unwrap();
        let directories = WorkDirs::new(root.path());
        let first = directories.create("a").unwrap();
        directories.release(&first, true).unwrap();
        let later = WorkDirs::new(root.path());
        later.create("b").unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_in_use_is_not_taken_over() {
        let root = tempfile::tempdir().unwrap();
        let directories = WorkDirs::new(root.path());
        let spare = directories.create("a").unwrap();
        directories.release(&spare, true).unwrap();
        std::fs::create_dir(root.path().join("b")).unwrap();
        assert!(matches!(directories.create("b"), Err(Error::Create { .. })));
    }
}
