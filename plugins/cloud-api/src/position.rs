//! How much of a task's output the host has already.

use serde::Deserialize;
use serde_json::json;
use switchyard_plugin_api::{Context, LogStream};

/// Bytes of each stream that are left out of what comes again from the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Position {
    pub stdout: u64,
    pub stderr: u64,
}

impl Position {
    /// Where the host's log ends, after a restart; else the beginning.
    pub async fn of(again: bool, context: &Context) -> Self {
        // A host that does not know has nothing.
        if again { context.service::<Self>("log_position", &json!({})).await.unwrap_or_default() } else { Self::default() }
    }

    /// The part of the next bytes that the host does not have.
    pub fn rest<'a>(&mut self, stream: LogStream, bytes: &'a [u8]) -> &'a [u8] {
        let skip = if stream == LogStream::Stderr { &mut self.stderr } else { &mut self.stdout };
        let known = (*skip).min(bytes.len() as u64);
        *skip -= known;
        &bytes[known as usize..]
    }
}
