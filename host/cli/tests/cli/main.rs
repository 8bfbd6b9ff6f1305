//! The command as people and programs use it: the built binary, with the plugins built beside it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod docker;
mod document;
mod exit;
mod explain;
mod hostile;
mod isolation;
mod legacy;
mod plugins;
mod recording;
mod screen;
mod services;
mod signal;
mod stage;
mod trust;
mod validate;
