//! The log of one attempt: stored and shown.

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use switchyard_model::Level;
use switchyard_plugin_api::{Error, LogStream, Phase, Progress, TaskRef};
use switchyard_store::{
    logs::{self, ExecutionLog, LogWriter, Mark, Marked},
    masking::Masker,
};

use super::{
    backlog::{self, What},
    log_file::LogFile,
};
use crate::{
    engine::Shared,
    notice::{Notice, Observer, TaskTag},
};

/// A longer message becomes several entries.
const LONGEST_MESSAGE: usize = 10 * 1024;

/// Cheap to clone. Takes whole or partial lines, masks secrets of messages; streams are masked by the capture before.
#[derive(Clone)]
pub struct TaskLog(Arc<Inner>);

struct Inner {
    writer: LogWriter,
    tag: TaskTag,
    observer: Arc<dyn Observer>,
    execution: ExecutionLog,
    name: String,
    /// Lines below it are not kept.
    minimum: Level,
    masker: Masker,
    /// Takes the lines in the log store's place.
    file: Option<LogFile>,
}

impl TaskLog {
    pub fn new(
        log: &ExecutionLog,
        observer: &Arc<dyn Observer>,
        tag: TaskTag,
        attempt: usize,
        minimum: Option<Level>,
        masker: Masker,
    ) -> Self {
        let name = format!("{}/{attempt}", tag.taskrun_id);
        let writer = log.attempt(name.clone());
        let execution = log.clone();
        Self(Arc::new(Inner {
            writer,
            execution,
            name,
            tag,
            observer: Arc::clone(observer),
            minimum: minimum.unwrap_or(Level::Trace),
            masker,
            file: None,
        }))
    }

    /// The same log, kept in a file. Only before it is shared.
    #[must_use]
    pub fn into_file(self, file: LogFile) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner { file: Some(file), ..inner })),
            Err(shared) => Self(shared),
        }
    }

    /// Stores the file, if there is one; answers its URI.
    pub(crate) async fn store_file(&self, shared: &Shared, task: &TaskRef) -> Option<String> {
        let stored = self.0.file.as_ref()?.store(shared, task).await;
        stored
            .map_err(|error| tracing::error!(taskrun = %self.0.tag.taskrun_id, "the log file could not be stored: {}", error.message))
            .ok()
    }

    pub fn masker(&self) -> &Masker {
        &self.0.masker
    }

    /// Bytes of a stream, already masked; the mark says how far the streams are with them.
    pub fn stream(&self, stream: LogStream, level: Level, time: i64, bytes: &[u8], mark: Option<&Mark>) {
        let (source, own) = match stream {
            LogStream::Stdout => (logs::Source::Stdout, Level::Info),
            LogStream::Stderr => (logs::Source::Stderr, Level::Error),
        };
        let bytes = &*in_lines(bytes);
        if level == own {
            return self.put(source, level, time, bytes, mark);
        }
        // At another level than its stream's each line is an entry of its own.
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let mark = mark.filter(|_| lines.peek().is_none());
            self.put(logs::Source::Message(stored(level)), level, time, line.strip_suffix(b"\r").unwrap_or(line), mark);
        }
    }

    /// How far the streams are, when that is not said with text.
    pub fn mark(&self, time: i64, mark: &Mark) {
        // What waits is not stored: a host that goes on must not believe so.
        if backlog::waits() {
            return;
        }
        if let Err(error) = self.0.writer.mark(time, mark) {
            self.lost(&error);
        }
    }

    /// The last lines of these streams have no end yet.
    pub fn continues(&self, streams: &[logs::Stream]) {
        self.0.writer.continues(streams);
    }

    /// How far the streams were when an earlier host stopped; `None` when it stored nothing.
    pub fn marked(&self) -> Option<Marked> {
        self.0.execution.marked(&self.0.name).unwrap_or_else(|error| {
            self.lost(&error);
            None
        })
    }

    /// A message of the host or of a component.
    pub fn message(&self, level: Level, text: &str) {
        self.message_at(level, now(), self.0.masker.text(text).as_bytes());
    }

    /// A message at its own time, already masked.
    pub fn message_at(&self, level: Level, time: i64, text: &[u8]) {
        for part in parts(text) {
            self.put(logs::Source::Message(stored(level)), level, time, part, None);
        }
    }

    /// An error, with what to do about it.
    pub fn error(&self, error: &Error) {
        let help = error.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        let at = error.property.as_ref().filter(|at| !at.is_empty()).map(|at| format!(" (at {at})")).unwrap_or_default();
        self.message(Level::Error, &format!("{}{at} [{}]{help}", error.message, error.code));
        if let Some(backtrace) = &error.backtrace {
            self.message(Level::Trace, backtrace);
        }
    }

    pub fn phase(&self, phase: Phase) {
        self.0.observer.notice(&Notice::Phase { task: &self.0.tag, phase, at: Timestamp::now() });
    }

    pub fn progress(&self, progress: &Progress) {
        self.0.observer.notice(&Notice::Progress { task: &self.0.tag, progress });
    }

    /// No more of the streams will come.
    pub fn end(&self) {
        self.store_or_wait(now(), What::Finish);
    }

    fn put(&self, source: logs::Source, level: Level, time: i64, bytes: &[u8], mark: Option<&Mark>) {
        if level < self.0.minimum || bytes.is_empty() && source.stream().is_some() {
            return;
        }
        let time = if time == 0 { now() } else { time };
        match &self.0.file {
            Some(file) => {
                if let Err(error) = file.append(source, level, time, bytes) {
                    tracing::error!(taskrun = %self.0.tag.taskrun_id, %error, "log lines could not be written");
                }
                if let Some(mark) = mark {
                    self.mark(time, mark);
                }
            }
            None => self.append(source, time, bytes, mark),
        }
        let at = Timestamp::from_nanosecond(i128::from(time)).unwrap_or_else(|_| Timestamp::now());
        let partial = source.stream().is_some() && !bytes.ends_with(b"\n");
        self.0.observer.notice(&Notice::Log { task: &self.0.tag, level, at, text: bytes, partial });
    }

    fn append(&self, source: logs::Source, time: i64, bytes: &[u8], mark: Option<&Mark>) {
        let waiting = || What::Bytes { source, bytes: bytes.to_vec(), mark: mark.cloned() };
        if backlog::waits() {
            return self.wait(time, waiting());
        }
        let written = match mark {
            Some(mark) => self.0.writer.append_marked(source, time, bytes, mark),
            None => self.0.writer.append(source, time, bytes),
        };
        match written {
            Ok(()) => {}
            Err(logs::Error::Full { .. }) => self.wait(time, waiting()),
            Err(error) => self.lost(&error),
        }
    }

    fn store_or_wait(&self, time: i64, what: What) {
        if backlog::waits() {
            return self.wait(time, what);
        }
        match self.store(time, &what) {
            Ok(()) => {}
            Err(logs::Error::Full { .. }) => self.wait(time, what),
            Err(error) => self.lost(&error),
        }
    }

    fn wait(&self, time: i64, what: What) {
        if !backlog::push(backlog::Entry { log: self.clone(), time, what }) {
            tracing::error!(taskrun = %self.0.tag.taskrun_id, "log lines are lost: the disk is full, and too many wait already");
        }
    }

    /// Stores what has waited.
    pub(super) fn store(&self, time: i64, what: &What) -> logs::Result<()> {
        match what {
            What::Bytes { source, bytes, mark: Some(mark) } => self.0.writer.append_marked(*source, time, bytes, mark),
            What::Bytes { source, bytes, mark: None } => self.0.writer.append(*source, time, bytes),
            What::Finish => self.0.writer.finish(time),
        }
    }

    /// The line is still shown; what cannot be kept is said where it cannot be overlooked.
    pub(super) fn lost(&self, error: &logs::Error) {
        tracing::error!(taskrun = %self.0.tag.taskrun_id, %error, "log lines could not be stored");
    }
}

