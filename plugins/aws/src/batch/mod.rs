//! The AWS Batch task runner: each task is one job of up to three containers. One fetches the input files from S3 into a volume, one runs
//! the command, one brings the output files back.
//!
//! A `Run` goes from a request to its outcome: `files` moves the working directory through a bucket, `document` says what is to be
//! created and `size` how large, `follow` waits and carries the log, `outcome` reads the end. After a restart of the host `run` enters the
//! same path in its middle.

mod document;
mod files;
mod follow;
mod health;
mod log;
mod name;
mod outcome;
mod platform;
pub mod properties;
mod run;
mod runner;
mod size;

pub use runner::AwsBatch;
