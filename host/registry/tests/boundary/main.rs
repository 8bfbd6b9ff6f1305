//! The boundary between host and plugins under attack: every crime, every broken file, every mismatch, with the outcome the host
//! promises. Where the outcome may be a signal, the host is a process of its own.

#![allow(clippy::unwrap_used)]

mod allocator;
mod cache;
mod compilers;
mod conflicts;
mod crimes;
mod files;
mod frozen;
mod host;
mod isolation;
mod load;
mod mismatch;
mod outcomes;
mod quarantine;
mod raw;
mod schema;
mod trust;
