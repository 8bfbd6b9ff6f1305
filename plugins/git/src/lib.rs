//! Git. The task calls the `git` of the host: it knows every transport and every server.
//!
//! [`properties`] is what users write, [`order`] what git is asked to do, [`access`] the keys and passwords it does it with, [`place`]
//! where, [`program`] runs it, [`refusal`] says why it would not.

#![forbid(unsafe_code)]

mod access;
mod clone;
mod config;
mod order;
mod place;
mod program;
mod progress;
mod properties;
mod refusal;
#[cfg(test)]
mod tests;

pub use clone::Clone;

switchyard_plugin_api::export_plugin! {
    id: "git",
    tasks: [Clone],
}
