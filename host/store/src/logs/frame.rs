//! The bytes of a segment file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::pack::unpack;
use super::{Error, Result};

/// How bad a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// A stream of bytes that a task writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// Where bytes came from. Streams are cut into lines by the reader, a message is one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Stdout,
    Stderr,
    Message(Level),
}

impl Source {
    pub fn stream(self) -> Option<Stream> {
        match self {
            Self::Stdout => Some(Stream::Stdout),
            Self::Stderr => Some(Stream::Stderr),
            Self::Message(_) => None,
        }
    }
}

/// First bytes of a segment; the last one counts format changes.
pub(super) const MAGIC: [u8; 8] = *b"SWYDLOG\x02";
/// Before large frames were packed; all else is the same.
pub(super) const UNPACKED: [u8; 8] = *b"SWYDLOG\x01";
pub(super) const HEADER: usize = 24;
/// Longer appends become several frames, so that a reader needs no more memory than this.
pub(super) const LONGEST: usize = 1 << 20;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The bytes are the name of an attempt, whose number follows in all its frames.
    Attempt,
    Bytes(Source),
    /// The attempt ended: a line without an end is complete now.
    End,
    /// How far the attempt's streams had been taken, once the next frame of the attempt is whole.
    Mark,
    /// The same, from now on.
    Settled,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Attempt => 1,
            Self::End => 2,
            Self::Mark => 5,
            Self::Settled => 6,
            Self::Bytes(Source::Stdout) => 3,
            Self::Bytes(Source::Stderr) => 4,
            Self::Bytes(Source::Message(level)) => 16 + level as u8,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Attempt,
            2 => Self::End,
            3 => Self::Bytes(Source::Stdout),
            4 => Self::Bytes(Source::Stderr),
            5 => Self::Mark,
            6 => Self::Settled,
            16 => Self::Bytes(Source::Message(Level::Trace)),
            17 => Self::Bytes(Source::Message(Level::Debug)),
            18 => Self::Bytes(Source::Message(Level::Info)),
            19 => Self::Bytes(Source::Message(Level::Warn)),
            20 => Self::Bytes(Source::Message(Level::Error)),
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) length: u32,
    pub(super) attempt: u32,
    pub(super) time: i64,
    pub(super) kind: Kind,
    /// The bytes are [packed](super::pack).
    pub(super) packed: bool,
}

/// Set in the code of a kind whose bytes are packed.
const PACKED: u8 = 0x80;

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.attempt.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.time.to_le_bytes());
        bytes[16] = self.kind.code() | if self.packed { PACKED } else { 0 };
        let check = checksum(&bytes[..20]);
        bytes[20..24].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// `None` when the bytes are no header: the torn or zeroed end of a segment.
    pub(super) fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if word(20) != checksum(&bytes[..20]) || word(0) as usize > LONGEST {
            return None;
        }
        Some(Self {
            length: word(0),
            attempt: word(4),
            time: i64::from(word(8)) | (i64::from(word(12)) << 32),
            kind: Kind::from_code(bytes[16] & !PACKED)?,
            packed: bytes[16] & PACKED != 0,
        })
    }
}

/// FNV-1a; never zero for zeroed bytes.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// One append as it was made.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Name of the attempt.
    pub attempt: &'a str,
    pub source: Source,
    /// When the bytes arrived, in nanoseconds since 1970.
    pub time: i64,
    pub bytes: &'a [u8],
}

/// Reads the frames of a segment in order. Give it more time when it comes to the end: it goes on where it stopped.
pub struct FrameReader {
    path: PathBuf,
    file: Option<File>,
    /// Where the next frame starts in the file.
    next: u64,
    buffer: Vec<u8>,
    /// Where the buffer's first byte lies in the file.
    buffered_at: u64,
    attempts: Vec<Arc<str>>,
    /// The text of the packed frame that begins here.
    unpacked_at: u64,
    unpacked: Vec<u8>,
}

/// A frame inside the reader's buffer.
pub(super) struct Found {
    pub(super) header: Header,
    pub(super) at: u64,
    start: usize,
}

/// One read; a whole frame always fits.
const WINDOW: usize = 256 * 1024;

