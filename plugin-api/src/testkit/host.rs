//! A host that remembers what a run tells it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::Checked;
use crate::{BoxFuture, CancelReason, Cancellation, Context, Error, Event, HostContext, LogStream, Phase};

/// What becomes of log bytes.
#[derive(Debug, Clone, Default)]
pub(crate) enum Sink {
    #[default]
    Keep,
    /// Compares them with a text that repeats; what differs first is remembered.
    Repeats(Vec<u8>),
}

/// Everything a run told its host.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Bytes of each stream, kept or not.
    pub taken: [u64; 2],
    pub phases: Vec<Phase>,
    pub events: Vec<Event>,
    pub checkpoints: Vec<Value>,
    /// Offers for which there was no room.
    pub refused: u64,
    /// Where the repeating text was left.
    pub wrong_at: Option<u64>,
    room: Option<u64>,
    sink: Sink,
}

/// The host of one run.
#[derive(Debug)]
pub(crate) struct Host {
    seen: Mutex<Seen>,
    changed: watch::Sender<()>,
    /// Moves when room was made, and at nothing else: two streams that wait must not wake each other.
    opened: watch::Sender<()>,
    cancellation: watch::Sender<Option<Cancellation>>,
    /// Asks the run to end when it enters this phase.
    cancel_in: Option<(Phase, Cancellation)>,
    /// Bytes that an earlier host of the same work has stored.
    before: [u64; 2],
}

impl Host {
    pub fn new(sink: Sink, room: Option<u64>, cancel_in: Option<(Phase, Cancellation)>, before: [u64; 2]) -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::new(Seen { room, sink, ..Seen::default() }),
            changed: watch::Sender::new(()),
            opened: watch::Sender::new(()),
            cancellation: watch::Sender::new(None),
            cancel_in,
            before,
        })
    }

    pub fn context(self: &Arc<Self>) -> Context {
        Context::new(self.clone())
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what was seen satisfies `expected`; the error says what was waited for.
    pub async fn until(&self, what: &str, patience: Duration, expected: impl Fn(&Seen) -> bool) -> Checked {
        let mut changes = self.changed.subscribe();
        let wait = async {
            while !expected(&self.seen()) {
                if changes.changed().await.is_err() {
                    break;
                }
            }
        };
        match tokio::time::timeout(patience, wait).await {
            Ok(()) => Ok(()),
            Err(_) => Err(format!("after {} s there was still no {what}; {}", patience.as_secs(), self.said())),
        }
    }

    /// What the run said so far, in short.
    pub fn said(&self) -> String {
        let seen = self.seen();
        let text = |bytes: &[u8]| shorten(&String::from_utf8_lossy(bytes));
        format!("standard output: {:?}, standard error: {:?}", text(&seen.stdout), text(&seen.stderr))
    }

    pub fn open(&self) {
        self.seen().room = None;
        self.opened.send_replace(());
    }

    pub fn cancel(&self, reason: CancelReason, grace: Duration) {
        self.cancellation.send_replace(Some(cancellation(reason, grace)));
    }
}

pub(super) fn cancellation(reason: CancelReason, grace: Duration) -> Cancellation {
    Cancellation { reason, grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX) }
}

/// A text of a length that a report can hold.
pub(super) fn shorten(text: &str) -> String {
    const MOST: usize = 300;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let head: String = text.chars().take(MOST - 60).collect();
    let tail: Vec<char> = text.chars().rev().take(50).collect();
    format!("{head} […] {}", tail.into_iter().rev().collect::<String>())
}

impl HostContext for Host {
    fn try_write_log(&self, stream: LogStream, _: i64, bytes: &[u8]) -> bool {
        let mut seen = self.seen();
        let seen = &mut *seen;
        match &mut seen.room {
            Some(room) if *room < bytes.len() as u64 => {
                seen.refused += 1;
                self.changed.send_replace(());
                return false;
            }
            Some(room) => *room -= bytes.len() as u64,
            None => {}
        }
        let at = usize::from(stream == LogStream::Stderr);
        match &seen.sink {
            Sink::Repeats(text) if at == 0 && seen.wrong_at.is_none() => {
                seen.wrong_at = difference(text, seen.taken[0], bytes);
            }
            Sink::Repeats(_) => {}
            Sink::Keep if at == 0 => seen.stdout.extend_from_slice(bytes),
            Sink::Keep => seen.stderr.extend_from_slice(bytes),
        }
        seen.taken[at] += bytes.len() as u64;
        self.changed.send_replace(());
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        let mut opened = self.opened.subscribe();
        // Room may have been made between the refusal and this call.
        if self.seen().room.is_none() {
            return Box::pin(std::future::ready(()));
        }
        Box::pin(async move {
            let _ = opened.changed().await;
        })
    }

    fn notify(&self, event: Event) {
        let mut seen = self.seen();
        if let Event::Phase { phase } = event {
            seen.phases.push(phase);
            if let Some((_, asked)) = self.cancel_in.filter(|(at, _)| *at == phase) {
                self.cancellation.send_replace(Some(asked));
            }
        }
        seen.events.push(event);
        drop(seen);
        self.changed.send_replace(());
    }

    fn call(&self, service: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        let answer = match service {
            "checkpoint" => {
                self.seen().checkpoints.push(payload);
                self.changed.send_replace(());
                Ok(Value::Null)
            }
            "log_position" => {
                let taken = self.seen().taken;
                Ok(json!({ "stdout": self.before[0] + taken[0], "stderr": self.before[1] + taken[1] }))
            }
            other => Err(Error::plugin("host::unknown_service", format!("the conformance kit has no service {other}"))),
        };
        Box::pin(std::future::ready(answer))
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        let mut asked = self.cancellation.subscribe();
        Box::pin(async move {
            match asked.wait_for(Option::is_some).await.map(|asked| *asked) {
                Ok(Some(asked)) => asked,
                _ => std::future::pending().await,
            }
        })
    }

    fn cancellation(&self) -> Option<Cancellation> {
        *self.cancellation.borrow()
    }
}

/// Where bytes that come after `offset` others leave the repeating text.
fn difference(text: &[u8], offset: u64, bytes: &[u8]) -> Option<u64> {
    let period = text.len() as u64;
    let mut at = 0;
    while at < bytes.len() {
        let start = ((offset + at as u64) % period) as usize;
        let length = (text.len() - start).min(bytes.len() - at);
        if bytes[at..at + length] != text[start..start + length] {
            return Some(offset + at as u64);
        }
        at += length;
    }
    None
}
