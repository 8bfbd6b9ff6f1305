//! The log pipeline: raw bytes of a task become log text and the values of its protocol lines.
//!
//! A program reports values by printing a *frame*, a line `::{...}::` of JSON. Everything else is text, which goes on in pieces
//! as large as they came: only the line that has not ended is kept until it does. The result never depends on where the pieces were cut.

mod frame;
mod progress;
mod sink;
mod stream;
#[cfg(test)]
mod tests;

pub use progress::{Progress, Spot};
pub use sink::LogSink;

use serde_json::{Map, Value};
use switchyard_plugin_api::{Event, Level, LogStream};
use switchyard_store::masking::{MaskStream, Masker};

use self::{
    frame::Frame,
    stream::{Part, Stream},
};

/// Characters of a malformed frame that are shown.
const SHOWN: usize = 200;

/// Takes the raw output of one task run: text goes on to the sink, with secrets masked; frames become outputs and events.
pub struct Capture<S> {
    stdout: Channel,
    stderr: Channel,
    collected: Collected<S>,
}

struct Channel {
    stream: Stream,
    mask: MaskStream,
    /// When the latest bytes arrived.
    time: i64,
}

struct Collected<S> {
    sink: S,
    masker: Masker,
    outputs: Map<String, Value>,
    progress: Progress,
}

impl<S: LogSink> Capture<S> {
    /// A capture that goes on where another one was, with the outputs that it had.
    pub fn resume(sink: S, masker: Masker, progress: Progress, outputs: Map<String, Value>) -> Self {
        let mut capture = Self::with(sink, masker, |name| Stream::at(name, progress.of(name)));
        capture.collected.outputs = outputs;
        capture
    }

    /// A capture that hides what the masker knows.
    pub fn new(sink: S, masker: Masker) -> Self {
        Self::with(sink, masker, Stream::new)
    }

    fn with(sink: S, masker: Masker, stream: impl Fn(LogStream) -> Stream) -> Self {
        let channel = |name| Channel { stream: stream(name), mask: masker.stream(), time: 0 };
        let (stdout, stderr) = (channel(LogStream::Stdout), channel(LogStream::Stderr));
        let progress = Progress { stdout: stdout.stream.spot(), stderr: stderr.stream.spot() };
        Self { stdout, stderr, collected: Collected { sink, masker, outputs: Map::new(), progress } }
    }

    /// Takes the next bytes of a stream, which arrived at `time` (Unix time in nanoseconds). They may end anywhere.
    pub fn push(&mut self, name: LogStream, time: i64, bytes: &[u8]) {
        let Self { stdout, stderr, collected } = self;
        let channel = match name {
            LogStream::Stdout => stdout,
            LogStream::Stderr => stderr,
        };
        channel.time = time;
        let Channel { stream, mask, .. } = channel;
        stream.push(bytes, &mut |part, end| collected.take(name, time, part, end, mask, false));
        // Held back text comes before where the stream is.
        if mask.held() == 0 {
            collected.progress.set(name, stream.spot());
        }
    }

    /// Both streams have ended. Returns the merged `outputs` of all frames.
    pub fn finish(mut self) -> Map<String, Value> {
        for (name, Channel { stream, mask, time }) in [(LogStream::Stdout, &mut self.stdout), (LogStream::Stderr, &mut self.stderr)] {
            let time = *time;
            let collected = &mut self.collected;
            stream.finish(&mut |part, end| collected.take(name, time, part, end, mask, true));
            // What is left belongs to a line that was passed on without an end.
            let level = stream.level();
            collected.take(name, time, Part::Text(level, b""), stream.spot().taken, mask, true);
        }
        self.collected.outputs
    }

    /// Where the text goes.
    pub fn sink(&mut self) -> &mut S {
        &mut self.collected.sink
    }
}

impl<S: LogSink> Collected<S> {
    fn take(&mut self, stream: LogStream, time: i64, part: Part<'_>, end: u64, mask: &mut MaskStream, last: bool) {
        match part {
            Part::Text(level, bytes) => {
                let shown = mask.push(bytes);
                let rest = if last { mask.finish() } else { Vec::new() };
                // What is held back comes again when somebody goes on here, and so does the rest of a line without an end.
                if !(shown.is_empty() && rest.is_empty()) {
                    let taken = end.saturating_sub(mask.held() as u64);
                    let inside = !last && !shown.ends_with(b"\n") && !shown.ends_with(b"\r");
                    self.progress.set(stream, Spot { taken, level, inside });
                }
                for text in [&*shown, &*rest].into_iter().filter(|text| !text.is_empty()) {
                    self.sink.append(stream, level, time, text, self.progress);
                }
            }
            Part::Frame(json) => match frame::parse(json) {
                Ok(Frame { outputs, events }) => {
                    for event in events {
                        self.event(time, event);
                    }
                    let level = self.progress.of(stream).level;
                    self.progress.set(stream, Spot { taken: end, level, inside: false });
                    self.sink.framed(time, &outputs, self.progress);
                    self.outputs.extend(outputs);
                }
                Err(problem) => {
                    let shown: String = String::from_utf8_lossy(json).chars().take(SHOWN).collect();
                    let message =
                        format!("Invalid outputs in a line `::{{...}}::`, nothing of it is used: {problem}. It began with: {shown}");
                    self.event(time, Event::Message { level: Level::Warn, message });
                }
            },
        }
    }

    fn event(&mut self, time: i64, event: Event) {
        let event = match event {
            Event::Message { level, message } => Event::Message { level, message: self.masker.text(&message).into_owned() },
            other => other,
        };
        self.sink.event(time, event);
    }
}
