//! How many executions of a flow run at a time; spec 8.6. One host counts its own; hosts that share a journal count in its
//! [places](places).

mod places;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use switchyard_model::Flow;
use tokio::sync::oneshot;

use crate::memory::Memory;
pub use places::Places;

type Name = (Arc<str>, Arc<str>);

/// The gates of all flows with a limit. Cheap to clone.
#[derive(Clone, Default)]
pub struct Gates(Arc<Mutex<HashMap<Name, Gate>>>);

#[derive(Default)]
struct Gate {
    inside: u64,
    /// First come, first served; each with the limit of its own revision of the flow.
    queue: VecDeque<(u64, oneshot::Sender<Pass>)>,
}

/// Counts as one running execution until it is dropped.
pub struct Pass(Option<Counted>);

/// Where it counts.
enum Counted {
    Here {
        gates: Gates,
        name: Name,
    },
    InPlace {
        memory: Memory,
        flow: String,
        place: String,
    },
    /// In a place that could not be looked for.
    Somewhere {
        memory: Memory,
        flow: String,
        execution: String,
    },
}

impl Gates {
    /// `None` when the limit is reached.
    pub fn enter(&self, flow: &Flow, limit: u64) -> Option<Pass> {
        let name = name(flow);
        let mut gates = self.lock();
        let gate = gates.entry(name.clone()).or_default();
        if gate.inside >= limit || !gate.queue.is_empty() {
            return None;
        }
        gate.inside += 1;
        Some(self.pass(name))
    }

    /// Without looking at the limit: what was running before, or was forced.
    pub fn force(&self, flow: &Flow) -> Pass {
        let name = name(flow);
        self.lock().entry(name.clone()).or_default().inside += 1;
        self.pass(name)
    }

    /// Takes a place in the queue. Whoever drops the receiver leaves it.
    pub fn queue(&self, flow: &Flow, limit: u64) -> oneshot::Receiver<Pass> {
        let (send, receive) = oneshot::channel();
        self.lock().entry(name(flow)).or_default().queue.push_back((limit, send));
        receive
    }

    pub fn inside(&self, flow: &Flow) -> u64 {
        self.lock().get(&name(flow)).map_or(0, |gate| gate.inside)
    }

    /// The next one in the queue, when there is room.
    fn next(&self, name: &Name) -> Option<(oneshot::Sender<Pass>, Pass)> {
        let mut gates = self.lock();
        let gate = gates.get_mut(name)?;
        if gate.queue.front().is_none_or(|(limit, _)| gate.inside >= *limit) {
            if gate.inside == 0 && gate.queue.is_empty() {
                gates.remove(name);
            }
            return None;
        }
        let (_, waiting) = gate.queue.pop_front()?;
        gate.inside += 1;
        Some((waiting, self.pass(name.clone())))
    }

    fn pass(&self, name: Name) -> Pass {
        Pass(Some(Counted::Here { gates: self.clone(), name }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Gate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// The execution goes on elsewhere and counts there.
    pub fn stay(mut self) {
        self.0 = None;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        match self.0.take() {
            Some(Counted::Here { gates, name }) => {
                if let Some(gate) = gates.lock().get_mut(&name) {
                    gate.inside = gate.inside.saturating_sub(1);
                }
                if let Some((waiting, pass)) = gates.next(&name) {
                    // One that left the queue gives its pass back, which is dropped here and wakes the next.
                    drop(waiting.send(pass));
                }
            }
            Some(Counted::InPlace { memory, flow, place }) => memory.remove(&flow, &place),
            Some(Counted::Somewhere { memory, flow, execution }) => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(places::give_back(memory, flow, execution));
                }
            }
            None => {}
        }
    }
}

fn name(flow: &Flow) -> Name {
    (Arc::clone(&flow.namespace), Arc::clone(&flow.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        Flow::read(&switchyard_model::Node::default())
    }

    #[test]
    fn the_queue_is_served_in_order_and_skips_who_left_8_6() {
        let (gates, flow) = (Gates::default(), flow());
        let first = gates.enter(&flow, 1).unwrap();
        assert!(gates.enter(&flow, 1).is_none());
        let left = gates.queue(&flow, 1);
        let mut second = gates.queue(&flow, 1);
        let mut third = gates.queue(&flow, 1);
        drop(left);
        drop(first);
        let pass = second.try_recv().unwrap();
        assert!(third.try_recv().is_err());
        assert_eq!(gates.inside(&flow), 1);
        let forced = gates.force(&flow);
        drop(pass);
        assert!(third.try_recv().is_err(), "the forced one still counts");
        drop(forced);
        assert!(third.try_recv().is_ok());
    }
}
