//! The pure core: `(program, state, event) → (new state, effects)`.
//!
//! It has no clock, no I/O and no randomness of its own: times and random numbers arrive inside events. The same events in the same
//! order always give the same state, which is how an execution is recovered from its journal.

mod control;
mod dynamic;
mod event;
mod flowable;
mod instance;
mod program;
mod replay;
#[cfg(test)]
mod tests;

pub use dynamic::Part;
pub use event::{Ask, Decision, Effect, Event, TaskEnd, TimerKind};
pub use instance::{Instance, RunIx};
pub use program::{Def, ListIx, Program, TaskIx};
pub use replay::{Replayed, replay};
