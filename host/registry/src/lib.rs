//! Finding, checking and loading plugins.
//!
//! [`Registry::open`] scans directories and knows every component by name; nothing of a library runs in the host before its bytes
//! were checked and a throw-away process has loaded it ([`preflight_main`]). Libraries are opened at their first use, from a private
//! copy, and stay; or they are opened in a process of their own ([`process_main`]), when that is configured or when they have harmed
//! the host before.

#![deny(unsafe_code)]

mod blame;
mod cache;
mod catalog;
mod check;
pub mod defaults;
mod elf;
mod error;
mod events;
mod file;
mod gate;
mod gone;
mod inspect;
mod isolation;
mod library;
mod lookout;
mod options;
mod outlook;
mod pattern;
mod plugin;
mod pool;
mod preflight;
mod quarantine;
mod refusal;
mod registry;
mod remote;
mod scan;
pub mod schema;
mod status;
mod timed;
mod trust;
mod usage;
mod verdict;
mod watch;

pub use error::Error;
pub use gate::{Gate, GateVerdict};
pub use isolation::{Isolation, Placement, Rule, Rules};
pub use lookout::{Lookout, News};
pub use options::{Directory, Options, Trust};
pub use outlook::{FileChange, FileFate, Outlook, PlacementChange, TypeChange, TypeFate};
pub use pattern::Pattern;
pub use preflight::preflight_main;
pub use quarantine::Entry as Quarantined;
pub use refusal::Refusal;
pub use registry::Registry;
pub use remote::process_main;
pub use status::{State, Status};
pub use trust::{BadKey, Change, Key, Lock, Policy};
pub use usage::Usage;
