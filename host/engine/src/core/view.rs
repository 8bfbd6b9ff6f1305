//! What others see of an execution.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;
use switchyard_model::{Execution, JsonMap, State, TaskRun};

use super::{
    event::{Effect, Item},
    frame::Stage,
    instance::{Instance, RunIx, has_frame},
    iteration::IterationScope,
    program::{Program, TaskIx},
};

/// One iteration of a Loop, for expressions.
#[derive(Debug, Clone, Copy)]
pub struct Iteration<'a> {
    pub item: &'a Item,
    /// From 0.
    pub index: u64,
    /// By task id; as everywhere, loops inside add levels.
    pub outputs: &'a Json,
}

impl Instance {
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// What expressions see as `outputs`: by task id, with one more level per enclosing loop value.
    pub fn outputs(&self) -> &Json {
        &self.outputs
    }

    pub fn task_run(&self, run: RunIx) -> &TaskRun {
        &self.execution.task_run_list[run]
    }

    pub fn find_run(&self, id: &str) -> Option<RunIx> {
        self.ids.get(id).copied()
    }

    pub fn task_of(&self, run: RunIx) -> TaskIx {
        self.runs[run].task
    }

    pub fn parent_of(&self, run: RunIx) -> Option<RunIx> {
        self.runs[run].parent
    }

    /// Whether the core runs the children of this run.
    pub fn is_flowable(&self, run: RunIx) -> bool {
        has_frame(&self.program, self.runs[run].task)
    }

    /// Values of the loops around a run, outermost first, its own last.
    pub fn values_of(&self, run: RunIx) -> &Arc<[Arc<str>]> {
        &self.runs[run].values
    }

    /// Iterations that an open LoopUntil has behind it, and when the first one began.
    pub fn iterations_of(&self, run: RunIx) -> Option<(u64, Timestamp)> {
        self.runs[run].frame.as_ref().map(|frame| (frame.iterations, self.execution.task_run_list[run].state.start_date()))
    }

    /// The iterations of Loops around a run, the innermost first. With a group, that iteration of the run itself comes first.
    pub fn iterations(&self, run: Option<RunIx>, group: Option<usize>) -> impl Iterator<Item = Iteration<'_>> {
        let of_group = group.and_then(|group| self.groups.get(group)).and_then(|group| group.scope);
        let first = of_group.or_else(|| run.and_then(|run| self.runs[run].scope));
        std::iter::successors(first, |scope| self.scopes[*scope].parent).map(|scope| {
            let IterationScope { item, index, outputs, .. } = &self.scopes[scope];
            Iteration { item, index: *index, outputs }
        })
    }

    /// Whether a run lives in an iteration that expressions of the other run (or the group) can see.
    pub fn is_visible(&self, run: RunIx, from: Option<RunIx>, group: Option<usize>) -> bool {
        let Some(scope) = self.runs[run].scope else { return true };
        let of_group = group.and_then(|group| self.groups.get(group)).and_then(|group| group.scope);
        let first = of_group.or_else(|| from.and_then(|from| self.runs[from].scope));
        std::iter::successors(first, |scope| self.scopes[*scope].parent).any(|seen| seen == scope)
    }

    /// Whether a run is one of those that an iteration of a Loop begins with: its group belongs to the Loop.
    pub fn in_iteration(&self, run: RunIx) -> bool {
        self.groups[self.runs[run].group].item.is_some()
    }

    /// Values of the loops around a run that make levels in `outputs`.
    pub fn levels_of(&self, run: RunIx) -> &[Arc<str>] {
        let outside = self.runs[run].scope.map_or(0, |scope| self.scopes[scope].outside);
        self.runs[run].values.get(outside..).unwrap_or_default()
    }

    /// What the iterations of an open Loop gave, in the order of the items.
    pub fn results_of(&self, run: RunIx) -> &[Option<JsonMap>] {
        self.runs[run].frame.as_ref().map(|frame| frame.results.as_slice()).unwrap_or_default()
    }

    /// The run of a task beside another one: with the same parent.
    pub fn sibling(&self, run: RunIx, task_id: &str) -> Option<&TaskRun> {
        let parent = &self.execution.task_run_list[run].parent_task_run_id;
        self.execution.task_run_list.iter().rev().find(|other| other.parent_task_run_id == *parent && &*other.task_id == task_id)
    }

    /// Runs that wait for somebody to resume them.
    pub fn paused(&self) -> impl Iterator<Item = RunIx> + '_ {
        let is_paused = |run: &RunIx| self.execution.task_run_list[*run].state.current() == State::Paused;
        (0..self.runs.len()).filter(move |run| self.paused > 0 && is_paused(run))
    }

    /// What was asked of the shell and is not answered: what a recovered host has to do again. A run that is being killed has
    /// also to be stopped again.
    pub fn open_effects(&self) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.open.effects().cloned().collect();
        let killing = |run: &RunIx| self.execution.task_run_list[*run].state.current() == State::Killing;
        let stops = self.in_flight().filter(killing).map(|run| Effect::Stop { run });
        effects.extend(stops);
        effects
    }

    pub fn is_complete(&self) -> bool {
        self.root.stage == Stage::Done
    }

    /// When another execution takes over from this one (`CREATE_NEW_EXECUTION`).
    pub fn successor(&self) -> Option<Timestamp> {
        self.successor
    }

    /// Whether promises about it still count.
    pub fn is_watched(&self) -> bool {
        self.root.stage < Stage::After && !self.killing && !self.execution.state.current().is_created()
    }

    /// Whether a kill was asked for.
    pub fn is_killing(&self) -> bool {
        self.killing
    }

    /// Runs whose attempt the shell has in its hands: what a recovered host has to take up again.
    pub fn in_flight(&self) -> impl Iterator<Item = RunIx> + '_ {
        self.runs.iter().enumerate().filter_map(|(run, facts)| {
            let state = self.execution.task_run_list[run].state.current();
            let leaf = !has_frame(&self.program, facts.task);
            (leaf && matches!(state, State::Created | State::Running | State::Killing)).then_some(run)
        })
    }
}
