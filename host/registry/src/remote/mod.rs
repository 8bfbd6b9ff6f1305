//! Plugins in processes of their own.
//!
//! The host starts itself once for each such plugin ([`process_main`]); both speak the messages of [`frame`] over a socket pair,
//! which is the child's standard input. Many runs share one process. When it ends, for whatever reason, its calls hear why, and the
//! next call starts another one.

mod component;
mod connection;
mod end;
mod frame;
mod link;
mod outbox;
mod serve;
mod subprocess;

pub(crate) use component::Remote;
pub use serve::process_main;
pub(crate) use subprocess::{Launch, Subprocess};
