//! Azure.

#![forbid(unsafe_code)]

mod cli;
#[cfg(test)]
mod tests;

pub use cli::AzCli;

switchyard_plugin_api::export_plugin! {
    id: "azure",
    tasks: [AzCli],
}
