//! The working directory's way into the pod and back: one archive each way, streamed, with its digest.

mod archive;
mod chunks;
mod download;
mod names;
mod plan;
mod unpack;
mod upload;
mod wanted;

pub use download::download;
pub use upload::upload;
pub use wanted::Wanted;

use std::path::Path;

/// What was moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes of file content.
    pub bytes: u64,
    /// What was left out, and why.
    pub warnings: Vec<String>,
}

/// Whether the directory has any entry.
pub fn has_entries(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}
