//! Where in a container's log we are. The kubelet puts a time in front of each line, and starts anew only at whole seconds: what was there before has to
//! be passed over by us.

use serde::{Deserialize, Serialize};

/// A place in a log: after `seen` bytes of the lines that were written at `time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Position {
    /// Unix time of the last line, in nanoseconds; 0 at the beginning.
    pub time: i64,
    /// Bytes of lines with exactly this time.
    pub seen: u64,
    /// Bytes of all lines so far.
    pub bytes: u64,
}

/// Output with the time it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Unix time in nanoseconds.
    pub time: i64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A time and its space are never longer than this.
const MOST_OF_A_TIME: usize = 40;
/// Container runtimes cut lines after so many bytes; older kubelets put the time in front of every part.
const PART: usize = 16 * 1024;
const MOST_OF_A_PIECE: usize = 64 * 1024;
/// Lines this close are handed over together.
const CLOSE: i64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Where a time has to stand.
    Start,
    /// In the content of a line, or of a part of one.
    Line { time: i64, length: usize },
    /// Where an older kubelet has the time of the next part of the same line.
    Part { time: i64 },
    /// In a line without a time: the kubelet itself speaks.
    Remark,
}

/// Reads the log as it comes.
#[derive(Debug, Clone)]
pub struct Cursor {
    position: Position,
    /// What still has to be passed over: everything before this place.
    resume: Option<Position>,
    /// Bytes behind the position that the host has already.
    known: u64,
    at: At,
    pending: Vec<u8>,
    remark: Vec<u8>,
    /// The place to resume from has been seen again.
    met: bool,
    /// It has not, and what comes after it has: the log begins later than it did.
    gap: bool,
}

/// What is said of a log that does not go on where it stopped.
pub const GAP: &str = "it goes on after the last line that had arrived, as after a rotation: lines in between may be missing";

impl Cursor {
    /// Goes on from a position; `known` bytes after it need not come again.
    pub fn new(position: Position, known: u64) -> Self {
        Self { position, resume: None, known, at: At::Start, pending: Vec::new(), remark: Vec::new(), met: false, gap: false }
    }

    /// Where it is.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Prepares for a log that begins anew; tells from when on it is needed, in whole seconds of Unix time.
    pub fn rewind(&mut self) -> Option<i64> {
        self.at = At::Start;
        self.pending.clear();
        self.remark.clear();
        self.resume = (self.position.time > 0).then_some(self.position);
        self.met = false;
        self.resume.map(|p| p.time.div_euclid(1_000_000_000))
    }

    /// Takes bytes of the log; puts what is new into `pieces` and what the kubelet remarks into `remarks`.
    pub fn feed(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>, remarks: &mut Vec<String>) {
        if self.pending.is_empty() {
            self.read(bytes, pieces, remarks);
        } else {
            let mut joined = std::mem::take(&mut self.pending);
            joined.extend_from_slice(bytes);
            self.read(&joined, pieces, remarks);
        }
        if std::mem::take(&mut self.gap) {
            remarks.push(GAP.to_owned());
        }
    }

