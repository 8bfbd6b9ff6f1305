//! Tasks that the host does itself, in flows.

#![allow(clippy::unwrap_used)]

mod cache;
mod directory;
mod http;
mod kv;
mod logs;
mod namespace;
mod secret;
mod storage;
mod support;
mod templated;
