//! Reading a recording.

use std::{fmt, fs, io, path::Path};

use serde_json::Value;

use super::{Answer, Bytes, End, Entry, Header, Line, VERSION};
use crate::ComponentKind;

/// A recording, call by call.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What it is of.
    pub header: Header,
    /// Every line after the first, in their order.
    pub lines: Vec<Line>,
    /// Calls in the order in which they began.
    pub calls: Vec<Call>,
    /// Files that were in the working directory when the run began.
    pub files: Vec<File>,
    /// How the attempt ended; absent when the host ended first.
    pub end: Option<End>,
    /// The last line is cut off.
    pub cut: bool,
}

/// One call of a component.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its number, from 1.
    pub number: u64,
    /// Microseconds since the recording began.
    pub at: u64,
    /// Kind of the component.
    pub component: ComponentKind,
    /// Its type.
    pub type_name: String,
    /// The method.
    pub method: String,
    /// The arguments.
    pub payload: Value,
    /// What was said during the call, in order: log, events, services, cancellation.
    pub said: Vec<Line>,
    /// The answer; absent when there was none before the recording ended.
    pub result: Option<Answer>,
}

/// A file of the working directory.
#[derive(Debug, Clone)]
pub struct File {
    /// Relative to the working directory.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Digest of its real content.
    pub sha256: String,
    /// Its content, with masks, where it is recorded.
    pub content: Option<Bytes>,
}

/// Why a file is no recording.
#[derive(Debug)]
pub enum ReadError {
    /// It cannot be read.
    Io(io::Error),
    /// It is something else, or damaged.
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A newer host wrote it.
    Newer(u32),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
            Self::Line { line, reason } => write!(f, "line {line}: {reason}"),
            Self::Newer(version) => {
                write!(f, "it has version {version} of the format, this program knows {VERSION}; replay it with a newer one")
            }
        }
    }
}

impl std::error::Error for ReadError {}

impl Recording {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::parse(&fs::read(path).map_err(ReadError::Io)?)
    }

    /// Reads a text. A last line that is cut off, as a host leaves it that died, is passed over.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split('\n').enumerate();
        let (_, first) = lines.next().unwrap_or_default();
        let first: Value = serde_json::from_str(first)
            .map_err(|_| ReadError::Line { line: 1, reason: "a recording begins with a line of JSON".to_owned() })?;
        if first.get("entry").and_then(Value::as_str) != Some("recording") {
            return Err(ReadError::Line { line: 1, reason: "a recording begins with an entry `recording`".to_owned() });
        }
        let version = first.get("version").and_then(Value::as_u64).unwrap_or_default();
        if version > u64::from(VERSION) {
            return Err(ReadError::Newer(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        let header = serde_json::from_value(first).map_err(|error| ReadError::Line { line: 1, reason: error.to_string() })?;
        let mut recording = Self { header, lines: Vec::new(), calls: Vec::new(), files: Vec::new(), end: None, cut: false };
        while let Some((number, line)) = lines.next() {
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Line>(line) {
                Ok(line) => recording.add(line),
                Err(error) if error.is_eof() && lines.clone().all(|(_, rest)| rest.trim().is_empty()) => recording.cut = true,
                Err(error) => return Err(ReadError::Line { line: number + 1, reason: error.to_string() }),
            }
        }
        Ok(recording)
    }

    fn add(&mut self, line: Line) {
        let of = match &line.entry {
            Entry::Call { call, component, type_name, method, payload } => {
                self.calls.push(Call {
                    number: *call,
                    at: line.at,
                    component: *component,
                    type_name: type_name.clone(),
                    method: method.clone(),
                    payload: payload.clone(),
                    said: Vec::new(),
                    result: None,
                });
                None
            }
            Entry::Reply { call, result } => {
                if let Some(call) = self.calls.iter_mut().find(|known| known.number == *call) {
                    call.result = Some(result.clone());
                }
                None
            }
            Entry::Log { call, .. }
            | Entry::Skipped { call, .. }
            | Entry::Event { call, .. }
            | Entry::Service { call, .. }
            | Entry::Answer { call, .. }
            | Entry::Outside { call, .. }
            | Entry::Cancel { call, .. } => Some(*call),
            Entry::File { path, size, sha256, content } => {
                self.files.push(File { path: path.clone(), size: *size, sha256: sha256.clone(), content: content.clone() });
                None
            }
            Entry::End(end) => {
                self.end = Some(end.clone());
                None
            }
            Entry::Recording(_) | Entry::Unknown => None,
        };
        if let Some(call) = of.and_then(|of| self.calls.iter_mut().find(|known| known.number == of)) {
            call.said.push(line.clone());
        }
        self.lines.push(line);
    }
}
