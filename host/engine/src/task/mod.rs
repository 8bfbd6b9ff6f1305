//! Core tasks: those that the host does itself.

mod core_task;
mod decide;
mod duration;
pub mod job;
pub mod property;
pub mod templated;

pub use core_task::{CoreTask, Done, plain};
pub use decide::{Rendering, decide, unrendered};
pub use duration::{duration, flag, number};
pub use job::Job;

/// Whether the host does this type itself; by canonical name.
pub fn is_core(type_name: &str) -> bool {
    CoreTask::of(type_name).is_some() || job::find(type_name).is_some() || type_name == templated::TYPE
}
