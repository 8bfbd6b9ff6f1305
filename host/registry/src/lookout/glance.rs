//! What the directories look like, without reading a file.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use super::eyes::is_of_interest;
use crate::{file::Stamp, options::Options};

/// Two equal glances mean: nothing has changed that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glance {
    files: BTreeMap<PathBuf, Seen>,
    /// Owner and mode of each directory; absent for one that is not there.
    directories: Vec<Option<(u32, u32)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// Absent when it cannot be looked at, such as a link to nothing.
    stamp: Option<Stamp>,
    empty: bool,
    modified: Option<SystemTime>,
}

impl Glance {
    pub fn at(options: &Options) -> Self {
        let mut files = BTreeMap::new();
        let mut directories = Vec::new();
        for directory in options.directories.iter().map(|directory| &directory.path) {
            directories.push(fs::metadata(directory).ok().map(|facts| (facts.uid(), facts.mode())));
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if is_of_interest(&path) {
                    let facts = fs::metadata(&path).ok();
                    let seen = Seen {
                        stamp: facts.as_ref().map(Stamp::of),
                        empty: facts.as_ref().is_some_and(|facts| facts.is_file() && facts.len() == 0),
                        modified: facts.and_then(|facts| facts.modified().ok()),
                    };
                    files.insert(path, seen);
                }
            }
        }
        Self { files, directories }
    }

    /// Since when there are files without content.
    pub fn empty(&self) -> impl Iterator<Item = Instant> {
        let now = Instant::now();
        let since = move |seen: &Seen| {
            let age = seen.modified.and_then(|time| time.elapsed().ok()).unwrap_or(Duration::ZERO);
            now.checked_sub(age).unwrap_or(now)
        };
        self.files.values().filter(|seen| seen.empty).map(since)
    }
}
