//! The Google Cloud Run task runner: each task is one execution of one Cloud Run job.
//!
//! A [`Run`](run::Run) goes from a request to its outcome: `files` moves the working directory through a bucket, `job` says what is to be
//! created, `api` speaks with Google over plain HTTP, `follow` waits and carries the log. After a restart of the host `run` enters the
//! same path in its middle. `plugin-api/docs/tutorial.md` walks through how it came to be.

#![forbid(unsafe_code)]

mod api;
mod files;
mod follow;
mod job;
mod log;
mod name;
pub mod properties;
mod run;
pub mod runner;

use runner::CloudRun;

switchyard_plugin_api::export_plugin! {
    id: "cloud-run",
    runners: [CloudRun],
}
