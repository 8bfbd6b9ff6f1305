//! What tasks print: one append-only segment file per execution.
//!
//! A segment is a sequence of *frames*, each a header of 24 bytes (length, attempt, time, source, checksum) and the bytes of
//! one append, many lines or part of one; large ones are [packed](pack). Bytes and index entry are written by one `writev`, so a crash leaves whole
//! frames and at most one torn frame, which is cut when the segment is written again. Lines are found by the reader: the
//! way in costs nothing per line. Attempts that print nothing have no file; ten thousand small attempts share one.

mod attempt;
mod directory;
mod error;
mod frame;
mod line;
mod mark;
mod pack;
mod segment;

#[cfg(test)]
mod tests;

pub use attempt::LogWriter;
pub use directory::{ExecutionLog, Logs};
pub use error::{Error, Result};
pub use frame::{Frame, FrameReader, Level, Source, Stream};
pub use line::{Follower, Line, LineReader};
pub use mark::{Mark, Marked};
