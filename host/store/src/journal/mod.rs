//! What happened to every execution, in order, before anyone else sees it.
//!
//! A [`Journal`] is a cheap handle over a [`Backend`]. Writes are queued without waiting and become durable in groups;
//! each gives a [`Ticket`] that resolves when its group is committed. Reads see every write made earlier through
//! the same journal.
//!
//! *Durable* means by default that the write survives the death of this process at any moment (`kill -9`). Surviving a
//! power cut as well costs an fsync per group: [`Durability::Machine`].

mod backend;
mod error;
mod handle;
mod options;
#[cfg(feature = "postgres")]
mod postgres;
mod queue;
mod sqlite;
mod ticket;
mod write;

#[cfg(test)]
mod tests;

pub use backend::{Backend, Reading};
pub use error::{Error, Result};
pub use handle::Journal;
pub use options::{Durability, Options};
#[cfg(feature = "postgres")]
pub use postgres::Sharing;
pub use ticket::{Committed, Ticket};
pub use write::{Entry, ExecutionFilter, FlowSource, Record, Summary, Write};
