//! The log pipeline: raw bytes of a task become log text and the values of its protocol lines.
//!
//! A program reports values by printing a *frame*, a line `::{...}::` of JSON. Everything else is text, which goes on in pieces
//! as large as they came: only the line that has not ended is kept until it does. The result never depends on where the pieces were cut.

mod frame;
mod secrets;
mod sink;
mod stream;
#[cfg(test)]
mod tests;

pub use secrets::Secrets;
pub use sink::LogSink;

use std::sync::Arc;

use serde_json::{Map, Value};
use switchyard_plugin_api::{Event, Level, LogStream};

use self::{
    frame::Frame,
    secrets::{Undecided, masked},
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
    undecided: Undecided,
    /// When the latest bytes arrived.
    time: i64,
}

struct Collected<S> {
    sink: S,
    secrets: Arc<dyn Secrets>,
    outputs: Map<String, Value>,
}

impl<S: LogSink> Capture<S> {
    /// A capture that hides these secrets.
    pub fn new(sink: S, secrets: Arc<dyn Secrets>) -> Self {
        Self::with(sink, secrets, Stream::new)
    }

    fn with(sink: S, secrets: Arc<dyn Secrets>, stream: impl Fn(LogStream) -> Stream) -> Self {
        let channel = |name| Channel { stream: stream(name), undecided: Undecided::default(), time: 0 };
        let collected = Collected { sink, secrets, outputs: Map::new() };
        Self { stdout: channel(LogStream::Stdout), stderr: channel(LogStream::Stderr), collected }
    }

    /// Takes the next bytes of a stream, which arrived at `time` (Unix time in nanoseconds). They may end anywhere.
    pub fn push(&mut self, name: LogStream, time: i64, bytes: &[u8]) {
        let Self { stdout, stderr, collected } = self;
        let channel = match name {
            LogStream::Stdout => stdout,
            LogStream::Stderr => stderr,
        };
        channel.time = time;
        let Channel { stream, undecided, .. } = channel;
        stream.push(bytes, &mut |part| collected.take(name, time, part, undecided, false));
    }

    /// Both streams have ended. Returns the merged `outputs` of all frames.
    pub fn finish(mut self) -> Map<String, Value> {
        for (name, Channel { stream, undecided, time }) in [(LogStream::Stdout, &mut self.stdout), (LogStream::Stderr, &mut self.stderr)] {
            let time = *time;
            let collected = &mut self.collected;
            stream.finish(&mut |part| collected.take(name, time, part, undecided, true));
            // What is left belongs to a line that was passed on without an end.
            let level = stream.level();
            collected.take(name, time, Part::Text(level, b""), undecided, true);
        }
        self.collected.outputs
    }

    /// Where the text goes.
    pub fn sink(&mut self) -> &mut S {
        &mut self.collected.sink
    }
}

impl<S: LogSink> Collected<S> {
    fn take(&mut self, stream: LogStream, time: i64, part: Part<'_>, undecided: &mut Undecided, last: bool) {
        match part {
            Part::Text(level, bytes) => {
                let sink = &mut self.sink;
                undecided.pass(&*self.secrets, bytes, last, &mut |text| sink.append(stream, level, time, text));
            }
            Part::Frame(json) => match frame::parse(json) {
                Ok(Frame { outputs, events }) => {
                    self.outputs.extend(outputs);
                    for event in events {
                        self.event(time, event);
                    }
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
            Event::Message { level, message } => Event::Message { level, message: masked(&*self.secrets, &message) },
            other => other,
        };
        self.sink.event(time, event);
    }
}
