//! Ansible.
//!
//! Two small Python files go into the working directory: a callback plugin that prints what happens as lines of JSON ([`event`] reads
//! them), and a module by which playbooks publish values. [`report`] makes outputs and task runs of it.

#![forbid(unsafe_code)]

mod cli;
mod event;
mod report;
#[cfg(test)]
mod tests;

pub use cli::AnsibleCli;

switchyard_plugin_api::export_plugin! {
    id: "ansible",
    tasks: [AnsibleCli],
}
