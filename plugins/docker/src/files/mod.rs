//! The working directory's way into the container and back.

mod download;
mod owner;
mod upload;

pub use download::download;
pub use owner::{Texts, resolve as resolve_owner, stranger};
pub use upload::{Upload, upload};

use std::io::Read;

use switchyard_plugin_api::{Files, transfer::has_entries};

/// Whether anything has to be copied, in or out.
pub fn anything_to_copy(files: &Files) -> bool {
    !files.outputs.is_empty() || files.output_dir.is_some() || files.shared || has_entries(&files.working_dir)
}

/// Text of the first regular file of an archive.
pub fn first_file(archive: &[u8]) -> Option<String> {
    let mut archive = tar::Archive::new(archive);
    let mut entry = archive.entries().ok()?.filter_map(Result::ok).find(|e| e.header().entry_type().is_file())?;
    let mut text = String::new();
    entry.read_to_string(&mut text).ok()?;
    Some(text)
}
