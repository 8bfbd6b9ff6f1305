//! Script tasks: from written properties to a finished command on a runner, and from its end to outputs.

mod choice;
mod context;
mod files;
mod legacy;
mod prepare;
mod request;

pub use choice::{Chosen, DOCKER, choose};
pub use context::FILE as CONTEXT_FILE;
pub use files::{Content, Input, inputs};
pub use prepare::{Preparation, Prepared, apply, needs_image, prepare, require_image};
pub use request::task_ref;
