//! Where a task's log goes.

use switchyard_plugin_api::{Event, Level, LogStream};

/// Takes what a [`super::Capture`] makes of a task's output.
pub trait LogSink {
    /// Text of one stream, secrets masked: many lines, one, or a part of one that the next call of this stream continues. Lines end with
    /// LF, CR LF or CR, and a line end is never divided. At a level that is not the stream's own a call ends with a line end, unless
    /// the line is very long or the last one.
    fn append(&mut self, stream: LogStream, level: Level, time: i64, bytes: &[u8]);

    /// A metric, or a message with its level.
    fn event(&mut self, time: i64, event: Event);
}
