//! The expression language: parse once, render many.
//!
//! Rendering borrows its variables from a [`Scope`] and copies none of them; what an expression cannot bring itself
//! (secrets, files, the clock, HTTP) it asks of a [`Host`]. There is no I/O in this crate.
#![forbid(unsafe_code)]

mod ast;
mod cache;
mod catalog;
mod cipher;
mod crypto;
mod date;
mod decimal_format;
mod engine;
mod error;
mod eval;
mod filter;
mod function;
mod host;
mod ion;
mod jq;
mod limits;
mod nearest;
mod parse;
mod print;
mod raw;
mod references;
mod scope;
mod secrets;
mod template;
mod val;
mod yaml;

pub use catalog::{Entry, EntryKind, entries};
pub use cipher::{decrypt, encrypt};
pub use date::time_zone;
pub use engine::{Engine, is_truthy, needs_rendering};
pub use error::{Error, Place, codes};
pub use host::{Host, HostError, HttpCall, Nowhere};
pub use ion::rows as ion_rows;
pub use limits::Limits;
pub use references::Reference;
pub use scope::{Context, Lazy, Overlay, Scope};
pub use template::Template;
pub use val::{Entries, Items, List, Map, Val};

#[cfg(test)]
mod tests;
