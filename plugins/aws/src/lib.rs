//! Amazon Web Services.

#![forbid(unsafe_code)]

mod cli;
mod connection;
mod role;
#[cfg(test)]
mod tests;

pub use cli::AwsCli;

switchyard_plugin_api::export_plugin! {
    id: "aws",
    tasks: [AwsCli],
}
