//! The server: HTTP API, events and triggers are not built yet; commands reach it through its control socket.

#![forbid(unsafe_code)]

pub mod control;
