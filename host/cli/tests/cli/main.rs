//! The command as people and programs use it: the built binary, with the plugins built beside it.

mod document;
mod exit;
mod stage;
