//! Flows that call flows, loops, pauses, promises: the language as a whole engine runs it, with core tasks only.

#![allow(clippy::unwrap_used)]

mod batches;
mod calls;
mod control;
mod idioms;
mod loops;
mod schedules;
mod triggers;
mod warnings;
mod world;
