//! Where a task's log goes.

use switchyard_plugin_api::{Event, Level, LogStream};

/// Takes what a [`super::Capture`] makes of a task's output.
pub trait LogSink {
    /// Text of one stream, secrets masked: whole lines with their ends (LF, CR LF or CR), as many as there are. Only a line longer than
    /// 64 KiB comes in pieces, and the last line may have no end.
    fn append(&mut self, stream: LogStream, level: Level, time: i64, bytes: &[u8]);

    /// A metric, or a message with its level.
    fn event(&mut self, time: i64, event: Event);
}
