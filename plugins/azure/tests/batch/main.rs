//! The Azure Batch runner against a fake of Azure's services, which runs tasks as local processes and checks every signature.

#![allow(clippy::unwrap_used)]

mod body;
mod conformance;
mod fake;
mod files;
mod lifecycle;
mod restart;
mod serve;
mod setup;
mod trouble;
