//! The state of one execution.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde_json::Value as Json;
use switchyard_model::{Attempt, Execution, JsonMap, State, TaskRun, id::from_random, retry::RetryBehavior};

use super::{
    event::{Ask, Effect, Event, TaskEnd, TimerKind},
    flowable::{Frame, Group, Owner, Stage},
    program::{Program, TaskIx},
};

/// Number of a task run: its place in `taskRunList`.
pub type RunIx = usize;

/// What the core keeps about a task run besides its document.
#[derive(Debug)]
pub(super) struct Run {
    pub task: TaskIx,
    pub parent: Option<RunIx>,
    pub group: usize,
    /// Values of the loops around it, outermost first, its own last.
    pub values: Arc<[Arc<str>]>,
    /// A flowable's state while it is open.
    pub frame: Option<Box<Frame>>,
}

/// One execution of a program.
#[derive(Debug)]
pub struct Instance {
    pub(super) program: Arc<Program>,
    pub(super) execution: Execution,
    pub(super) runs: Vec<Run>,
    pub(super) groups: Vec<Group>,
    pub(super) root: Frame,
    pub(super) killing: bool,
    /// `execution.Exit` decided the end.
    pub(super) exit: Option<State>,
    /// What expressions see as `outputs`.
    outputs: Json,
    ids: HashMap<Arc<str>, RunIx>,
    pub(super) now: Timestamp,
    pub(super) effects: Vec<Effect>,
}

impl Instance {
    pub fn new(program: Arc<Program>, execution: Execution) -> Self {
        let now = execution.state.start_date();
        Self {
            root: Frame::new(),
            program,
            execution,
            runs: Vec::new(),
            groups: Vec::new(),
            killing: false,
            exit: None,
            outputs: Json::Object(JsonMap::new()),
            ids: HashMap::new(),
            now,
            effects: Vec::new(),
        }
    }

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

    /// Values of the loops around a run, outermost first, its own last.
    pub fn values_of(&self, run: RunIx) -> &Arc<[Arc<str>]> {
        &self.runs[run].values
    }

    /// Iterations that an open LoopUntil has behind it, and when the first one began.
    pub fn iterations_of(&self, run: RunIx) -> Option<(u64, Timestamp)> {
        self.runs[run].frame.as_ref().map(|frame| (frame.iterations, self.execution.task_run_list[run].state.start_date()))
    }

