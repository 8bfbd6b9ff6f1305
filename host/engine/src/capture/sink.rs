//! Where a task's log goes.

use serde_json::{Map, Value};
use switchyard_plugin_api::{Event, Level, LogStream};

use super::Progress;

/// Takes what a [`super::Capture`] makes of a task's output.
pub trait LogSink {
    /// Text of one stream, secrets masked: whole lines with their ends (LF, CR LF or CR), as many as there are. Only a line longer than
    /// 64 KiB comes in pieces, and the last line may have no end.
    /// With these bytes the capture has come as far as `progress` says.
    fn append(&mut self, stream: LogStream, level: Level, time: i64, bytes: &[u8], progress: Progress);

    /// A frame was taken, whose values are these.
    fn framed(&mut self, _time: i64, _outputs: &Map<String, Value>, _progress: Progress) {}

    /// A metric, or a message with its level.
    fn event(&mut self, time: i64, event: Event);
}
