//! The Google Batch runner against a fake of Google's services, which runs jobs as local processes.

#![allow(clippy::unwrap_used)]

mod body;
mod conformance;
mod fake;
mod files;
mod lifecycle;
mod many;
mod restart;
mod schema;
mod serve;
mod setup;
mod trouble;
