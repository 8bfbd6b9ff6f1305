//! A log, entry by entry, each once.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use switchyard_plugin_api::{Context, Error, Level, LogStream};
use tokio::time::sleep;

use super::{Client, Entry, is_passing};
use crate::position::Position;

/// Pages that are read before somebody looks at the work again: a command may write faster than they are read.
const PAGES: usize = 20;
/// Google lets a project ask for a log sixty times a minute. So many readers may ask as often as they like; more of them share.
const FREE: u32 = 4;
const SHARE: Duration = Duration::from_millis(1200);
/// How long a log is waited for that Google does not give out.
const PATIENCE: Duration = Duration::from_secs(180);

static READERS: AtomicU32 = AtomicU32::new(0);

/// Which entries, and what they are.
pub struct Source {
    pub filter: String,
    pub stream: fn(&Entry) -> LogStream,
}

/// Reads the log of one piece of work.
pub struct Log {
    source: Source,
    seen: HashSet<String>,
    /// Where the next question begins.
    since: Option<String>,
    /// What the host has already.
    position: Position,
    asked: Option<Instant>,
}

impl Log {
    /// From the beginning, or from where the host's log ends.
    pub async fn new(source: Source, again: bool, context: &Context) -> Self {
        READERS.fetch_add(1, Ordering::Relaxed);
        Self { source, seen: HashSet::new(), since: None, position: Position::of(again, context).await, asked: None }
    }

    /// Hands over what is new, unless others have to ask first or Google is busy; answers whether there is more already.
    pub async fn read(&mut self, client: &Client, context: &Context) -> Result<bool, Error> {
        let readers = READERS.load(Ordering::Relaxed);
        if readers > FREE && self.asked.is_some_and(|asked| asked.elapsed() < SHARE * readers) {
            return Ok(false);
        }
        match self.pages(client, context).await {
            Err(error) if is_passing(&error) => Ok(false),
            other => other,
        }
    }

    /// Hands over the rest. Entries come late and out of order: they are waited for, then all are looked through once more.
    pub async fn rest(&mut self, wait: Duration, client: &Client, context: &Context) -> Result<(), Error> {
        let until = Instant::now() + wait;
        let mut all = false;
        loop {
            let before = Instant::now();
            while self.patiently(client, context).await? {}
            if all {
                return Ok(());
            }
            if before >= until {
                all = true;
                self.since = None;
                continue;
            }
            sleep((until - before).min(Duration::from_secs(1))).await;
        }
    }

    /// A project's quota is full again a minute later.
    async fn patiently(&mut self, client: &Client, context: &Context) -> Result<bool, Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.pages(client, context).await {
                Err(error) if is_passing(&error) && Instant::now() < until => sleep(Duration::from_secs(5)).await,
                Err(error) if is_passing(&error) => {
                    context.message(Level::Warn, format!("The end of the log may be missing: {error}"));
                    return Ok(false);
                }
                other => return other,
            }
        }
    }

    async fn pages(&mut self, client: &Client, context: &Context) -> Result<bool, Error> {
        // The later pages belong to the same question.
        let since = self.since.clone();
        let mut page = None;
        for _ in 0..PAGES {
            let (entries, next) = client.entries(&self.source.filter, since.as_deref(), page).await?;
            self.asked = Some(Instant::now());
            self.hand_over(entries, context).await;
            page = next;
            if page.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn hand_over(&mut self, entries: Vec<Entry>, context: &Context) {
        let mut chunk: (LogStream, Vec<u8>) = (LogStream::Stdout, Vec::new());
        for entry in entries {
            // Known ones count as well: a log of many pages is passed over in several questions.
            self.since = self.since.take().max(Some(entry.timestamp.clone()));
            let stream = (self.source.stream)(&entry);
            if !self.seen.insert(entry.id) {
                continue;
            }
            if stream != chunk.0 && !chunk.1.is_empty() {
                context.write_log(chunk.0, &std::mem::take(&mut chunk.1)).await;
            }
            chunk.0 = stream;
            let mut line = entry.text.into_bytes();
            if !line.ends_with(b"\n") {
                line.push(b'\n');
            }
            chunk.1.extend(self.position.rest(stream, &line));
        }
        if !chunk.1.is_empty() {
            context.write_log(chunk.0, &chunk.1).await;
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        READERS.fetch_sub(1, Ordering::Relaxed);
    }
}
