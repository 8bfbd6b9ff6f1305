//! Core tasks: those that need nothing but the execution itself.

mod core_task;
mod decide;
mod duration;

pub use core_task::{CoreTask, Done, plain};
pub use decide::{Rendering, decide, unrendered};
pub use duration::duration;
