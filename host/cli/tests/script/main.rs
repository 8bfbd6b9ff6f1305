//! The conformance rows of script tasks, each with its number: the built program, real processes, and the same rows in containers.

#![allow(clippy::unwrap_used)]

#[path = "../cli/stage.rs"]
#[allow(dead_code)]
mod stage;

#[path = "../tools/installed.rs"]
#[allow(dead_code)]
mod installed;

mod files;
mod languages;
mod legacy;
mod limits;
mod outputs;
mod place;
mod python;
mod run;
mod same;
