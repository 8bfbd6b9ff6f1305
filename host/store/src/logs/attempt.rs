//! Writing what one attempt prints.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::frame::Kind;
use super::pack::{Body, Packer};
use super::{ExecutionLog, Mark, Result, Source, Stream};

/// Takes the output of one attempt. Share it freely: appends of one stream keep their order as long as one caller makes them.
///
/// A write goes straight to the file, one system call per append: give it large pieces, as a pipe gives them. Nothing is
/// buffered, so what was appended survives the death of the process.
pub struct LogWriter {
    log: ExecutionLog,
    name: String,
    number: OnceLock<u32>,
    /// Streams whose last byte was no line end.
    open_stdout: AtomicBool,
    open_stderr: AtomicBool,
    packer: Packer,
}

impl LogWriter {
    pub(super) fn new(log: ExecutionLog, name: String) -> Self {
        Self {
            log,
            name,
            number: OnceLock::new(),
            open_stdout: AtomicBool::new(false),
            open_stderr: AtomicBool::new(false),
            packer: Packer::default(),
        }
    }

    /// Appends bytes that arrived at `time` (nanoseconds since 1970): many lines, one, or a part of one, which the next append
    /// of the same stream continues. A message is an entry of its own.
    pub fn append(&self, source: Source, time: i64, bytes: &[u8]) -> Result<()> {
        let Some(last) = bytes.last() else {
            return Ok(());
        };
        let number = self.number(time)?;
        self.packer.pack(bytes, |body| self.log.append(number, time, Kind::Bytes(source), body))?;
        if let Some(stream) = source.stream() {
            self.open_line(stream).store(*last != b'\n', Ordering::Relaxed);
        }
        Ok(())
    }

    /// Like [`append`](Self::append), and says in the same write how far the attempt's streams had been taken with these bytes.
    pub fn append_marked(&self, source: Source, time: i64, bytes: &[u8], mark: &Mark) -> Result<()> {
        let Some(last) = bytes.last() else {
            return Ok(());
        };
        let number = self.number(time)?;
        let mark = mark.encode();
        self.packer.pack(bytes, |body| self.log.append_marked(number, time, Kind::Bytes(source), body, &mark))?;
        if let Some(stream) = source.stream() {
            self.open_line(stream).store(*last != b'\n', Ordering::Relaxed);
        }
        Ok(())
    }

    /// Says how far the streams were taken when that left nothing to append.
    pub fn mark(&self, time: i64, mark: &Mark) -> Result<()> {
        let number = self.number(time)?;
        self.log.append(number, time, Kind::Settled, Body::plain(&mark.encode()))
    }

    /// An earlier writer of this attempt left these streams in the middle of a line.
    pub fn continues(&self, streams: &[Stream]) {
        for stream in streams {
            self.open_line(*stream).store(true, Ordering::Relaxed);
        }
    }

    /// Both streams ended: a last line without an end is complete. Costs nothing when there is none.
    pub fn finish(&self, time: i64) -> Result<()> {
        let open = [Stream::Stdout, Stream::Stderr].map(|stream| self.open_line(stream).swap(false, Ordering::Relaxed));
        if open.contains(&true) {
            let number = self.number(time)?;
            self.log.append(number, time, Kind::End, Body::plain(&[]))?;
        }
        Ok(())
    }

    fn open_line(&self, stream: Stream) -> &AtomicBool {
        match stream {
            Stream::Stdout => &self.open_stdout,
            Stream::Stderr => &self.open_stderr,
        }
    }

    fn number(&self, time: i64) -> Result<u32> {
        if let Some(number) = self.number.get() {
            return Ok(*number);
        }
        let number = self.log.declare(&self.name, time)?;
        Ok(*self.number.get_or_init(|| number))
    }
}
