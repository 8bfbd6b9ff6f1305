//! Azure.

#![forbid(unsafe_code)]

pub mod batch;
mod cli;
#[cfg(test)]
mod tests;

use batch::AzureBatch;
pub use cli::AzCli;

switchyard_plugin_api::export_plugin! {
    id: "azure",
    runners: [AzureBatch],
    tasks: [AzCli],
}
