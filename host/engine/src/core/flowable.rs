//! Flowables: how lists of tasks are run one after the other, side by side, per value, again.
//!
//! Every flowable, and the flow itself, is a [`Frame`] that runs *groups*. A group is one list of tasks, run in order. A Sequential
//! has one group, a Parallel one per task, a ForEach one per value; `errors` and `finally` are one group each.

use std::{collections::HashMap, sync::Arc};

use switchyard_model::{State, TaskKind};

use super::{
    event::{Ask, Decision, Effect, TimerKind},
    frame::{Frame, Owner, Pending, Stage, Waiting},
    instance::{Instance, RunIx},
    program::ListIx,
};

impl Instance {
    pub(super) fn frame(&mut self, owner: Owner) -> &mut Frame {
        match owner {
            Owner::Flow => &mut self.root,
            Owner::Run(run) => self.runs[run].frame.get_or_insert_with(|| Box::new(Frame::new())),
        }
    }

    /// Begins the body: one group per list, or per value over the one list.
    pub(super) fn open_body(&mut self, owner: Owner, lists: Vec<ListIx>, values: Option<Vec<Arc<str>>>, limit: usize) {
        let order = match &values {
            Some(values) if limit != 1 => values.iter().enumerate().map(|(place, value)| (Arc::clone(value), place)).collect(),
            _ => HashMap::new(),
        };
        let pending = match values {
            None => lists
                .iter()
                .enumerate()
                .map(|(place, list)| Pending { list: *list, value: None, iteration: None, place, item: None })
                .collect(),
            Some(values) => values
                .into_iter()
                .enumerate()
                .filter_map(|(place, value)| {
                    Some(Pending { list: *lists.first()?, value: Some(value), iteration: Some(place as u64), place, item: None })
                })
                .collect(),
        };
        let dag = owner.run().and_then(|run| self.waiting(run));
        let frame = self.frame(owner);
        frame.stage = Stage::Body;
        frame.pending = pending;
        frame.limit = limit;
        frame.dag = dag;
        frame.order = order;
        self.advance(owner);
    }

    fn waiting(&self, run: RunIx) -> Option<Waiting> {
        let TaskKind::Dag(dag) = &self.program.def(self.runs[run].task).task.kind else { return None };
        let place = |id: &str| dag.tasks.iter().position(|entry| &*entry.task.id == id);
        let mut dependents = vec![Vec::new(); dag.tasks.len()];
        let unmet = dag.tasks.iter().enumerate().map(|(here, entry)| {
            let needed: Vec<usize> = entry.depends_on.iter().filter_map(|id| place(id)).collect();
            for there in &needed {
                dependents[*there].push(here);
            }
            needed.len()
        });
        let unmet = unmet.collect();
        Some(Waiting { unmet, dependents })
    }

    /// Starts what may start; ends the stage when nothing is left. Iterates, so that ten thousand empty groups cost no stack.
    pub(super) fn advance(&mut self, owner: Owner) {
        loop {
            let killing = self.is_halted(owner) || self.exit.is_some();
            let frame = self.frame(owner);
            let stop = (frame.worst.bad() || frame.expired) && frame.stage == Stage::Body;
            if frame.stage == Stage::Body && (stop || killing) || killing && frame.stage < Stage::Finally {
                frame.pending.clear();
            }
            let free = frame.limit == 0 || frame.active < frame.limit;
            let ready = match &frame.dag {
                _ if !free => None,
                Some(dag) => frame.pending.iter().position(|pending| dag.unmet[pending.place] == 0),
                None => (!frame.pending.is_empty()).then_some(0),
            };
            if let Some(pending) = ready.and_then(|at| frame.pending.remove(at)) {
                frame.active += 1;
                let group = self.begin_group(owner, pending);
                if !self.next_in_group(owner, group) {
                    self.group_done(owner, group);
                }
                continue;
            }
            // The end of the flow waits for the end of a break.
            let held = owner == Owner::Flow && self.is_held();
            if self.frame(owner).active > 0 || held || !self.stage_done(owner) {
                return;
            }
        }
    }

    /// Starts the next enabled task of a group; `false` when there is none.
    fn next_in_group(&mut self, owner: Owner, group: usize) -> bool {
        let program = Arc::clone(&self.program);
        let stopping = self.is_halted(owner) && self.frame(owner).stage < Stage::Finally;
        let list = program.list_of(self.groups[group].list);
        while let Some(task) = list.get(self.groups[group].next).copied() {
            self.groups[group].next += 1;
            if !program.def(task).task.common.disabled && !stopping {
                self.spawn(task, owner, group);
                return true;
            }
        }
        false
    }

    /// A group is through. An iteration of a Loop first tells what it gives.
    fn group_done(&mut self, owner: Owner, group: usize) {
        let halted = self.is_halted(owner) || self.exit.is_some();
        if let (Some(_), Some(run)) = (&self.groups[group].item, owner.run()) {
            let frame = self.frame(owner);
            if frame.stage == Stage::Body && !frame.expired && !halted {
                self.effects.push(Effect::Ask { run, ask: Ask::Iteration { group } });
                return;
            }
            let worst = self.groups[group].worst;
            self.frame(owner).worst.merge(worst);
            self.forget_iteration(group);
        }
        self.leave(owner, group);
    }

