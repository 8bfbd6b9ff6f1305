//! The runner against a fake of AWS, which runs the containers of jobs as local processes.

#![allow(clippy::unwrap_used)]

mod conformance;
mod credentials;
mod documents;
mod files;
mod lifecycle;
mod restart;
mod serve;
mod setup;
mod trouble;
