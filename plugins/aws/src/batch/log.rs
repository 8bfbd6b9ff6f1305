//! The log of a job's main container, event by event, each once.

use std::collections::VecDeque;

use switchyard_cloud_api::position::Position;
use switchyard_plugin_api::{Context, Error, LogStream};

use crate::api::{Client, Event};

/// Pages that are read before somebody looks at the job again: a command may write faster than they are read.
const PAGES: usize = 20;
/// Reads in a row that may be sent away, each of them after several pauses of its own.
const PATIENCE: u32 = 30;
/// Events that are at most so many milliseconds apart are handed over together.
const TOGETHER: i64 = 100;

/// Reads the log. Every attempt of a job has a stream of its own.
pub struct Log {
    /// Streams that were met, the one that is read first.
    streams: VecDeque<String>,
    met: Vec<String>,
    /// Behind the last event of the first stream.
    token: Option<String>,
    /// Bytes that the host has already.
    known: Position,
    /// Read, but not handed over.
    waiting: VecDeque<(i64, Vec<u8>)>,
    /// Reads in a row that were sent away.
    stumbled: u32,
    given_up: bool,
}

impl Log {
    /// From the beginning, or from where the host's log ends.
    pub async fn new(again: bool, context: &Context) -> Self {
        let known = Position::of(again, context).await;
        Self { streams: VecDeque::new(), met: Vec::new(), token: None, known, waiting: VecDeque::new(), stumbled: 0, given_up: false }
    }

    /// Streams that the job has.
    pub fn meet(&mut self, streams: &[String]) {
        for stream in streams {
            if !self.given_up && !self.met.contains(stream) {
                self.met.push(stream.clone());
                self.streams.push_back(stream.clone());
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.met.is_empty()
    }

    /// A read failed; answers whether it was the last one that is tried.
    pub fn stumble(&mut self, passing: bool) -> bool {
        self.stumbled += 1;
        let over = !passing || self.stumbled > PATIENCE;
        if over {
            self.streams.clear();
            self.met.clear();
            self.stumbled = 0;
            self.given_up = true;
        }
        over
    }

    pub fn stumbles(&self) -> bool {
        self.stumbled > 0
    }

    /// Hands over what is new; answers whether anything was, and whether there may be more already. May be dropped half-way: what was
    /// read waits here, and is handed over once.
    pub async fn read(&mut self, client: &Client, context: &Context) -> Result<(bool, bool), Error> {
        let mut any = self.hand_over(context).await;
        for _ in 0..PAGES {
            let Some(stream) = self.streams.front().cloned() else { return Ok((any, false)) };
            let (events, next) = client.events(&stream, self.token.as_deref()).await?;
            self.stumbled = 0;
            let over = next == self.token;
            self.token = next;
            self.take(events);
            any |= self.hand_over(context).await;
            if over {
                if self.streams.len() < 2 {
                    return Ok((any, false));
                }
                self.streams.pop_front();
                self.token = None;
            }
        }
        Ok((any, true))
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            let text = lines(&event.message);
            let text = self.known.rest(LogStream::Stdout, text.as_bytes());
            match self.waiting.back_mut() {
                Some((since, chunk)) if event.time.saturating_sub(*since) <= TOGETHER => chunk.extend_from_slice(text),
                _ => self.waiting.push_back((event.time, text.to_vec())),
            }
        }
    }

    async fn hand_over(&mut self, context: &Context) -> bool {
        let mut any = false;
        while let Some((time, chunk)) = self.waiting.front() {
            if !chunk.is_empty() {
                context.write_log_at(LogStream::Stdout, time.saturating_mul(1_000_000), chunk).await;
            }
            self.waiting.pop_front();
            any = true;
        }
        any
    }
}

/// An event as lines: a carriage return ends one too, and outputs (`::{`) begin one wherever they stand.
fn lines(message: &str) -> String {
    let message = message.strip_suffix('\n').unwrap_or(message);
    let mut text = message.strip_suffix('\r').unwrap_or(message).replace("\r\n", "\n").replace('\r', "\n");
    let mut from = 0;
    while let Some(at) = text[from..].find("::{").map(|at| from + at) {
        let begins = at == 0 || text.as_bytes()[at - 1] == b'\n';
        if !begins {
            text.insert(at, '\n');
        }
        from = at + 3;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b10_outputs_begin_a_line_and_returns_end_one() {
        for (message, expected) in [
            ("plain", "plain\n"),
            ("with its end\n", "with its end\n"),
            ("", "\n"),
            ("10%\r50%\r100%", "10%\n50%\n100%\n"),
            ("dos\r", "dos\n"),
            ("a\r\nb", "a\nb\n"),
            (r#"::{"outputs":{"a":1}}::"#, "::{\"outputs\":{\"a\":1}}::\n"),
            (r#"text ::{"outputs":{"a":1}}::"#, "text \n::{\"outputs\":{\"a\":1}}::\n"),
            (r#"::{"a":1}::::{"b":2}::"#, "::{\"a\":1}::\n::{\"b\":2}::\n"),
        ] {
            assert_eq!(lines(message), expected, "{message:?}");
        }
    }
}
