//! Loop: iterations that see nothing of each other; spec 4.2.

use std::sync::Arc;

use serde_json::Value as Json;
use switchyard_model::{JsonMap, State};

use super::{
    event::Item,
    frame::{Group, Owner, Pending, Stage},
    instance::{Instance, RunIx, ScopeIx},
};

/// What belongs to one iteration of a Loop.
#[derive(Debug)]
pub(super) struct IterationScope {
    /// The iteration around it.
    pub parent: Option<ScopeIx>,
    pub item: Arc<Item>,
    pub index: u64,
    /// Outputs of the iteration's tasks.
    pub outputs: Json,
    /// Values of the loops around the Loop: they make no level inside.
    pub outside: usize,
}

impl Instance {
    /// Begins a group.
    pub(super) fn begin_group(&mut self, owner: Owner, pending: Pending) -> usize {
        let around = owner.run().and_then(|run| self.runs[run].scope);
        let scope = match &pending.item {
            None => around,
            Some(item) => {
                let outside = owner.run().map_or(0, |run| self.runs[run].values.len());
                let index = pending.iteration.unwrap_or_default();
                let outputs = Json::Object(JsonMap::new());
                self.scopes.push(IterationScope { parent: around, item: Arc::clone(item), index, outputs, outside });
                Some(self.scopes.len() - 1)
            }
        };
        self.groups.push(Group {
            list: pending.list,
            next: 0,
            value: pending.value,
            iteration: pending.iteration,
            place: pending.place,
            scope,
            item: pending.item,
            worst: Default::default(),
        });
        self.groups.len() - 1
    }

    /// Begins a Loop: one group per item.
    pub(super) fn open_loop(&mut self, run: RunIx, items: Vec<Item>, limit: u64, transmit: bool) {
        let owner = Owner::Run(run);
        let Some(list) = self.program.def(self.runs[run].task).body.first().copied() else { return };
        let frame = self.frame(owner);
        frame.stage = Stage::Body;
        frame.limit = usize::try_from(limit).unwrap_or(0);
        frame.transmit = transmit;
        frame.results = vec![None; items.len()];
        frame.pending = items
            .into_iter()
            .enumerate()
            .map(|(place, item)| Pending {
                list,
                value: Some(item.text()),
                iteration: Some(place as u64),
                place,
                item: Some(Arc::new(item)),
            })
            .collect();
        self.advance(owner);
    }

    /// An iteration told what it gives.
    pub(super) fn iteration_over(&mut self, run: RunIx, group: usize, outputs: JsonMap, stop: bool, failed: bool) {
        let owner = Owner::Run(run);
        let (mut worst, place) = (self.groups[group].worst, self.groups[group].place);
        if failed {
            worst.add(State::Failed);
        }
        self.forget_iteration(group);
        let frame = self.frame(owner);
        if frame.transmit {
            frame.worst.merge(worst);
        }
        if let Some(result) = frame.results.get_mut(place) {
            *result = Some(outputs);
        }
        if stop {
            frame.pending.clear();
        }
        self.leave(owner, group);
        self.advance(owner);
    }

    /// Nobody reads its outputs any more.
    pub(super) fn forget_iteration(&mut self, group: usize) {
        if let Some(scope) = self.groups[group].scope {
            self.scopes[scope].outputs = Json::Object(JsonMap::new());
        }
    }
}
