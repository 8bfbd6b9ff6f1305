//! The runner that is always there: the command becomes a process of the host's machine.
//!
//! This is the hot path of the product, so it stays on `posix_spawn` (no `pre_exec`), owns no thread and no timer per task, and
//! reads pipes into one buffer per thread. A run is [`Started`] by `start`, followed by `runner`, ended by `kill`: another way to
//! start and follow processes only has to replace the first two.

mod environment;
mod kept;
mod kill;
mod limits;
mod pipe;
mod program;
mod runner;
mod snapshot;
mod start;
#[cfg(test)]
mod tests;
mod watch;

pub use limits::Limits;
pub use runner::{ProcessProperties, ProcessRunner};
pub use start::Started;
pub(crate) use watch::watch;
