//! The cache directory: private copies of libraries, verdicts about them, long reports.
//!
//! Everything is named by content hash and written by renaming, so several hosts may share it and a broken entry is only redone.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    file::{self, Stamp},
    options::Trust,
    refusal::Refusal,
};

const LIBRARIES: &str = "libraries";
const VERDICTS: &str = "verdicts";
const REPORTS: &str = "reports";
/// Names what hosts that run may still need; the entries themselves are recognised by their times.
const USED: &str = "used";
/// How long entries stay that nothing refers to any more.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Debug, Clone)]
pub(crate) struct Cache {
    root: PathBuf,
    /// Names this build of the host: verdicts of another one do not count.
    host: String,
}

impl Cache {
    /// Makes the directory when needed. It holds what the host will load, so nobody else may write there.
    pub fn open(root: &Path, trust: Trust) -> Result<Self, Refusal> {
        let failed = |e: io::Error| {
            Refusal::new("plugin::no_cache", format!("the cache directory {} cannot be used: {e}", root.display()))
                .with_help("name a writable directory for it")
        };
        for name in [LIBRARIES, VERDICTS, REPORTS, USED] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(root.join(name)).map_err(failed)?;
        }
        let root = root.canonicalize().map_err(failed)?;
        for directory in [&root, &root.join(LIBRARIES), &root.join(VERDICTS)] {
            let metadata = fs::metadata(directory).map_err(failed)?;
            file::examine_owner(&metadata, trust).map_err(|refusal| {
                Refusal::new("plugin::unsafe_cache", format!("the cache directory {} is not safe: {}", directory.display(), refusal.reason))
                    .with_help(refusal.help.unwrap_or_default())
            })?;
        }
        // Not by its path: the program may have been replaced since it began.
        let host = Stamp::at(Path::new("/proc/self/exe")).map_err(failed)?;
        let host = hash(format!("{} {}", host.name(), switchyard_plugin_api::API_VERSION).as_bytes())[..16].to_owned();
        Ok(Self { root, host })
    }

    pub fn library(&self, hash: &str) -> PathBuf {
        self.root.join(LIBRARIES).join(format!("{hash}.so"))
    }

    /// The private copy of a library's bytes. One that is there already is checked, not trusted.
    pub fn store_library(&self, hash: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.library(hash);
        if fs::read(&path).is_ok_and(|present| present == bytes) {
            return Ok(path);
        }
        write(&path, bytes, 0o500)?;
        Ok(path)
    }

    pub fn write_report(&self, hash: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.root.join(REPORTS).join(format!("{hash}.txt"));
        write(&path, text.as_bytes(), 0o600)?;
        Ok(path)
    }

    pub fn read_verdict<T: DeserializeOwned>(&self, hash: &str) -> Option<T> {
        read_json(&self.verdict(hash))
    }

    pub fn write_verdict(&self, hash: &str, verdict: &impl Serialize) {
        write_json(&self.verdict(hash), verdict);
    }

    pub fn read_index<T: DeserializeOwned>(&self) -> Option<T> {
        read_json(&self.index())
    }

    pub fn write_index(&self, index: &impl Serialize) {
        write_json(&self.index(), index);
    }

    /// A host that runs may need this content for longer.
    pub fn mark_used(&self, hash: &str) {
        let path = self.root.join(USED).join(hash);
        let marked = fs::OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&path);
        if let Err(error) = marked.and_then(|file| file.set_modified(SystemTime::now())) {
            tracing::warn!(path = %path.display(), %error, "the cache cannot be told that a plugin is in use");
        }
    }

    /// Removes what nothing refers to, no host that runs may need, and nobody has touched for long.
    pub fn prune(&self, used: &[&str]) {
        let now = SystemTime::now();
        let is_old = |entry: &fs::DirEntry| {
            let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
            modified.and_then(|time| now.duration_since(time).ok()).is_some_and(|age| age > KEPT)
        };
        let marks = fs::read_dir(self.root.join(USED)).into_iter().flatten().flatten().filter(|mark| !is_old(mark));
        let marks: Vec<String> = marks.map(|mark| mark.file_name().to_string_lossy().into_owned()).collect();
        for directory in [LIBRARIES, VERDICTS, REPORTS, USED] {
            for entry in fs::read_dir(self.root.join(directory)).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let names = used.iter().copied().chain(marks.iter().map(String::as_str));
                let kept = names.into_iter().any(|hash| name.to_string_lossy().starts_with(hash));
                if !kept && is_old(&entry) {
                    // Somebody else may have removed it: that is what was wanted.
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    fn verdict(&self, hash: &str) -> PathBuf {
        self.root.join(VERDICTS).join(format!("{hash}-{}.json", self.host))
    }

    fn index(&self) -> PathBuf {
        self.root.join(format!("index-{}.json", self.host))
    }
}

/// SHA-256 as hexadecimal text.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text
}

/// Writes beside the target and renames: a reader sees the old content or the new one.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let unique = format!("{}.{}.new", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{unique}"));
    let temporary = path.with_file_name(name);
    let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(mode))
    });
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    renamed
}

/// A cache entry that cannot be read is one that is not there.
fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// A cache that cannot be written costs time at the next start, nothing else.
fn write_json(path: &Path, value: &impl Serialize) {
    let written = serde_json::to_vec(value).map_err(io::Error::from).and_then(|json| write(path, &json, 0o600));
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "a cache entry cannot be written");
    }
}
