//! How a flowable, and the flow, come to their end: `errors`, `finally`, outputs, `afterExecution`.

use std::sync::Arc;

use switchyard_model::{JsonMap, State, TaskKind};

use super::{
    event::{Ask, Effect},
    frame::{Owner, Pending, Stage, Worst},
    instance::{Instance, RunIx},
    program::ListIx,
};

impl Instance {
    /// Nothing is active or pending. `true` when the next stage has something to start.
    pub(super) fn stage_done(&mut self, owner: Owner) -> bool {
        let program = Arc::clone(&self.program);
        let killing = self.is_halted(owner);
        let exit = self.exit.is_some();
        let (errors, finally, kind) = match owner {
            Owner::Flow => (program.errors, program.finally, None),
            Owner::Run(run) => {
                let def = program.def(self.runs[run].task);
                (def.errors, def.finally, Some((run, &def.task.kind)))
            }
        };
        let frame = self.frame(owner);
        if frame.expired && frame.stage == Stage::Body {
            // Its children were killed, but itself it failed.
            frame.worst = Worst { killed: false, failed: true, ..frame.worst };
        }
        let failed = frame.worst.failed && !frame.worst.killed;
        match frame.stage {
            Stage::Opening | Stage::Pausing | Stage::Done => return false,
            Stage::Body => {
                if let (Some((run, TaskKind::LoopUntil(_))), false, false) = (kind, frame.worst.bad(), killing || exit) {
                    frame.stage = Stage::Opening;
                    frame.iterations += 1;
                    // The condition may ask for it.
                    let count = frame.iterations;
                    self.put_outputs(run, [("iterationCount".to_owned(), count.into())].into_iter().collect());
                    self.effects.push(Effect::Ask { run, ask: Ask::Condition });
                    return false;
                }
                if let Some((run, TaskKind::WorkingDirectory(_) | TaskKind::Loop(_))) = kind {
                    frame.stage = Stage::Opening;
                    self.effects.push(Effect::Ask { run, ask: Ask::Close });
                    return false;
                }
                frame.stage = Stage::Errors;
                if let (true, false, false, Some(list)) = (failed, killing, exit, errors) {
                    frame.single(list);
                    return true;
                }
            }
            Stage::Errors => {
                frame.stage = Stage::Finally;
                if let (false, Some(list)) = (killing, finally) {
                    frame.single(list);
                    return true;
                }
            }
            Stage::Finally => {
                return match owner {
                    Owner::Run(run) => {
                        self.close(run);
                        false
                    }
                    Owner::Flow => self.flow_ends(),
                };
            }
            Stage::After => {
                frame.stage = Stage::Done;
                self.effects.push(Effect::Complete);
                return false;
            }
        }
        true
    }

    /// A flowable is through: its state follows from its children.
    fn close(&mut self, run: RunIx) {
        let program = Arc::clone(&self.program);
        let frame = self.frame(Owner::Run(run));
        let mut state = frame.worst.state();
        if matches!(program.def(self.runs[run].task).task.kind, TaskKind::AllowFailure(_)) && state == State::Failed {
            state = State::Warning;
        }
        if state == State::Failed && self.exit == Some(State::Retried) {
            // A new execution does it again.
            state = State::Retried;
        }
        if self.is_halted(Owner::Run(run)) {
            state = State::Killed;
        }
        self.finish(run, state);
    }

    /// The flow's tasks are through: outputs are rendered next, except after a kill.
    fn flow_ends(&mut self) -> bool {
        if self.program.flow.outputs.is_empty() || self.killing {
            return self.settle(false);
        }
        self.root.stage = Stage::Opening;
        self.effects.push(Effect::RenderOutputs);
        false
    }

    pub(super) fn outputs_rendered(&mut self, outputs: Option<JsonMap>, failed: bool) {
        self.execution.outputs = outputs.map(Arc::new);
        if self.settle(failed) {
            self.advance(Owner::Flow);
        }
    }

    /// Sets the final state; `true` when `afterExecution` has something to start.
    fn settle(&mut self, failed: bool) -> bool {
        if failed {
            self.root.worst.add(State::Failed);
        }
        let state = match (self.killing, self.exit) {
            (true, _) => self.end_as.unwrap_or(State::Killed),
            (false, Some(exit)) => exit,
            (false, None) => self.root.worst.state(),
        };
        self.killing = false;
        self.exit = None;
        self.set_execution(state);
        self.root.stage = Stage::After;
        if !self.program.listeners.is_empty() {
            self.effects.push(Effect::AskListeners);
            return false;
        }
        self.begin_after(Vec::new())
    }

    /// Which listeners want to run now that the execution is over.
    pub(super) fn listening(&mut self, which: &[usize]) {
        if self.root.stage == Stage::After {
            let lists = which.iter().filter_map(|place| self.program.listeners.get(*place).copied()).collect();
            if self.begin_after(lists) {
                self.advance(Owner::Flow);
            }
        }
    }

    /// Runs `afterExecution` and these lists; `false` when there is nothing to run.
    fn begin_after(&mut self, listeners: Vec<ListIx>) -> bool {
        let lists: Vec<ListIx> = self.program.after.into_iter().chain(listeners).collect();
        if lists.is_empty() {
            self.root.stage = Stage::Done;
            self.effects.push(Effect::Complete);
            return false;
        }
        self.root.dag = None;
        self.root.limit = 1;
        self.root.pending =
            lists.into_iter().enumerate().map(|(place, list)| Pending { list, value: None, iteration: None, place, item: None }).collect();
        true
    }
}