    /// The group counts no more.
    pub(super) fn leave(&mut self, owner: Owner, group: usize) {
        let place = self.groups[group].place;
        let frame = self.frame(owner);
        frame.active -= 1;
        if let Some(dag) = &mut frame.dag {
            for dependent in std::mem::take(&mut dag.dependents[place]) {
                dag.unmet[dependent] -= 1;
            }
        }
    }

    /// A run reached its final state: maps it, tells the one who waits for it.
    pub(super) fn finish(&mut self, run: RunIx, state: State) {
        let program = Arc::clone(&self.program);
        let common = &program.def(self.runs[run].task).task.common;
        let state = match state {
            State::Failed if common.allow_failure && common.allow_warning => State::Success,
            State::Failed if common.allow_failure => State::Warning,
            State::Warning if common.allow_warning => State::Success,
            other => other,
        };
        self.runs[run].frame = None;
        self.set(run, state);
        let (owner, group) = (self.runs[run].parent.map_or(Owner::Flow, Owner::Run), self.runs[run].group);
        match &self.groups[group].item {
            Some(_) => self.groups[group].worst.add(state),
            None => self.frame(owner).worst.add(state),
        }
        let handling = self.frame(owner).stage >= Stage::Finally;
        let goes_on = state.is_passed() && (handling || self.exit.is_none());
        if !(goes_on && self.next_in_group(owner, group)) {
            self.group_done(owner, group);
        }
        self.advance(owner);
    }

    pub(super) fn decided(&mut self, run: RunIx, decision: Decision) {
        if self.execution.task_run_list[run].state.current().is_terminal() {
            return;
        }
        let program = Arc::clone(&self.program);
        let def = program.def(self.runs[run].task);
        let owner = Owner::Run(run);
        match decision {
            _ if self.is_halted(owner) && self.runs[run].frame.is_none() => self.finish(run, State::Killed),
            _ if self.runs[run].expired && self.runs[run].frame.is_none() => {
                self.frame(owner).expired = true;
                self.frame(owner).stage = Stage::Body;
                self.advance(owner);
            }
            Decision::Skip => self.finish(run, State::Skipped),
            Decision::Fail => {
                self.frame(owner).worst.add(State::Failed);
                self.frame(owner).stage = Stage::Body;
                // A frame that failed to open still runs its own errors; nothing of a body will.
                self.advance_failed(owner);
            }
            Decision::Go { limit, outputs } => {
                self.put_outputs(run, outputs);
                let limit = usize::try_from(limit).unwrap_or(0);
                self.open_body(owner, def.body.clone(), None, limit);
            }
            Decision::Branch { list, outputs } => {
                self.put_outputs(run, outputs);
                let lists = def.body.get(list).map(|list| vec![*list]).unwrap_or_default();
                self.open_body(owner, lists, None, 1);
            }
            Decision::Values { values, limit } => {
                let limit = usize::try_from(limit).unwrap_or(0);
                self.open_body(owner, def.body.clone(), Some(values), limit);
            }
            Decision::Items { items, limit, transmit } => self.open_loop(run, items, limit, transmit),
            Decision::Iteration { group, outputs, stop, failed } => self.iteration_over(run, group, outputs, stop, failed),
            Decision::Pause { until } => {
                self.set(run, State::Paused);
                self.set_execution(State::Paused);
                if let Some(list) = def.on_pause {
                    self.frame(owner).stage = Stage::Pausing;
                    self.frame(owner).single(list);
                    self.advance(owner);
                }
                self.runs[run].until = until;
                if let Some(at) = until {
                    self.effects.push(Effect::Timer { run, kind: TimerKind::Pause, at });
                }
            }
            Decision::Again { at, outputs, failed } => {
                self.put_outputs(run, outputs);
                match at {
                    Some(at) if !failed => self.effects.push(Effect::Timer { run, kind: TimerKind::Iterate, at }),
                    _ => self.body_over(owner, failed),
                }
            }
            Decision::Closed { outputs, failed } => {
                self.put_outputs(run, outputs);
                self.body_over(owner, failed);
            }
        }
    }

    fn advance_failed(&mut self, owner: Owner) {
        self.frame(owner).pending.clear();
        self.body_over(owner, true);
    }

    /// Goes on with `errors`, `finally` and the end.
    pub(super) fn body_over(&mut self, owner: Owner, failed: bool) {
        let killing = self.is_halted(owner);
        let errors = owner.run().and_then(|run| self.program.def(self.runs[run].task).errors);
        let frame = self.frame(owner);
        if failed {
            frame.worst.add(State::Failed);
        }
        frame.stage = Stage::Errors;
        if let (true, false, Some(list)) = (frame.worst.failed && !frame.worst.killed, killing, errors) {
            frame.single(list);
        }
        self.advance(owner);
    }

    /// The next iteration of a LoopUntil.
    pub(super) fn iterate(&mut self, run: RunIx) {
        let body = self.program.def(self.runs[run].task).body.clone();
        self.open_body(Owner::Run(run), body, None, 1);
    }
}
