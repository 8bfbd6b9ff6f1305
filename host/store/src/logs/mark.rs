//! How far the output of an attempt had been taken, so that another host can go on without a byte lost or repeated.

use super::frame::{FrameReader, Kind};
use super::{Result, Stream};

/// Where the streams of an attempt are, counted in the bytes that its runner delivered: they differ from the bytes that are stored,
/// which are masked and without the lines that were values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub stdout: u64,
    pub stderr: u64,
    /// Whatever else the writer needs to go on. It is all given back, in order.
    pub state: Vec<u8>,
}

/// What the marks of an attempt say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    pub stdout: u64,
    pub stderr: u64,
    /// When the newest bytes arrived, in nanoseconds since 1970.
    pub time: i64,
    /// The states of all marks.
    pub states: Vec<Vec<u8>>,
    /// The streams whose last stored byte was no line end.
    pub open: Vec<Stream>,
}

impl Mark {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + self.state.len());
        bytes.extend(self.stdout.to_le_bytes());
        bytes.extend(self.stderr.to_le_bytes());
        bytes.extend(&self.state);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (stdout, rest) = bytes.split_first_chunk()?;
        let (stderr, state) = rest.split_first_chunk()?;
        Some(Self { stdout: u64::from_le_bytes(*stdout), stderr: u64::from_le_bytes(*stderr), state: state.to_vec() })
    }
}

impl Marked {
    pub(super) fn read(mut frames: FrameReader, attempt: &str) -> Result<Option<Self>> {
        let mut found: Option<Self> = None;
        let mut waiting = None;
        while let Some(frame) = frames.advance()? {
            if frames.attempt(frame.header.attempt) != attempt {
                continue;
            }
            let marked = found.get_or_insert_default();
            match frame.header.kind {
                Kind::Attempt | Kind::End => {}
                Kind::Mark | Kind::Settled => {
                    frames.load(&frame)?;
                    let mark = Mark::decode(frames.bytes(&frame));
                    if frame.header.kind == Kind::Settled {
                        marked.take(mark);
                    } else {
                        waiting = mark;
                    }
                }
                Kind::Bytes(source) => {
                    marked.take(waiting.take());
                    let Some(stream) = source.stream() else { continue };
                    marked.time = frame.header.time;
                    frames.load(&frame)?;
                    marked.open.retain(|open| *open != stream);
                    if !frames.bytes(&frame).ends_with(b"\n") {
                        marked.open.push(stream);
                    }
                }
            }
        }
        Ok(found)
    }

    fn take(&mut self, mark: Option<Mark>) {
        let Some(mark) = mark else { return };
        (self.stdout, self.stderr) = (mark.stdout, mark.stderr);
        self.states.push(mark.state);
    }
}
