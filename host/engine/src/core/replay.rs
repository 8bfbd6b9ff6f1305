//! From the events that a journal kept to the state they lead to, and to what is still to be done.

use std::sync::Arc;

use jiff::Timestamp;
use switchyard_model::{Execution, State};

use super::{
    event::{Effect, Event},
    instance::Instance,
    program::Program,
};

/// An execution as its journal left it.
#[derive(Debug)]
pub struct Replayed {
    pub instance: Instance,
    /// Effects whose answer is not among the events, in the order in which they were asked for.
    pub pending: Vec<Effect>,
}

/// Applies events that happened.
pub fn replay(program: Arc<Program>, execution: Execution, events: impl IntoIterator<Item = (Timestamp, Event)>) -> Replayed {
    let mut instance = Instance::new(program, execution);
    let mut pending = Vec::new();
    for (at, event) in events {
        pending.retain(|effect| !answers(&event, effect));
        pending.extend(instance.apply(at, event));
        pending.retain(|effect| !matches!(effect, Effect::Changed { .. } | Effect::Complete));
    }
    let done = |run: usize| instance.task_run(run).state.current().is_terminal();
    pending.retain(|effect| match *effect {
        Effect::Start { run } | Effect::Stop { run } | Effect::Ask { run, .. } => !done(run),
        Effect::Timer { run, .. } => matches!(instance.task_run(run).state.current(), State::Retrying | State::Running | State::Paused),
        _ => true,
    });
    Replayed { instance, pending }
}

/// Whether an event is what an effect asked for.
fn answers(event: &Event, effect: &Effect) -> bool {
    match (event, effect) {
        (Event::Ended { run, .. }, Effect::Start { run: asked } | Effect::Stop { run: asked })
        | (Event::Decided { run, .. }, Effect::Ask { run: asked, .. }) => run == asked,
        (Event::Timer { run, kind }, Effect::Timer { run: asked, kind: other, .. }) => run == asked && kind == other,
        (Event::Outputs { .. }, Effect::RenderOutputs) => true,
        _ => false,
    }
}
