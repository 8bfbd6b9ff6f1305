//! Google Cloud.

#![forbid(unsafe_code)]

mod cli;
#[cfg(test)]
mod tests;

pub use cli::GCloudCli;

switchyard_plugin_api::export_plugin! {
    id: "gcp",
    tasks: [GCloudCli],
}
