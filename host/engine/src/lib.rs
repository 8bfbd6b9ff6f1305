//! What to run next, and running it.

#![forbid(unsafe_code)]

pub mod capture;
pub mod core;
pub mod process;