    pub fn is_complete(&self) -> bool {
        self.root.stage == Stage::Done
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

    /// Applies one event at one time and tells what to do about it.
    pub fn apply(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        self.now = now;
        match event {
            Event::Begin => self.begin(),
            Event::Refuse { state } => {
                self.root.stage = Stage::Done;
                self.set_execution(state);
                self.effects.push(Effect::Complete);
            }
            Event::Started { run } => self.started(run),
            Event::Ended { run, end } => self.ended(run, end),
            Event::Decided { run, decision } => self.decided(run, decision),
            Event::Timer { run, kind } => self.timer(run, kind),
            Event::Resume { run, outputs } => self.resume(run, outputs),
            Event::Kill => self.kill(),
            Event::Outputs { outputs, failed } => self.outputs_rendered(outputs, failed),
            Event::Change { labels, variables } => self.change(labels, variables),
        }
        std::mem::take(&mut self.effects)
    }

    fn begin(&mut self) {
        if self.execution.state.current().is_created() || self.execution.state.current() == State::Queued {
            self.set_execution(State::Running);
            let list = self.program.tasks;
            self.open(Owner::Flow, vec![list], None, 1);
        }
    }

    fn started(&mut self, run: RunIx) {
        if self.execution.task_run_list[run].state.current().is_created() {
            self.set(run, State::Running);
            let attempt = Attempt::new(State::Running, self.now);
            self.execution.task_run_list[run].attempts.push(attempt);
        }
    }

    fn ended(&mut self, run: RunIx, end: TaskEnd) {
        if self.execution.task_run_list[run].state.current().is_terminal() {
            return;
        }
        let mut state = end.state.unwrap_or(State::Failed);
        if let Some(attempt) = self.execution.task_run_list[run].attempts.last_mut()
            && !attempt.state.current().is_terminal()
        {
            attempt.state.push(state, self.now);
            attempt.metrics = end.metrics;
            attempt.log_file = end.log_file.map(Into::into);
        }
        self.put_outputs(run, end.outputs);
        self.add_parts(run, end.parts);
        if state == State::Failed
            && !self.killing
            && let Some(at) = self.next_attempt(run, end.random)
        {
            self.set(run, State::Retrying);
            self.set_execution(State::Retrying);
            self.effects.push(Effect::Timer { run, kind: TimerKind::Retry, at });
            return;
        }
        let program = Arc::clone(&self.program);
        let def = program.def(self.runs[run].task);
        let retried = self.execution.task_run_list[run].attempts.len() > 1;
        if state == State::Success && retried && def.retry.as_ref().is_some_and(|retry| retry.warning_on_retry) {
            state = State::Warning;
        }
        if let Some(exit) = end.exit {
            self.exit = Some(exit);
        }
        self.finish(run, state);
    }

    /// When the next attempt is due, if there is one.
    fn next_attempt(&mut self, run: RunIx, random: f64) -> Option<Timestamp> {
        let program = Arc::clone(&self.program);
        let def = program.def(self.runs[run].task);
        // Children of a WorkingDirectory are not retried one by one; spec 4.3.
        let retry = def.retry.as_ref().filter(|_| def.working_directory.is_none())?;
        let document = &self.execution.task_run_list[run];
        let attempts = document.attempts.len().max(1) as u64;
        if retry.max_attempts.is_some_and(|most| attempts >= most) {
            return None;
        }
        let delay = jiff::SignedDuration::try_from(retry.policy.delay(attempts, random)).ok()?;
        let at = self.now.checked_add(delay).ok()?;
        if let Some(most) = retry.max_duration {
            let first = document.attempts.first().map_or(document.state.start_date(), |attempt| attempt.state.start_date());
            if at > first.checked_add(jiff::SignedDuration::try_from(most).ok()?).ok()? {
                return None;
            }
        }
        if retry.behavior == RetryBehavior::CreateNewExecution {
            self.effects.push(Effect::NewExecution);
            self.exit = Some(State::Retried);
            return None;
        }
        Some(at)
    }

    fn timer(&mut self, run: RunIx, kind: TimerKind) {
        let state = self.execution.task_run_list[run].state.current();
        match kind {
            TimerKind::Retry if state == State::Retrying && !self.killing => {
                self.set(run, State::Created);
                self.set_execution(State::Running);
                self.effects.push(Effect::Start { run });
            }
            TimerKind::Iterate if state == State::Running => self.iterate(run),
            TimerKind::Pause if state == State::Paused => self.pause_over(run),
            _ => {}
        }
    }

    /// A new task run, ready to start.
    pub(super) fn spawn(&mut self, task: TaskIx, owner: Owner, group: usize) -> RunIx {
        let number = self.runs.len();
        let program = Arc::clone(&self.program);
        let def = program.def(task);
        let parent = owner.run();
        let id = run_id(&self.execution.id, number);
        let (value, iteration, values) = {
            let group = &self.groups[group];
            let outer: Arc<[Arc<str>]> = parent.map_or_else(|| Arc::from([]), |parent| Arc::clone(&self.runs[parent].values));
            match &group.value {
                Some(value) => (Some(Arc::clone(value)), group.iteration, outer.iter().cloned().chain([Arc::clone(value)]).collect()),
                None => (None, group.iteration, outer),
            }
        };
        self.execution.task_run_list.push(TaskRun {
            id: Arc::clone(&id),
            execution_id: Arc::clone(&self.execution.id),
            namespace: Arc::clone(&self.execution.namespace),
            flow_id: Arc::clone(&self.execution.flow_id),
            task_id: Arc::clone(&def.task.id),
            parent_task_run_id: parent.map(|parent| Arc::clone(&self.execution.task_run_list[parent].id)),
            value,
            iteration,
            attempts: Vec::new(),
            outputs: Arc::default(),
            state: switchyard_model::StateHistory::new(State::Created, self.now),
        });
        self.ids.insert(id, number);
        self.runs.push(Run { task, parent, group, values, frame: None });
        self.effects.push(Effect::Changed { run: Some(number), state: State::Created });
        if has_frame(&program, task) {
            self.set(number, State::Running);
            self.effects.push(Effect::Ask { run: number, ask: Ask::Open });
        } else {
            self.effects.push(Effect::Start { run: number });
        }
        number
    }

    pub(super) fn remember(&mut self, id: Arc<str>, run: RunIx) {
        self.ids.insert(id, run);
    }

    pub(super) fn set(&mut self, run: RunIx, state: State) {
        self.execution.task_run_list[run].state.push(state, self.now);
        self.effects.push(Effect::Changed { run: Some(run), state });
    }

    pub(super) fn set_execution(&mut self, state: State) {
        let current = self.execution.state.current();
        // A kill stays visible until it is done.
        if current != state && (current != State::Killing || state.is_terminal()) {
            self.execution.state.push(state, self.now);
            self.effects.push(Effect::Changed { run: None, state });
        }
    }

    /// Makes outputs visible to expressions.
    pub(super) fn put_outputs(&mut self, run: RunIx, outputs: JsonMap) {
        if outputs.is_empty() {
            return;
        }
        let document = &mut self.execution.task_run_list[run];
        let mut at = &mut self.outputs;
        for key in std::iter::once(&document.task_id).chain(self.runs[run].values.iter()) {
            let Some(map) = at.as_object_mut() else { return };
            at = map.entry(key.to_string()).or_insert_with(|| Json::Object(JsonMap::new()));
        }
        *at = Json::Object(outputs.clone());
        document.outputs = Arc::new(outputs);
    }

    fn change(&mut self, labels: Vec<switchyard_model::Label>, variables: Option<JsonMap>) {
        for label in labels {
            self.execution.labels.retain(|other| other.key != label.key);
            self.execution.labels.push(label);
        }
        if let Some(variables) = variables {
            self.execution.variables = Arc::new(variables);
        }
    }
}

/// Whether the core itself runs this task's children. Subflows and batches are run by the shell.
pub(super) fn has_frame(program: &Program, task: TaskIx) -> bool {
    use switchyard_model::TaskKind;
    !matches!(program.def(task).task.kind, TaskKind::Runnable | TaskKind::Subflow(_) | TaskKind::ForEachItem(_))
}

/// Task run ids follow from the execution's, so that a replayed journal gives the same ones.
pub(super) fn run_id(execution: &str, number: usize) -> Arc<str> {
    let mut bytes = [0; 16];
    for (half, seed) in bytes.chunks_exact_mut(8).zip([0xcbf2_9ce4_8422_2325_u64, 0x9e37_79b9_7f4a_7c15]) {
        let text = execution.bytes().chain((number as u64).to_le_bytes());
        let hash = text.fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        // The last bytes of FNV hardly reach the high bits; one round of mixing spreads them.
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        half.copy_from_slice(&(mixed ^ (mixed >> 32)).to_be_bytes());
    }
    from_random(bytes)
}