impl FrameReader {
    /// A segment that does not exist reads as empty.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let mut reader = Self {
            path,
            file: None,
            next: MAGIC.len() as u64,
            buffer: Vec::new(),
            buffered_at: 0,
            attempts: Vec::new(),
            unpacked_at: 0,
            unpacked: Vec::new(),
        };
        reader.find_file()?;
        Ok(reader)
    }

    /// A reader of the same segment that begins at a frame.
    pub(super) fn again_at(&self, frame: u64) -> Result<Self> {
        let mut reader = Self::open(self.path.clone())?;
        reader.next = frame;
        Ok(reader)
    }

    fn find_file(&mut self) -> Result<bool> {
        if self.file.is_some() {
            return Ok(true);
        }
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::read(&self.path, error)),
        };
        let mut magic = [0; MAGIC.len()];
        match file.read_exact_at(&mut magic, 0) {
            Ok(()) if magic == MAGIC || magic == UNPACKED => {}
            // Being created at this very moment, or torn at its first bytes.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(Error::read(&self.path, error)),
            Ok(()) => {
                return Err(Error::Foreign { path: self.path.clone() });
            }
        }
        self.file = Some(file);
        Ok(true)
    }

    /// Where the next frame starts; [`seek`](Self::seek) goes on from there.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Names of all attempts met so far.
    pub fn attempts(&self) -> impl Iterator<Item = &str> {
        self.attempts.iter().map(|name| &**name)
    }

    /// Goes to a position that [`position`](Self::position) gave. The frames before it are passed over, header by
    /// header, because attempts are named there.
    pub fn seek(&mut self, position: u64) -> Result<()> {
        if position < self.next {
            self.next = MAGIC.len() as u64;
        }
        while self.next < position && self.advance()?.is_some() {}
        Ok(())
    }

    /// The next bytes of a task or message, or `None` at the present end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>> {
        loop {
            let Some(found) = self.advance()? else {
                return Ok(None);
            };
            if let Kind::Bytes(source) = found.header.kind {
                self.load(&found)?;
                return Ok(Some(Frame {
                    attempt: self.attempt(found.header.attempt),
                    source,
                    time: found.header.time,
                    bytes: self.bytes(&found),
                }));
            }
        }
    }

    pub(super) fn attempt(&self, number: u32) -> &str {
        self.attempts.get(number as usize).map_or("", |name| &**name)
    }

    pub(super) fn attempt_name(&self, number: u32) -> Arc<str> {
        self.attempts.get(number as usize).cloned().unwrap_or_default()
    }

    /// Steps over one whole frame and notes the attempt it may name.
    pub(super) fn advance(&mut self) -> Result<Option<Found>> {
        let at = self.next;
        let Some(start) = self.fill(at, HEADER)? else {
            return Ok(None);
        };
        let mut header = [0; HEADER];
        header.copy_from_slice(&self.buffer[start..start + HEADER]);
        let Some(header) = Header::decode(&header) else {
            return Ok(None);
        };
        let end = at + (HEADER as u64) + u64::from(header.length);
        let mut found = Found { header, at, start: start + HEADER };
        if header.kind == Kind::Attempt {
            let length = header.length as usize;
            let Some(start) = self.fill(at + HEADER as u64, length)? else {
                return Ok(None);
            };
            found.start = start;
            let name = String::from_utf8_lossy(&self.buffer[start..start + length]).into();
            let number = header.attempt as usize;
            if number == self.attempts.len() {
                self.attempts.push(name);
            }
        } else if !self.reaches(end)? {
            return Ok(None);
        }
        self.next = end;
        Ok(Some(found))
    }

    /// Makes the bytes of a frame available to [`bytes`](Self::bytes).
    pub(super) fn load(&mut self, found: &Found) -> Result<bool> {
        if found.header.packed && found.at == self.unpacked_at {
            return Ok(true);
        }
        let length = found.header.length as usize;
        let Some(start) = self.fill(found.at + HEADER as u64, length)? else {
            return Ok(false);
        };
        if found.header.packed {
            unpack(&self.buffer[start..start + length], &mut self.unpacked);
            self.unpacked_at = found.at;
        }
        Ok(true)
    }

    /// Only after [`load`](Self::load) of the same frame.
    pub(super) fn bytes(&self, found: &Found) -> &[u8] {
        if found.header.packed {
            return &self.unpacked;
        }
        let start = (found.at + HEADER as u64).saturating_sub(self.buffered_at) as usize;
        self.buffer.get(start..start + found.header.length as usize).unwrap_or_default()
    }

    /// Whether the file is at least this long.
    fn reaches(&mut self, end: u64) -> Result<bool> {
        if end <= self.buffered_at + self.buffer.len() as u64 {
            return Ok(true);
        }
        let Some(file) = &self.file else {
            return Ok(false);
        };
        let length = file.metadata().map_err(|error| Error::read(&self.path, error))?.len();
        Ok(end <= length)
    }

    /// Where in the buffer the `length` bytes at `at` begin, reading them when needed; `None` when the file is shorter.
    fn fill(&mut self, at: u64, length: usize) -> Result<Option<usize>> {
        let buffered_to = self.buffered_at + self.buffer.len() as u64;
        if at < self.buffered_at || at + length as u64 > buffered_to {
            if !self.find_file()? {
                return Ok(None);
            }
            let Some(file) = &self.file else {
                return Ok(None);
            };
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(length.max(WINDOW), 0);
            let mut filled = 0;
            while filled < buffer.len() {
                match file.read_at(&mut buffer[filled..], at + filled as u64) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(Error::read(&self.path, error)),
                }
            }
            buffer.truncate(filled);
            self.buffer = buffer;
            self.buffered_at = at;
            if filled < length {
                return Ok(None);
            }
        }
        Ok(Some((at - self.buffered_at) as usize))
    }
}
