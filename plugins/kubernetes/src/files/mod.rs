//! The working directory's way into the pod and back: one archive each way, streamed, with its digest.

mod chunks;
mod download;
mod find;
mod upload;

pub use download::download;
pub use upload::upload;
