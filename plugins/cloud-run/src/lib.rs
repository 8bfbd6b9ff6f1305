//! The Google Cloud Run task runner: each task is one execution of one Cloud Run job.
//!
//! A [`Run`](run::Run) goes from a request to its outcome: `job` says what is to be created, `api` asks Cloud Run for it, `work` tells how
//! it fares. After a restart of the host `run` enters the same path in its middle. Tokens, files and log entries are those of
//! `plugins/cloud-api`. `plugin-api/docs/tutorial.md` walks through how it came to be.

#![forbid(unsafe_code)]

mod api;
mod job;
pub mod properties;
mod run;
pub mod runner;
mod work;

use runner::CloudRun;

switchyard_plugin_api::export_plugin! {
    id: "cloud-run",
    runners: [CloudRun],
}
