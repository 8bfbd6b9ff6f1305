//! The Docker task runner: containers on a Docker-compatible engine.
//!
//! A [`Run`](run::Run) goes from a request to its outcome: [`container`] says what is to be created, [`launch`] creates it (with
//! [`pull`] and [`auth`] when the image is missing), [`files`] moves the working directory, [`follow`] carries output and waits, [`cleanup`]
//! removes. [`attach`] enters the same path in its middle, after a restart of the host.

#![forbid(unsafe_code)]

mod attach;
mod auth;
mod bind;
mod checkpoint;
mod cleanup;
mod container;
mod engine;
mod error;
mod files;
mod follow;
mod kernel;
mod launch;
mod logs;
mod outcome;
mod port;
pub mod properties;
mod pull;
mod reference;
mod refusal;
mod run;
pub mod runner;
pub mod scalar;
mod surroundings;

use runner::Docker;

switchyard_plugin_api::export_plugin! {
    id: "docker",
    runners: [Docker],
}
