//! The Kubernetes task runner: pods of a cluster.
//!
//! A [`Run`](run::Run) goes from a request to its outcome: [`pod`] says what is to be created (pure), [`cluster`] connects, asks and watches, [`launch`]
//! creates, [`follow`] waits for the start (with [`start`]), moves files ([`staging`]: [`files`] over [`exec`]), carries output ([`logs`]) and reads the pod's
//! [`state`] and, of a pod that was taken away, its [`events`] and its [`node`]; [`cleanup`] removes, [`tidy`] what
//! earlier hosts left. [`attach`] enters the same path in its middle, after a restart of the host.

#![forbid(unsafe_code)]

mod attach;
mod checkpoint;
mod cleanup;
mod cluster;
mod error;
mod events;
mod exec;
mod files;
mod follow;
mod health;
mod launch;
mod logs;
mod node;
mod outcome;
mod pod;
pub mod properties;
mod quota;
mod run;
pub mod runner;
pub mod scalar;
mod secret;
mod staging;
mod start;
mod state;
mod tidy;

use runner::Kubernetes;

switchyard_plugin_api::export_plugin! {
    id: "kubernetes",
    runners: [Kubernetes],
}
