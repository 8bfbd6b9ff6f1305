//! The file of one recording, and how much goes into it.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use switchyard_plugin_api::{
    LogStream,
    recording::{Bytes, Entry, Line},
};
use switchyard_store::masking::{MaskStream, Masker};

use super::{Record, mask};

/// Of the log bytes beyond the limit so many are kept, the last ones.
const TAIL: usize = 256 << 10;
pub const ENDING: &str = ".recording.jsonl";

/// Takes lines until its limit.
pub struct Film {
    file: File,
    path: PathBuf,
    written: u64,
    limit: u64,
    masker: Masker,
    pub masked: u64,
    logs: BTreeMap<(u64, bool), Log>,
}

/// One stream of one call.
#[derive(Default)]
struct Log {
    mask: Option<MaskStream>,
    skipped: u64,
    tail: VecDeque<Line>,
    size: usize,
}

impl Film {
    /// A new file of this name; the name is made longer when there is one already.
    pub fn open(record: &Record, name: &str, masker: Masker) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&record.dir)?;
        let mut number = 1;
        loop {
            let more = if number == 1 { String::new() } else { format!(".{number}") };
            let path = record.dir.join(format!("{name}{more}{ENDING}"));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok(Self::of(file, path, record.size, masker)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// A file without a limit, in the place of one that is there.
    pub fn create(path: &Path, masker: Masker) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Self::of(file, path.to_owned(), u64::MAX, masker))
    }

    fn of(file: File, path: PathBuf, limit: u64, masker: Masker) -> Self {
        Self { file, path, written: 0, limit, masker, masked: 0, logs: BTreeMap::new() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a line, without its secrets.
    pub fn take(&mut self, mut line: Line) -> io::Result<()> {
        if let Entry::Log { call, stream, bytes, .. } = &mut line.entry {
            let log = self.logs.entry((*call, *stream == LogStream::Stderr)).or_default();
            let shown = log.mask.get_or_insert_with(|| self.masker.stream()).push(&bytes.0).into_owned();
            self.masked += u64::from(shown.len() < bytes.0.len() && shown.windows(6).any(|part| part == b"******"));
            *bytes = Bytes(shown);
            return if bytes.0.is_empty() { Ok(()) } else { self.log(line) };
        }
        if let Entry::Reply { call, .. } = &line.entry {
            self.close(*call, line.at)?;
        }
        self.masked += mask::conceal_entry(&mut line.entry, &self.masker);
        self.write(&line)
    }

    fn log(&mut self, line: Line) -> io::Result<()> {
        let Entry::Log { call, stream, bytes, .. } = &line.entry else { return Ok(()) };
        let log = self.logs.entry((*call, *stream == LogStream::Stderr)).or_default();
        if self.written + (bytes.0.len() as u64) < self.limit && log.tail.is_empty() {
            return self.write(&line);
        }
        log.size += bytes.0.len();
        log.tail.push_back(line);
        while log.size > TAIL && log.tail.len() > 1 {
            let Some(Line { entry: Entry::Log { bytes, .. }, .. }) = log.tail.pop_front() else { break };
            log.size -= bytes.0.len();
            log.skipped += bytes.0.len() as u64;
        }
        Ok(())
    }

    /// What was held back of a call's output.
    fn close(&mut self, call: u64, at: u64) -> io::Result<()> {
        for error in [false, true] {
            let Some(mut log) = self.logs.remove(&(call, error)) else { continue };
            let stream = if error { LogStream::Stderr } else { LogStream::Stdout };
            if log.skipped > 0 {
                let (stdout, stderr) = if error { (0, log.skipped) } else { (log.skipped, 0) };
                self.write(&Line { at, entry: Entry::Skipped { call, stdout, stderr } })?;
            }
            for line in log.tail {
                self.write(&line)?;
            }
            let held = log.mask.as_mut().map(MaskStream::finish).unwrap_or_default();
            if !held.is_empty() {
                self.write(&Line { at, entry: Entry::Log { call, stream, time: 0, bytes: Bytes(held) } })?;
            }
        }
        Ok(())
    }

    /// One write per line: what a crash of the host leaves are whole lines.
    pub fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut json = serde_json::to_vec(line)?;
        json.push(b'\n');
        self.written += json.len() as u64;
        self.file.write_all(&json)
    }

    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Leaves so many recordings in the directory, the newest.
pub fn prune(record: &Record) -> io::Result<()> {
    let mut all = Vec::new();
    for entry in fs::read_dir(&record.dir)?.flatten() {
        if entry.file_name().to_string_lossy().ends_with(ENDING) {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            all.extend(modified.ok().map(|modified| (modified, entry.path())));
        }
    }
    all.sort();
    let many = all.len().saturating_sub(record.keep.max(1));
    for (_, path) in all.into_iter().take(many) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