/// A CR alone ends a line too: each state of a progress bar is an entry of its own.
fn in_lines(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut found = memchr::memchr_iter(b'\r', bytes).filter(|&at| bytes.get(at + 1) != Some(&b'\n')).peekable();
    if found.peek().is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut lines = bytes.to_vec();
    for at in found {
        lines[at] = b'\n';
    }
    Cow::Owned(lines)
}

/// A message in entries of at most 10 KiB, none of which ends inside a character. Spec 2.4.
fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if text.len() <= LONGEST_MESSAGE {
            return Some(text);
        }
        // Bytes that go on in a character begin with the bits 10.
        let mut end = LONGEST_MESSAGE;
        while end > LONGEST_MESSAGE - 4 && text[end] & 0b1100_0000 == 0b1000_0000 {
            end -= 1;
        }
        rest = Some(&text[end..]);
        Some(&text[..end])
    })
}

pub(super) fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

fn stored(level: Level) -> logs::Level {
    match level {
        Level::Trace => logs::Level::Trace,
        Level::Debug => logs::Level::Debug,
        Level::Info => logs::Level::Info,
        Level::Warn => logs::Level::Warn,
        Level::Error => logs::Level::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_MESSAGE, parts};

    #[test]
    fn long_messages_are_split_between_characters_2_4() {
        for (text, expected) in [
            (String::new(), vec![0]),
            ("x".repeat(LONGEST_MESSAGE), vec![LONGEST_MESSAGE]),
            ("x".repeat(LONGEST_MESSAGE + 1), vec![LONGEST_MESSAGE, 1]),
            // Three bytes each: 10,240 is not a multiple of three.
            ("€".repeat(LONGEST_MESSAGE / 3 + 1), vec![LONGEST_MESSAGE - 1, 3]),
        ] {
            let found: Vec<&[u8]> = parts(text.as_bytes()).collect();
            assert_eq!(found.iter().map(|part| part.len()).collect::<Vec<_>>(), expected);
            assert!(found.iter().all(|part| std::str::from_utf8(part).is_ok()));
        }
    }
}
