//! The command as people and programs use it: the built binary, with the plugins built beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod document;
mod exit;
mod stage;
