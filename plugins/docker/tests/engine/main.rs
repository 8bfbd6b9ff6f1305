//! Conformance of the runner on a real engine, in the order of the rows of its specification. Every test needs a Docker engine with the image
//! `busybox:switchyard-test`; `cargo xtask test` provides both.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod daemon;
mod files;
mod images;
mod lifecycle;
mod logs;
mod podman;
mod real_registry;
mod registry;
mod resources;
mod resume;
mod setup;
mod unreachable;
