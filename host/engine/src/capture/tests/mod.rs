//! The capture on known and on random output.

mod chunks;
mod lines;

use serde_json::{Map, Value};
use switchyard_plugin_api::{Event, Level, LogStream};

use switchyard_store::masking::Masker;

use super::{Capture, LogSink, Progress, stream::Stream};

/// What a sink was told, with neighbouring texts of one level joined.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Told {
    pub parts: Vec<Part>,
    /// Calls of `append`.
    pub calls: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(Level, String),
    Event(Event),
}

impl LogSink for &mut Told {
    fn append(&mut self, _: LogStream, level: Level, _: i64, bytes: &[u8], _: Progress) {
        assert!(!bytes.is_empty());
        self.calls += 1;
        // One character for each byte: nothing is lost and nothing joined.
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        match self.parts.last_mut() {
            Some(Part::Text(last, before)) if *last == level => before.push_str(&text),
            _ => self.parts.push(Part::Text(level, text)),
        }
    }

    fn event(&mut self, _: i64, event: Event) {
        self.parts.push(Part::Event(event));
    }
}

/// Captures one stream that arrives in these chunks.
pub fn capture<'a>(
    name: LogStream,
    secrets: &'static [&'static str],
    limits: (usize, usize),
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Told, Map<String, Value>) {
    let mut told = Told::default();
    let mut capture = Capture::with(&mut told, Masker::new(secrets).unwrap(), |name| Stream::with_limits(name, limits.0, limits.1));
    for chunk in chunks {
        capture.push(name, 1, chunk);
    }
    let outputs = capture.finish();
    (told, outputs)
}

pub const LIMITS: (usize, usize) = (super::stream::LONGEST_FRAME, super::stream::LONGEST_LINE);
