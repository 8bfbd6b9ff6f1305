//! dbt: one task for any commands, one for each command that people use most, and one that prepares an environment.
//!
//! [`follow`] runs a command while [`log`] reads what dbt prints; [`results`] makes task runs of what it left behind.

#![forbid(unsafe_code)]

mod cli;
mod command;
mod follow;
mod log;
mod project;
mod results;
mod setup;
#[cfg(test)]
mod tests;
mod words;

pub use cli::DbtCli;
pub use setup::Setup;
pub use words::{Build, Compile, Deps, Freshness, List, Run, Seed, Snapshot, Test};

switchyard_plugin_api::export_plugin! {
    id: "dbt",
    tasks: [DbtCli, Build, Run, Test, Seed, Snapshot, Compile, Deps, List, Freshness, Setup],
}
