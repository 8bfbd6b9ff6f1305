//! The plugin author's road: new, build, test, drop, run, change, compare; the reference; an editor's view.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod conformance;
mod docs;
mod editor;
mod new;
mod stranger;
mod tutorial;
