//! The Google Batch task runner: each task is one job with one task.
//!
//! A [`Run`](run::Run) goes from a request to its outcome: `job` says what is to be created, `api` asks Batch for it, `work` tells how it
//! fares, `poll` asks once for all jobs that are followed. Tokens, files and log entries are those of `plugins/cloud-api`.

mod api;
mod health;
mod job;
mod poll;
mod properties;
mod run;
mod runner;
mod size;
mod status;
mod work;

pub use runner::GoogleBatch;
