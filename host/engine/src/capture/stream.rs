//! One stream of a task: finds its lines without copying them, and the few among them that are not text.

use memchr::{memchr2, memmem::Finder, memrchr2};
use switchyard_plugin_api::{
    Level, LogStream,
    script::{DEBUG_MARK, INFO_MARK},
};

use super::{Spot, frame};

/// The longest line that can be a frame.
pub(super) const LONGEST_FRAME: usize = 64 * 1024 * 1024;
/// Lines are kept whole up to this length, longer ones pass in pieces.
pub(super) const LONGEST_LINE: usize = 64 * 1024;
/// What a buffer may keep when it is empty.
const SPARE: usize = 64 * 1024;
/// What both marks begin with.
const MARK: &[u8] = b"##kestra:log:";
/// The first mark is printed by the first command of all; an image that greets may come before it. It is not looked for in the
/// gigabytes that may follow.
const EARLY: u64 = 1024 * 1024;

/// A part of a stream.
#[derive(Debug, PartialEq)]
pub(super) enum Part<'a> {
    /// Text at its level.
    Text(Level, &'a [u8]),
    /// The JSON text of a frame.
    Frame(&'a [u8]),
}

enum Special<'a> {
    Frame(&'a [u8]),
    Mark(Level),
}

#[derive(Debug)]
pub(super) struct Stream {
    own: Level,
    level: Level,
    /// The beginning of a line, or a CR that may become CR LF.
    partial: Vec<u8>,
    /// The beginning of the current line has been passed on as text.
    inside: bool,
    /// Bytes taken so far, without `partial`.
    taken: u64,
    frames: Finder<'static>,
    /// Only standard output can switch its level.
    marks: Option<Finder<'static>>,
    longest_frame: usize,
    longest_line: usize,
}

impl Stream {
    pub(super) fn new(stream: LogStream) -> Self {
        Self::with_limits(stream, LONGEST_FRAME, LONGEST_LINE)
    }

    pub(super) fn with_limits(stream: LogStream, longest_frame: usize, longest_line: usize) -> Self {
        let (own, marks) = match stream {
            LogStream::Stdout => (Level::Info, Some(Finder::new(MARK))),
            LogStream::Stderr => (Level::Error, None),
        };
        let frames = Finder::new(frame::BEGIN);
        Self { own, level: own, partial: Vec::new(), inside: false, taken: 0, frames, marks, longest_frame, longest_line }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8], emit: &mut impl FnMut(Part<'_>, u64)) {
        let mut rest = bytes;
        if !self.partial.is_empty() {
            match self.line_end(rest) {
                Some(end) => {
                    self.partial.extend_from_slice(&rest[..end]);
                    rest = &rest[end..];
                    self.complete(emit);
                }
                None => {
                    self.partial.extend_from_slice(rest);
                    return self.settle(emit);
                }
            }
        }
        if !rest.is_empty() {
            self.lines(rest, emit);
        }
    }

    /// A stream that goes on after the first `taken` bytes, at this level, with a line of which the beginning was passed on or not.
    pub(super) fn at(stream: LogStream, spot: Spot) -> Self {
        Self { level: spot.level, inside: spot.inside, taken: spot.taken, ..Self::new(stream) }
    }

    /// Where it would have to go on.
    pub(super) fn spot(&self) -> Spot {
        Spot { taken: self.taken, level: self.level, inside: self.inside }
    }

    /// The level of the text that comes next.
    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// The stream has ended: a last line without an end is one.
    pub(super) fn finish(&mut self, emit: &mut impl FnMut(Part<'_>, u64)) {
        if !self.partial.is_empty() {
            self.complete(emit);
        }
    }

    /// Where the line that began in `partial` ends in the bytes that follow, if that is decided.
    fn line_end(&self, rest: &[u8]) -> Option<usize> {
        if self.partial.last() == Some(&b'\r') {
            return rest.first().map(|&first| usize::from(first == b'\n'));
        }
        end_of_line(rest)
    }

    /// `partial` is a whole line, or the end of one.
    fn complete(&mut self, emit: &mut impl FnMut(Part<'_>, u64)) {
        let line = std::mem::take(&mut self.partial);
        let special = if self.inside { None } else { self.special(&line[..content(&line)], self.taken) };
        let end = self.taken + line.len() as u64;
        match special {
            Some(Special::Frame(json)) => emit(Part::Frame(json), end),
            Some(Special::Mark(level)) => self.level = level,
            None => emit(Part::Text(self.level, &line), end),
        }
        self.inside = false;
        self.taken = end;
        self.partial = line;
        self.partial.clear();
        self.partial.shrink_to(SPARE);
    }

    /// `partial` has grown and its line goes on: passes on what is too long to be kept.
    fn settle(&mut self, emit: &mut impl FnMut(Part<'_>, u64)) {
        if self.keeps(&self.partial, !self.inside) {
            return;
        }
        let carriage = usize::from(self.partial.last() == Some(&b'\r'));
        let decided = self.partial.len() - carriage;
        if decided > 0 {
            emit(Part::Text(self.level, &self.partial[..decided]), self.taken + decided as u64);
            self.partial.drain(..decided);
            self.taken += decided as u64;
            self.partial.shrink_to(SPARE);
            self.inside = true;
        }
    }

    /// Takes bytes of which the first one begins a line, or goes on with one that has been passed on.
    fn lines(&mut self, bytes: &[u8], emit: &mut impl FnMut(Part<'_>, u64)) {
        let mut passed = 0;
        let mut from = 0;
        let (mut frame, mut mark) = (Hits::new(), Hits::new());
        // A line that is not complete is left to the end.
        while let Some(begin) =
            frame.next(Some(&self.frames), bytes, from).into_iter().chain(mark.next(self.marks.as_ref(), bytes, from)).min()
        {
            let begins_line = if begin == 0 { !self.inside } else { is_line_end(bytes[begin - 1]) };
            if !begins_line {
                from = begin + 1;
                continue;
            }
            let Some(length) = end_of_line(&bytes[begin..]) else { break };
            let line = &bytes[begin..begin + length];
            from = begin + length;
            let Some(special) = self.special(&line[..content(line)], self.taken + begin as u64) else { continue };
            if passed < begin {
                emit(Part::Text(self.level, &bytes[passed..begin]), self.taken + begin as u64);
            }
            match special {
                Special::Frame(json) => emit(Part::Frame(json), self.taken + from as u64),
                Special::Mark(level) => self.level = level,
            }
            self.inside = false;
            passed = from;
        }
        let rest = &bytes[passed..];
        if rest.is_empty() {
            self.taken += bytes.len() as u64;
            return;
        }
        // A CR at the end of the bytes ends its line only when it is known that no LF follows.
        let known = &rest[..rest.len() - usize::from(rest.ends_with(b"\r"))];
        let tail = memrchr2(b'\n', b'\r', known).map_or(0, |last| last + 1);
        let begins_line = tail > 0 || !self.inside;
        let kept = if tail == rest.len() || self.keeps(&rest[tail..], begins_line) { tail } else { known.len() };
        if kept > 0 {
            emit(Part::Text(self.level, &rest[..kept]), self.taken + (passed + kept) as u64);
            self.inside = kept > tail;
        }
        self.partial.extend_from_slice(&rest[kept..]);
        self.taken += (bytes.len() - self.partial.len()) as u64;
    }

    /// Whether a line that begins at this place may be a mark.
    fn listens(&self, at: u64) -> bool {
        self.marks.is_some() && (self.level != self.own || at < EARLY)
    }

    /// Whether the beginning of a line has to wait for more of it.
    fn keeps(&self, beginning: &[u8], begins_line: bool) -> bool {
        if beginning == b"\r" {
            return true;
        }
        if !begins_line {
            return false;
        }
        let line = &beginning[..content(beginning)];
        let frame = match line.len() {
            0..3 => frame::BEGIN.starts_with(line),
            _ => line.starts_with(frame::BEGIN) && line.len() <= self.longest_frame,
        };
        let mark = self.marks.is_some() && [DEBUG_MARK, INFO_MARK].iter().any(|mark| mark.as_bytes().starts_with(line));
        frame || mark || line.len() <= self.longest_line
    }

    /// What a whole line is that begins at this place, if it is not text.
    fn special<'a>(&self, line: &'a [u8], at: u64) -> Option<Special<'a>> {
        if line == DEBUG_MARK.as_bytes() && self.listens(at) {
            Some(Special::Mark(Level::Debug))
        } else if line == INFO_MARK.as_bytes() && self.listens(at) {
            Some(Special::Mark(self.own))
        } else if line.len() <= self.longest_frame {
            frame::json(line).map(Special::Frame)
        } else {
            None
        }
    }
}

/// Length of the first line with its end, if that is decided.
fn end_of_line(bytes: &[u8]) -> Option<usize> {
    let at = memchr2(b'\n', b'\r', bytes)?;
    match (bytes[at], bytes.get(at + 1)) {
        (b'\n', _) => Some(at + 1),
        (_, Some(&next)) => Some(at + 1 + usize::from(next == b'\n')),
        (_, None) => None,
    }
}

/// Length of a line without its end.
fn content(line: &[u8]) -> usize {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

/// Where something occurs next, searched for only once.
struct Hits(Option<Option<usize>>);

impl Hits {
    fn new() -> Self {
        Self(None)
    }

    fn next(&mut self, finder: Option<&Finder<'_>>, bytes: &[u8], from: usize) -> Option<usize> {
        let finder = finder?;
        match self.0 {
            Some(None) => None,
            Some(Some(at)) if at >= from => Some(at),
            _ => {
                let found = finder.find(&bytes[from..]).map(|at| from + at);
                self.0 = Some(found);
                found
            }
        }
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
