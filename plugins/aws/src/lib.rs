//! Amazon Web Services: the AWS CLI as a task, and AWS Batch as a task runner.
//!
//! `cli` makes a plan of commands. `batch` is the runner: a `Run` goes from a request to its outcome, `api` speaks with AWS over plain
//! HTTP, signed by what `credentials` finds.

#![forbid(unsafe_code)]

mod api;
mod batch;
mod cli;
mod connection;
mod credentials;
mod role;
#[cfg(test)]
mod tests;

pub use batch::AwsBatch;
pub use cli::AwsCli;

switchyard_plugin_api::export_plugin! {
    id: "aws",
    runners: [AwsBatch],
    tasks: [AwsCli],
}
