//! Files that outlive the task that made them, under `kestra:///…` URIs.
//!
//! Every URI lies below one tenant (`main/`) of a directory, a bucket or a container. On the local disk a file is moved or
//! linked where that is possible.

mod error;
mod local;
mod store;
mod uri;

#[cfg(test)]
mod tests;

pub use error::{Error, Result};
pub use store::{Source, Storage, Stored};
pub use uri::{StorageUri, namespace_path, slug};
