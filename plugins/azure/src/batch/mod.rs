//! The Azure Batch task runner: each task is one job with one task, in a pool that the user has made.
//!
//! A [`Run`](run::Run) goes from a request to its outcome: `task` says what is to be created, `api` asks Batch for it, `work` tells how it
//! fares and carries its output, `blob` holds files on their way. What is not Azure's own lies in `plugins/cloud-api`.

mod api;
mod auth;
mod blob;
mod command;
mod health;
mod properties;
mod refusal;
mod run;
mod runner;
mod status;
mod task;
mod token;
mod work;

pub use runner::AzureBatch;
