//! Google Cloud.

#![forbid(unsafe_code)]

pub mod batch;
mod cli;
#[cfg(test)]
mod tests;

use batch::GoogleBatch;
pub use cli::GCloudCli;

switchyard_plugin_api::export_plugin! {
    id: "gcp",
    runners: [GoogleBatch],
    tasks: [GCloudCli],
}
