//! What to run next, and running it.
//!
//! [`load`] turns a text into a flow that can run, [`core`] decides what happens, [`Engine`] makes it happen: one task per
//! execution feeds events to the core and performs its effects.

#![forbid(unsafe_code)]

mod actor;
mod attempt;
mod call;
pub mod capture;
mod condition;
pub mod config;
mod context;
pub mod core;
mod digest;
mod directory_cache;
mod engine;
pub mod flows;
mod gate;
mod holiday;
mod http;
mod instance;
pub mod keeper;
mod left;
mod lint;
mod listen;
pub mod load;
mod log_entries;
pub mod log_parts;
mod loops;
mod memory;
mod namespace_files;
pub mod notice;
pub mod patience;
mod preview;
pub mod process;
mod random;
pub mod recording;
pub mod recovery;
pub mod schedule;
mod script;
mod services;
mod task;
mod task_cache;
pub mod under_way;
mod vault;
mod wait;
mod working_directory;

pub use actor::Control;
pub use config::Config;
pub use engine::{Engine, Handle, Options, Original, Refused, Submission, built_in, stored_document};
pub use keeper::Keeper;
pub use load::Loaded;
pub use notice::{Notice, Observer, TaskTag, Unobserved};
pub use preview::TaskPreview;
pub use services::Services;
