//! A cloud in a process: jobs run as local processes, the bucket is a directory, the log is a list. Speaks the parts of the real
//! services' REST form that a runner needs, and is strict about them. For tests, so it panics where a test should fail.

#![allow(clippy::unwrap_used, missing_docs)]

pub mod aws;
pub mod google;
pub mod http;
mod objects;
pub mod process;
