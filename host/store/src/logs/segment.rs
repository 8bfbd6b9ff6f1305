//! Writing one segment file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};

use super::frame::{HEADER, Header, Kind, LONGEST, MAGIC};
use super::pack::Body;
use super::{Error, FrameReader, Result};

/// The file of one execution. Opened at the first append, closed when too many are open, opened again when needed.
pub(super) struct Segment {
    path: PathBuf,
    file: Option<File>,
    /// Bytes known to be whole; `None` until the file was looked at.
    length: Option<u64>,
    attempts: HashMap<String, u32>,
}

impl Segment {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, length: None, attempts: HashMap::new() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// Opens the file, and cuts what a crash has torn.
    pub(super) fn open(&mut self) -> Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        let failed = |error| Error::write(&self.path, error);
        let file = open_append(&self.path).map_err(failed)?;
        if self.length.is_none() {
            let present = file.metadata().map_err(failed)?.len();
            let mut reader = FrameReader::open(self.path.clone())?;
            while reader.advance()?.is_some() {}
            let whole = if present < MAGIC.len() as u64 { 0 } else { reader.position() };
            if present > whole {
                tracing::warn!(log = %self.path.display(), bytes = present - whole, "a torn tail was cut");
                file.set_len(whole).map_err(failed)?;
            }
            self.attempts = reader.attempts().map(str::to_owned).zip(0..).collect();
            self.length = Some(whole);
        }
        self.file = Some(file);
        Ok(())
    }

    /// The number of an attempt in this file; writes its name when it is new.
    pub(super) fn declare(&mut self, name: &str, time: i64) -> Result<u32> {
        self.open()?;
        if let Some(number) = self.attempts.get(name) {
            return Ok(*number);
        }
        let number = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        self.frames(number, time, Kind::Attempt, Body::plain(name.as_bytes()))?;
        self.attempts.insert(name.to_owned(), number);
        Ok(number)
    }

    /// Writes bytes as one frame, or as several when they are many.
    pub(super) fn append(&mut self, attempt: u32, time: i64, kind: Kind, body: Body<'_>) -> Result<()> {
        self.open()?;
        self.frames(attempt, time, kind, body)
    }

    /// Writes a mark and the bytes that it is about. Longer bytes than one frame holds are marked at their last frame.
    pub(super) fn append_marked(&mut self, attempt: u32, time: i64, kind: Kind, body: Body<'_>, mark: &[u8]) -> Result<()> {
        self.open()?;
        let Body { bytes, packed } = body;
        let (first, last) = bytes.split_at(bytes.len() - bytes.len().min(LONGEST));
        if !first.is_empty() {
            self.frames(attempt, time, kind, Body::plain(first))?;
        }
        let header = |kind, bytes, packed| header(attempt, time, kind, Body { bytes, packed });
        self.write(&[&header(Kind::Mark, mark, false), mark, &header(kind, last, packed), last])
    }

    fn frames(&mut self, attempt: u32, time: i64, kind: Kind, body: Body<'_>) -> Result<()> {
        let Body { bytes: mut rest, packed } = body;
        loop {
            let (piece, more) = rest.split_at(rest.len().min(LONGEST));
            self.write(&[&header(attempt, time, kind, Body { bytes: piece, packed }), piece])?;
            if more.is_empty() {
                return Ok(());
            }
            rest = more;
        }
    }

    fn write(&mut self, pieces: &[&[u8]]) -> Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let length = self.length.unwrap_or_default();
        let magic: &[u8] = if length == 0 { &MAGIC } else { &[] };
        let mut parts = [IoSlice::new(magic); 5];
        let mut written = magic.len();
        for (part, piece) in parts[1..].iter_mut().zip(pieces) {
            *part = IoSlice::new(piece);
            written += piece.len();
        }
        match write_all(file, &mut parts[..=pieces.len()]) {
            Ok(()) => {
                self.length = Some(length + written as u64);
                Ok(())
            }
            Err(error) => {
                // Half a frame would hide all later ones.
                if let Err(error) = file.set_len(length) {
                    tracing::warn!(log = %self.path.display(), %error, "half a frame could not be cut");
                    self.file = None;
                    self.length = None;
                }
                Err(Error::write(&self.path, error))
            }
        }
    }
}

fn header(attempt: u32, time: i64, kind: Kind, body: Body<'_>) -> [u8; HEADER] {
    Header { length: u32::try_from(body.bytes.len()).unwrap_or(u32::MAX), attempt, time, kind, packed: body.packed }.encode()
}

fn open_append(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().append(true).create(true).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)?;
            }
            open()
        }
        result => result,
    }
}

fn write_all(file: &mut File, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    while parts.iter().any(|part| !part.is_empty()) {
        match file.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut parts, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
