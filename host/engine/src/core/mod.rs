//! The pure core: `(program, state, event) → (new state, effects)`.
//!
//! It has no clock, no I/O and no randomness of its own: times and random numbers arrive inside events. The same events in the same
//! order always give the same state, which is how an execution is recovered from its journal.

pub mod again;
mod attempt;
mod control;
mod dynamic;
mod ending;
mod event;
mod flowable;
mod frame;
mod hold;
mod instance;
mod iteration;
mod open;
mod outputs;
mod pausing;
mod program;
mod replay;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod view;

pub use dynamic::Part;
pub use event::{Ask, Decision, Effect, Event, Item, TaskEnd, TimerKind};
pub use instance::{Instance, RunIx, derived_id};
pub use program::{Def, ListIx, Program, Step, TaskIx};
pub use replay::{Replayed, replay};
pub use view::Iteration;
