//! Finding the lines in what was written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::frame::{Found, Kind};
use super::{ExecutionLog, FrameReader, Result, Source};

/// A line of a stream, or a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub attempt: Arc<str>,
    pub source: Source,
    /// When its first bytes arrived, in nanoseconds since 1970.
    pub time: i64,
    /// Without the line end. Bytes that are no UTF-8 are shown as `\u{FFFD}`.
    pub text: String,
    /// `text` is only the beginning; [`LineReader::whole`] gives the rest.
    pub cut: bool,
    /// Bytes in the line.
    pub length: u64,
    number: u32,
    /// Where the line begins: a frame in the file, and how far into its bytes.
    at: u64,
    skip: usize,
}

/// Reads lines in the order in which they were completed.
pub struct LineReader {
    frames: FrameReader,
    cut: usize,
    current: Option<(Found, usize)>,
    /// Lines whose end has not come yet.
    partial: BTreeMap<(u32, bool), Partial>,
    ready: VecDeque<Line>,
    wanted: Option<Wanted>,
}

type Wanted = Box<dyn Fn(&str) -> bool + Send>;

struct Partial {
    at: u64,
    skip: usize,
    time: i64,
    shown: Vec<u8>,
    length: u64,
    /// The last byte was a carriage return, which may belong to the line end.
    carriage: bool,
}

impl LineReader {
    pub(super) fn new(frames: FrameReader, cut: usize) -> Self {
        Self { frames, cut, current: None, partial: BTreeMap::new(), ready: VecDeque::new(), wanted: None }
    }

    /// Only lines of attempts whose name pleases; the bytes of others are passed over.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&str) -> bool + Send + 'static) -> Self {
        self.wanted = Some(Box::new(wanted));
        self
    }

    /// From where a later reader can [go on](Self::seek). Lines that were incomplete then lose their beginning.
    pub fn position(&self) -> u64 {
        self.frames.position()
    }

    pub fn seek(&mut self, position: u64) -> Result<()> {
        self.current = None;
        self.partial.clear();
        self.ready.clear();
        self.frames.seek(position)
    }

    /// The next complete line, or `None` at the present end; asking again later goes on.
    pub fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            if let Some((found, offset)) = self.current.take() {
                if let Some(line) = self.cut_line(found, offset)? {
                    return Ok(Some(line));
                }
                continue;
            }
            let Some(found) = self.frames.advance()? else {
                return Ok(None);
            };
            let number = found.header.attempt;
            let attempt = self.frames.attempt(number);
            if self.wanted.as_ref().is_some_and(|wanted| !wanted(attempt)) {
                continue;
            }
            match found.header.kind {
                Kind::Attempt | Kind::Mark | Kind::Settled => {}
                Kind::End => {
                    for stderr in [false, true] {
                        self.complete(number, stderr);
                    }
                }
                Kind::Bytes(Source::Message(_)) => return self.message(&found).map(Some),
                Kind::Bytes(_) => self.current = Some((found, 0)),
            }
        }
    }

    /// The beginnings of lines that have no end yet, as if they ended here.
    pub fn unfinished(&mut self) -> Vec<Line> {
        let keys: Vec<_> = self.partial.keys().copied().collect();
        for (number, stderr) in keys {
            self.complete(number, stderr);
        }
        self.ready.drain(..).collect()
    }

    /// Gives all bytes of a line to `take`, piece by piece, without its line end.
    pub fn whole(&self, line: &Line, mut take: impl FnMut(&[u8])) -> Result<()> {
        let mut frames = self.frames.again_at(line.at)?;
        let mut skip = line.skip;
        let mut rest = line.length;
        while rest > 0 {
            let Some(found) = frames.advance()? else {
                return Ok(());
            };
            let same = found.header.kind == Kind::Bytes(line.source);
            if found.header.attempt != line.number || !same || !frames.load(&found)? {
                continue;
            }
            let bytes = frames.bytes(&found).get(skip..).unwrap_or_default();
            let length = bytes.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
            take(&bytes[..length]);
            rest -= length as u64;
            skip = 0;
        }
        Ok(())
    }

    fn message(&mut self, found: &Found) -> Result<Line> {
        self.frames.load(found)?;
        let bytes = self.frames.bytes(found);
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let (text, cut) = shown(bytes, self.cut);
        Ok(Line {
            attempt: self.frames.attempt_name(found.header.attempt),
            source: match found.header.kind {
                Kind::Bytes(source) => source,
                Kind::Attempt | Kind::End | Kind::Mark | Kind::Settled => Source::Stdout,
            },
            time: found.header.time,
            text,
            cut,
            length: bytes.len() as u64,
            number: found.header.attempt,
            at: found.at,
            skip: 0,
        })
    }

    /// Takes one line, or the beginning of one, from a frame.
    fn cut_line(&mut self, found: Found, offset: usize) -> Result<Option<Line>> {
        self.frames.load(&found)?;
        let bytes = self.frames.bytes(&found).get(offset..).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(None);
        }
        let stderr = found.header.kind == Kind::Bytes(Source::Stderr);
        let key = (found.header.attempt, stderr);
        let end = memchr::memchr(b'\n', bytes);
        let piece = &bytes[..end.unwrap_or(bytes.len())];
        let partial = self.partial.entry(key).or_insert_with(|| Partial {
            at: found.at,
            skip: offset,
            time: found.header.time,
            shown: Vec::new(),
            length: 0,
            carriage: false,
        });
        // One byte beyond the cut tells whether there is more.
        let room = (self.cut + 1).saturating_sub(partial.shown.len());
        partial.shown.extend_from_slice(&piece[..piece.len().min(room)]);
        partial.length += piece.len() as u64;
        if let Some(last) = piece.last() {
            partial.carriage = *last == b'\r';
        }
        let Some(end) = end else { return Ok(None) };
        self.complete(key.0, stderr);
        self.current = Some((found, offset + end + 1));
        Ok(self.ready.pop_front())
    }

    fn complete(&mut self, number: u32, stderr: bool) {
        let Some(mut partial) = self.partial.remove(&(number, stderr)) else {
            return;
        };
        if partial.carriage {
            partial.length -= 1;
            let length = usize::try_from(partial.length).unwrap_or(usize::MAX);
            partial.shown.truncate(length);
        }
        let (text, cut) = shown(&partial.shown, self.cut);
        self.ready.push_back(Line {
            attempt: self.frames.attempt_name(number),
            source: if stderr { Source::Stderr } else { Source::Stdout },
            time: partial.time,
            text,
            cut,
            length: partial.length,
            number,
            at: partial.at,
            skip: partial.skip,
        });
    }
}

