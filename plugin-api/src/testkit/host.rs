//! A host that remembers what a run tells it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::Checked;
use crate::{BoxFuture, CancelReason, Cancellation, Context, Error, Event, HostContext, Level, LogStream, Phase};

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
    /// Times of the pieces of both streams.
    pub times: Vec<i64>,
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

/// A host that remembers everything a run tells it: for tests of your own, beside the conformance kit's.
///
/// ```
/// use std::time::Duration;
/// use switchyard_plugin_api::{CancelReason, LogStream, Phase, testkit::Host};
///
/// # switchyard_plugin_api::tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let host = Host::new();
/// let context = host.context();
/// // What a runner does with the context that `TaskRunner::run` is given:
/// context.phase(Phase::Running);
/// context.write_log(LogStream::Stdout, b"ready\n").await;
///
/// host.until("output", |host| host.stdout().contains("ready")).await;
/// host.cancel(CancelReason::Kill, Duration::from_secs(1));
/// assert_eq!(host.phases(), [Phase::Running]);
/// assert!(context.cancellation().is_some());
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seen: Mutex<Seen>,
    changed: watch::Sender<()>,
    /// Moves when room was made, and at nothing else: two streams that wait must not wake each other.
    opened: watch::Sender<()>,
    cancellation: watch::Sender<Option<Cancellation>>,
    /// Asks the run to end when it enters this phase.
    cancel_in: Option<(Phase, Cancellation)>,
    /// Bytes that an earlier host of the same work has stored; none when nobody knows.
    before: Option<[u64; 2]>,
    /// What other services answer.
    answers: Mutex<Vec<(String, Value)>>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host that takes everything and does not know the service `log_position`.
    pub fn new() -> Self {
        Self::prepared(Sink::Keep, None, None, None)
    }

    /// A host after a restart: the one before has stored so many bytes of each stream, and the service `log_position` says so.
    pub fn after(stdout: u64, stderr: u64) -> Self {
        Self::prepared(Sink::Keep, None, None, Some([stdout, stderr]))
    }

    pub(super) fn prepared(sink: Sink, room: Option<u64>, cancel_in: Option<(Phase, Cancellation)>, before: Option<[u64; 2]>) -> Self {
        Self(Arc::new(Inner {
            seen: Mutex::new(Seen { room, sink, ..Seen::default() }),
            changed: watch::Sender::new(()),
            opened: watch::Sender::new(()),
            cancellation: watch::Sender::new(None),
            cancel_in,
            before,
            answers: Mutex::default(),
        }))
    }

    /// Makes a service of the host answer this.
    pub fn answer(&self, service: &str, answer: Value) {
        self.0.answers.lock().unwrap_or_else(PoisonError::into_inner).push((service.to_owned(), answer));
    }

    /// What a run is given.
    pub fn context(&self) -> Context {
        Context::new(self.0.clone())
    }

    /// Asks the run to end.
    pub fn cancel(&self, reason: CancelReason, grace: Duration) {
        self.0.cancellation.send_replace(Some(cancellation(reason, grace)));
    }

    /// Bytes of a stream so far.
    pub fn bytes(&self, stream: LogStream) -> Vec<u8> {
        match stream {
            LogStream::Stdout => self.seen().stdout.clone(),
            LogStream::Stderr => self.seen().stderr.clone(),
        }
    }

    /// Standard output so far; bytes that are no UTF-8 are replaced.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.bytes(LogStream::Stdout)).into_owned()
    }

    /// Standard error so far; bytes that are no UTF-8 are replaced.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.bytes(LogStream::Stderr)).into_owned()
    }

    /// Times of the pieces of output, in the order in which they came: nanoseconds of Unix time.
    pub fn times(&self) -> Vec<i64> {
        self.seen().times.clone()
    }

    /// Phases in their order.
    pub fn phases(&self) -> Vec<Phase> {
        self.seen().phases.clone()
    }

    /// All events in their order.
    pub fn events(&self) -> Vec<Event> {
        self.seen().events.clone()
    }

    /// Messages of a level.
    pub fn messages(&self, wanted: Level) -> Vec<String> {
        let of_level = |event: &Event| match event {
            Event::Message { level, message } if *level == wanted => Some(message.clone()),
            _ => None,
        };
        self.seen().events.iter().filter_map(of_level).collect()
    }

    /// Messages of level [`Level::Warn`].
    pub fn warnings(&self) -> Vec<String> {
        self.messages(Level::Warn)
    }

    /// The last value of a detail.
    pub fn detail(&self, name: &str) -> Option<Value> {
        let value = |event: &Event| if let Event::Details { details } = event { details.get(name).cloned() } else { None };
        self.seen().events.iter().rev().find_map(value)
    }

    /// Checkpoints in their order.
    pub fn checkpoints(&self) -> Vec<Value> {
        self.seen().checkpoints.clone()
    }

    /// Waits until the run has told something that makes this true.
    ///
    /// # Panics
    /// After two minutes, with what was waited for.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = self.wait(what, Duration::from_secs(120), || holds(self)).await;
        assert_eq!(waited, Ok(()));
    }

    /// Waits until what was seen satisfies `expected`; the error says what was waited for.
    pub(super) async fn sees(&self, what: &str, patience: Duration, expected: impl Fn(&Seen) -> bool) -> Checked {
        self.wait(what, patience, || expected(&self.seen())).await
    }

    async fn wait(&self, what: &str, patience: Duration, holds: impl Fn() -> bool) -> Checked {
        let mut changes = self.0.changed.subscribe();
        let wait = async {
            while !holds() {
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

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen()
    }

    /// What the run said so far, in short.
    pub(super) fn said(&self) -> String {
        let seen = self.seen();
        let text = |bytes: &[u8]| shorten(&String::from_utf8_lossy(bytes));
        format!("standard output: {:?}, standard error: {:?}", text(&seen.stdout), text(&seen.stderr))
    }

    pub(super) fn open(&self) {
        self.seen().room = None;
        self.0.opened.send_replace(());
    }
}

impl Inner {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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

impl HostContext for Inner {
    fn try_write_log(&self, stream: LogStream, time: i64, bytes: &[u8]) -> bool {
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
        seen.times.push(time);
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
        let answer = match (service, self.before) {
            ("checkpoint", _) => {
                self.seen().checkpoints.push(payload);
                self.changed.send_replace(());
                Ok(Value::Null)
            }
            ("log_position", Some([stdout, stderr])) => {
                let taken = self.seen().taken;
                Ok(json!({ "stdout": stdout + taken[0], "stderr": stderr + taken[1] }))
            }
            (other, _) => {
                let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
                let known = answers.iter().rev().find(|(service, _)| service == other).map(|(_, answer)| answer.clone());
                known.ok_or_else(|| Error::plugin("host::unknown_service", format!("the conformance kit has no service {other}")))
            }
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
