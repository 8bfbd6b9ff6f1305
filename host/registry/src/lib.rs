//! Finding, checking and loading plugins.
//!
//! [`Registry::open`] scans directories and knows every component by name; nothing of a library runs in the host before its bytes
//! were checked and a throw-away process has loaded it ([`preflight_main`]). Libraries are opened at their first use, from a private
//! copy, and stay.

#![deny(unsafe_code)]

mod cache;
mod catalog;
mod check;
pub mod defaults;
mod elf;
mod error;
mod events;
mod file;
mod gate;
mod inspect;
mod library;
mod options;
mod plugin;
mod pool;
mod preflight;
mod refusal;
mod registry;
mod scan;
pub mod schema;
mod status;
mod timed;
mod verdict;
mod watch;

pub use error::Error;
pub use gate::{Gate, GateVerdict};
pub use options::{Directory, Options, Trust};
pub use preflight::preflight_main;
pub use refusal::Refusal;
pub use registry::Registry;
pub use status::{State, Status};
