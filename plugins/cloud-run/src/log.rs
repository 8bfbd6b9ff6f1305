//! The log of an execution, entry by entry, each once.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::json;
use switchyard_plugin_api::{Context, Error, LogStream};

use crate::api::{Client, Entry};

/// Pages that are read before somebody looks at the execution again: a command may write faster than they are read.
const PAGES: usize = 20;

/// Bytes that the host has of each stream.
#[derive(Debug, Default, Deserialize)]
struct Position {
    stdout: u64,
    stderr: u64,
}

/// Reads the log of one execution.
pub struct Log {
    job: String,
    execution: String,
    seen: HashSet<String>,
    /// Where the next question begins.
    since: Option<String>,
    /// Bytes of standard output and standard error that the host has already.
    skip: [u64; 2],
}

impl Log {
    /// From the beginning, or from where the host's log ends.
    pub async fn new(job: &str, execution: &str, again: bool, context: &Context) -> Self {
        // A host that does not know has nothing.
        let position =
            if again { context.service::<Position>("log_position", &json!({})).await.unwrap_or_default() } else { Position::default() };
        let skip = [position.stdout, position.stderr];
        Self { job: job.to_owned(), execution: execution.to_owned(), seen: HashSet::new(), since: None, skip }
    }

    /// Hands over what is new, page by page; answers whether there is more already.
    pub async fn read(&mut self, client: &Client, context: &Context) -> Result<bool, Error> {
        // The later pages belong to the same question.
        let since = self.since.clone();
        let mut page = None;
        for _ in 0..PAGES {
            let (entries, next) = client.entries(&self.job, &self.execution, since.as_deref(), page).await?;
            self.hand_over(entries, context).await;
            page = next;
            if page.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Entries may come late and out of order: the next question begins at the beginning again, and what is known is left out.
    pub fn rewind(&mut self) {
        self.since = None;
    }

    async fn hand_over(&mut self, entries: Vec<Entry>, context: &Context) {
        let mut chunk: (LogStream, Vec<u8>) = (LogStream::Stdout, Vec::new());
        for entry in entries {
            // Known ones count as well: a log of many pages is passed over in several questions.
            self.since = self.since.take().max(Some(entry.timestamp.clone()));
            if !self.seen.insert(entry.id.clone()) {
                continue;
            }
            if entry.stream != chunk.0 && !chunk.1.is_empty() {
                context.write_log(chunk.0, &std::mem::take(&mut chunk.1)).await;
            }
            chunk.0 = entry.stream;
            chunk.1.extend(self.rest(&entry));
        }
        if !chunk.1.is_empty() {
            context.write_log(chunk.0, &chunk.1).await;
        }
    }

    /// The entry's line, without what the host has.
    fn rest(&mut self, entry: &Entry) -> Vec<u8> {
        let mut line = entry.text.clone().into_bytes();
        line.push(b'\n');
        let skip = &mut self.skip[usize::from(entry.stream == LogStream::Stderr)];
        let known = (*skip).min(line.len() as u64);
        *skip -= known;
        line.split_off(known as usize)
    }
}
