//! The runner against a fake of Google's services, which runs jobs as local processes.

#![allow(clippy::unwrap_used)]

mod auth;
mod body;
mod conformance;
mod fake;
mod lifecycle;
mod recording;
mod setup;