    fn read(&mut self, mut bytes: &[u8], pieces: &mut Vec<Piece>, remarks: &mut Vec<String>) {
        while !bytes.is_empty() {
            match self.at {
                At::Start => match stamp(bytes) {
                    Stamp::Cut => return self.pending.extend_from_slice(bytes),
                    Stamp::Read { time, length } => {
                        self.at = At::Line { time, length: 0 };
                        bytes = &bytes[length..];
                    }
                    Stamp::None => self.at = At::Remark,
                },
                At::Part { time } => match stamp(bytes) {
                    Stamp::Cut => return self.pending.extend_from_slice(bytes),
                    Stamp::Read { time: later, length } if later >= time => {
                        self.at = At::Line { time: later, length: 0 };
                        bytes = &bytes[length..];
                    }
                    Stamp::Read { .. } | Stamp::None => self.at = At::Line { time, length: 0 },
                },
                At::Line { time, length } => {
                    let end = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |p| p + 1);
                    let taken = &bytes[..end.min(PART - length)];
                    bytes = &bytes[taken.len()..];
                    self.at = match length + taken.len() {
                        _ if taken.last() == Some(&b'\n') => At::Start,
                        PART => At::Part { time },
                        length => At::Line { time, length },
                    };
                    self.take(time, taken, pieces);
                }
                At::Remark => {
                    let end = bytes.iter().position(|b| *b == b'\n');
                    let text = &bytes[..end.unwrap_or(bytes.len())];
                    if self.remark.len() < 4096 {
                        self.remark.extend_from_slice(text);
                    }
                    bytes = &bytes[end.map_or(bytes.len(), |e| e + 1)..];
                    if end.is_some() {
                        self.say(remarks);
                        self.at = At::Start;
                    }
                }
            }
        }
    }

    /// The log has ended: what was still undecided.
    pub fn finish(&mut self, pieces: &mut Vec<Piece>, remarks: &mut Vec<String>) {
        let pending = std::mem::take(&mut self.pending);
        match self.at {
            At::Part { time } => self.take(time, &pending, pieces),
            _ => self.remark.extend_from_slice(&pending),
        }
        self.say(remarks);
    }

    fn say(&mut self, remarks: &mut Vec<String>) {
        let text = std::mem::take(&mut self.remark);
        if !text.iter().all(u8::is_ascii_whitespace) {
            remarks.push(String::from_utf8_lossy(&text).trim().to_owned());
        }
    }

    fn take(&mut self, time: i64, mut bytes: &[u8], pieces: &mut Vec<Piece>) {
        if let Some(resume) = &mut self.resume {
            if time < resume.time {
                return;
            }
            if time == resume.time {
                self.met = true;
                let old = usize::try_from(resume.seen).unwrap_or(usize::MAX).min(bytes.len());
                resume.seen -= old as u64;
                bytes = &bytes[old..];
                if bytes.is_empty() {
                    return;
                }
            }
            self.gap |= !self.met;
            // From here on everything is new, also when the node's clock is set back.
            self.resume = None;
        }
        self.position.bytes += bytes.len() as u64;
        if self.position.time == time {
            self.position.seen += bytes.len() as u64;
        } else {
            self.position.time = time;
            self.position.seen = bytes.len() as u64;
        }
        let known = usize::try_from(self.known).unwrap_or(usize::MAX).min(bytes.len());
        self.known -= known as u64;
        let bytes = &bytes[known..];
        if bytes.is_empty() {
            return;
        }
        match pieces.last_mut() {
            Some(last) if (time - last.time).abs() < CLOSE && last.bytes.len() + bytes.len() <= MOST_OF_A_PIECE => {
                last.bytes.extend_from_slice(bytes);
            }
            _ => pieces.push(Piece { time, bytes: bytes.to_vec() }),
        }
    }
}

enum Stamp {
    /// There may be one, but not all of it is here.
    Cut,
    /// There is none.
    None,
    Read {
        time: i64,
        /// Bytes of it, with the space behind it.
        length: usize,
    },
}

/// The time at the beginning: RFC 3339 with nanoseconds, and a space.
fn stamp(bytes: &[u8]) -> Stamp {
    let head = &bytes[..bytes.len().min(MOST_OF_A_TIME)];
    // Most of what is none can be told by its first bytes.
    if !head.iter().zip(b"0000-00-00T").all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form }) {
        return Stamp::None;
    }
    let Some(end) = head.iter().position(|b| matches!(b, b' ' | b'\n')) else {
        return if bytes.len() < MOST_OF_A_TIME { Stamp::Cut } else { Stamp::None };
    };
    let stamp = std::str::from_utf8(&head[..end]).ok().and_then(|t| t.parse::<jiff::Timestamp>().ok());
    match stamp.and_then(|t| i64::try_from(t.as_nanosecond()).ok()) {
        // An empty line may come without the space.
        Some(time) => Stamp::Read { time, length: end + usize::from(head[end] == b' ') },
        None => Stamp::None,
    }
}

#[cfg(test)]
#[path = "cursor_tests.rs"]
mod cursor_tests;