/// The first `cut` bytes as text, ending between characters, and whether something is missing.
fn shown(bytes: &[u8], cut: usize) -> (String, bool) {
    if bytes.len() <= cut {
        return (String::from_utf8_lossy(bytes).into_owned(), false);
    }
    let mut bytes = &bytes[..cut];
    // A character has four bytes at most, so only the last three can belong to one that was cut.
    for back in 1..=3.min(bytes.len()) {
        let start = bytes.len() - back;
        if let Err(error) = std::str::from_utf8(&bytes[start..])
            && error.valid_up_to() == 0
            && error.error_len().is_none()
        {
            bytes = &bytes[..start];
            break;
        }
    }
    (String::from_utf8_lossy(bytes).into_owned(), true)
}

/// Waits for lines to come.
pub struct Follower {
    log: ExecutionLog,
    lines: LineReader,
}

impl Follower {
    pub(super) fn new(log: ExecutionLog, lines: LineReader) -> Self {
        Self { log, lines }
    }

    /// See [`LineReader::only`].
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&str) -> bool + Send + 'static) -> Self {
        self.lines = self.lines.only(wanted);
        self
    }

    pub fn position(&self) -> u64 {
        self.lines.position()
    }

    pub fn seek(&mut self, position: u64) -> Result<()> {
        self.lines.seek(position)
    }

    /// The next line, or `None` when the log has ended. Nothing is lost when the future is dropped.
    pub async fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            // Registered before reading, so that what is written in between wakes us.
            let mut written = std::pin::pin!(self.log.written().notified());
            written.as_mut().enable();
            let ended = self.log.ended();
            if let Some(line) = self.lines.next_line()? {
                return Ok(Some(line));
            }
            if ended {
                let rest = self.lines.unfinished();
                self.lines.ready = rest.into();
                return Ok(self.lines.ready.pop_front());
            }
            written.await;
        }
    }
}
