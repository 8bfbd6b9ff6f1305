//! What to run next, and running it.

#![forbid(unsafe_code)]

pub mod core;
