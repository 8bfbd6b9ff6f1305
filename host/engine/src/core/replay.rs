//! From the events that a journal kept to the state they lead to, and to what is still to be done.

use std::sync::Arc;

use jiff::Timestamp;
use switchyard_model::Execution;

use super::{
    event::{Effect, Event},
    instance::Instance,
    program::Program,
};

/// An execution as its journal left it.
#[derive(Debug)]
pub struct Replayed {
    pub instance: Instance,
    /// Effects whose answer is not among the events.
    pub pending: Vec<Effect>,
}

/// Applies events that happened.
pub fn replay(program: Arc<Program>, execution: Execution, events: impl IntoIterator<Item = (Timestamp, Event)>) -> Replayed {
    let mut instance = Instance::new(program, execution);
    for (at, event) in events {
        instance.apply(at, event);
    }
    let pending = instance.open_effects();
    Replayed { instance, pending }
}
