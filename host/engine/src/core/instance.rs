//! The state of one execution.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use switchyard_model::{Attempt, Execution, JsonMap, State, TaskRun, id::from_random, retry::RetryBehavior, sla::SlaPromise};

use super::{
    event::{Ask, Effect, Event, Item, TaskEnd, TimerKind},
    frame::{Frame, Group, Owner, Stage},
    iteration::IterationScope,
    open::Open,
    program::{Program, TaskIx},
};

/// Number of a task run: its place in `taskRunList`.
pub type RunIx = usize;
/// Number of an iteration of a Loop.
pub(super) type ScopeIx = usize;

/// One iteration of a Loop, for expressions.
#[derive(Debug, Clone, Copy)]
pub struct Iteration<'a> {
    pub item: &'a Item,
    /// From 0.
    pub index: u64,
    /// By task id; as everywhere, loops inside add levels.
    pub outputs: &'a Json,
}

/// What comes of a failed attempt.
enum Next {
    Attempt(Timestamp),
    Execution,
    Nothing,
}

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
    /// The iteration of a Loop that it lives in.
    pub scope: Option<ScopeIx>,
    /// Something around it ends by force.
    pub stopped: bool,
    /// Its time ran out before it opened.
    pub expired: bool,
    /// A pause: when it ends by itself.
    pub until: Option<Timestamp>,
}

/// One execution of a program.
#[derive(Debug)]
pub struct Instance {
    pub(super) program: Arc<Program>,
    pub(super) execution: Execution,
    pub(super) runs: Vec<Run>,
    pub(super) groups: Vec<Group>,
    pub(super) scopes: Vec<IterationScope>,
    pub(super) root: Frame,
    pub(super) killing: bool,
    /// Counts restarts, so that ids are not used again.
    pub(super) generation: u64,
    /// `execution.Exit` decided the end.
    pub(super) exit: Option<State>,
    /// The state at the end of a kill, when it is not KILLED.
    pub(super) end_as: Option<State>,
    /// A promise was broken; later ones do not count.
    pub(super) violated: bool,
    /// Runs that are paused.
    pub(super) paused: usize,
    /// What begins when the break is over; `None` when there is none.
    pub(super) withheld: Option<Vec<Effect>>,
    pub(super) open: Open,
    /// When another execution takes over.
    successor: Option<Timestamp>,
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
            scopes: Vec::new(),
            killing: false,
            generation: 0,
            exit: None,
            end_as: None,
            violated: false,
            paused: 0,
            withheld: None,
            open: Open::default(),
            successor: None,
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

    /// Applies one event at one time and tells what to do about it.
    pub fn apply(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        self.now = now;
        self.open.answer(&event);
        match event {
            Event::Begin => self.begin(),
            Event::Queue => self.set_execution(State::Queued),
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
            Event::Again { run } => self.again(run),
            Event::Hold => self.hold(),
            Event::Release => self.release(),
            Event::PauseAnew => self.pause_anew(),
            Event::Kill => self.kill(),
            Event::Violated { sla } => self.violated(sla),
            Event::Deadline { run, at } => {
                if !self.execution.task_run_list[run].state.current().is_terminal() {
                    self.effects.push(Effect::Timer { run, kind: TimerKind::Timeout, at });
                }
            }
            Event::Listeners { which } => self.listening(&which),
            Event::Outputs { outputs, failed } => self.outputs_rendered(outputs, failed),
            Event::Change { labels, variables } => self.change(labels, variables),
        }
        self.withhold();
        for effect in &self.effects {
            self.open.ask(effect);
        }
        std::mem::take(&mut self.effects)
    }

    fn begin(&mut self) {
        if self.execution.state.current().is_created() || self.execution.state.current() == State::Queued {
            self.set_execution(State::Running);
            let program = Arc::clone(&self.program);
            for (sla, promise) in program.flow.sla.iter().enumerate() {
                if let SlaPromise::MaxDuration(most) = promise.promise
                    && let Some(at) = self.after(most)
                {
                    self.effects.push(Effect::Promise { sla, at });
                }
            }
            let list = self.program.tasks;
            self.open_body(Owner::Flow, vec![list], None, 1);
        }
    }

    fn started(&mut self, run: RunIx) {
        if self.execution.task_run_list[run].state.current().is_created() {
            self.set(run, State::Running);
            let attempt = Attempt::new(State::Running, self.now);
            self.execution.task_run_list[run].attempts.push(attempt);
        }
    }

    /// The number of a run, which differs after a restart.
    pub(super) fn numbered(&self, number: usize) -> u64 {
        number as u64 | self.generation << 40
    }

    /// The attempt that is under way failed; another one begins.
    fn again(&mut self, run: RunIx) {
        if self.execution.task_run_list[run].state.current().is_terminal() {
            return;
        }
        if let Some(attempt) = self.execution.task_run_list[run].attempts.last_mut()
            && !attempt.state.current().is_terminal()
        {
            attempt.state.push(State::Failed, self.now);
        }
        if self.execution.state.current() != State::Running || self.generation == 0 {
            self.set_execution(State::Restarted);
            self.set_execution(State::Running);
        }
        // What is spawned from now on is not what was spawned before under the same number.
        self.generation = self.generation.max(1);
        self.set(run, State::Restarted);
        self.effects.push(Effect::Start { run });
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
        if state == State::Failed && !self.is_halted(Owner::Run(run)) {
            match self.next_attempt(run, end.random) {
                Next::Attempt(at) => {
                    self.set(run, State::Retrying);
                    self.set_execution(State::Retrying);
                    self.effects.push(Effect::Timer { run, kind: TimerKind::Retry, at });
                    return;
                }
                Next::Execution => {
                    self.exit = Some(State::Retried);
                    self.finish(run, State::Retried);
                    return;
                }
                Next::Nothing => {}
            }
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

    /// Whether and when it is tried again.
    fn next_attempt(&mut self, run: RunIx, random: f64) -> Next {
        let program = Arc::clone(&self.program);
        let def = program.def(self.runs[run].task);
        // Children of a WorkingDirectory are not retried one by one; spec 4.3.
        let Some(retry) = def.retry.as_ref().filter(|_| def.working_directory.is_none()) else { return Next::Nothing };
        // What runs once the state is final changes it no more.
        if self.root.stage >= Stage::After && retry.behavior == RetryBehavior::CreateNewExecution {
            return Next::Nothing;
        }
        let anew = retry.behavior == RetryBehavior::CreateNewExecution;
        let document = &self.execution.task_run_list[run];
        let (attempts, first) = if anew {
            (u64::from(self.execution.metadata.attempt_number), self.execution.metadata.original_created_date)
        } else {
            let first = document.attempts.first().map_or(document.state.start_date(), |attempt| attempt.state.start_date());
            (document.attempts.len().max(1) as u64, first)
        };
        if retry.max_attempts.is_some_and(|most| attempts >= most) {
            return Next::Nothing;
        }
        let Some(at) = self.after(retry.policy.delay(attempts, random)) else { return Next::Nothing };
        let last = retry.max_duration.and_then(|most| first.checked_add(SignedDuration::try_from(most).ok()?).ok());
        if last.is_some_and(|last| at > last) {
            return Next::Nothing;
        }
        if anew {
            self.successor = Some(at);
            return Next::Execution;
        }
        Next::Attempt(at)
    }

    /// This long from now.
    fn after(&self, wait: std::time::Duration) -> Option<Timestamp> {
        self.now.checked_add(SignedDuration::try_from(wait).ok()?).ok()
    }

    fn timer(&mut self, run: RunIx, kind: TimerKind) {
        let state = self.execution.task_run_list[run].state.current();
        match kind {
            TimerKind::Retry if state == State::Retrying && !self.killing => {
                self.set(run, State::Created);
                self.goes_on();
                self.effects.push(Effect::Start { run });
            }
            TimerKind::Iterate if state == State::Running => self.iterate(run),
            // Of a pause that began anew.
            TimerKind::Pause if state == State::Paused && self.runs[run].until.is_some_and(|until| self.now < until) => {
                let at = self.runs[run].until.unwrap_or(self.now);
                self.effects.push(Effect::Timer { run, kind, at });
            }
            TimerKind::Pause if state == State::Paused => self.pause_over(run),
            TimerKind::Timeout if !state.is_terminal() => self.expire(run),
            _ => {}
        }
    }

    /// A new task run, ready to start.
    pub(super) fn spawn(&mut self, task: TaskIx, owner: Owner, group: usize) -> RunIx {
        let number = self.runs.len();
        let program = Arc::clone(&self.program);
        let def = program.def(task);
        let parent = owner.run();
        let id = derived_id(&self.execution.id, self.numbered(number));
        let scope = self.groups[group].scope;
        let (value, iteration, values) = {
            let group = &self.groups[group];
            let outer: Arc<[Arc<str>]> = parent.map_or_else(|| Arc::from([]), |parent| Arc::clone(&self.runs[parent].values));
            match &group.value {
                Some(value) if group.item.is_some() => (Some(Arc::clone(value)), group.iteration, outer),
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
        self.runs.push(Run { task, parent, group, values, frame: None, scope, stopped: false, expired: false, until: None });
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
        let before = self.execution.task_run_list[run].state.current();
        self.paused = self.paused + usize::from(state == State::Paused) - usize::from(before == State::Paused);
        if state.is_terminal() {
            self.open.forget(run);
        }
        self.execution.task_run_list[run].state.push(state, self.now);
        self.effects.push(Effect::Changed { run: Some(run), state });
    }

    pub(super) fn set_execution(&mut self, state: State) {
        let current = self.execution.state.current();
        if self.is_held() && matches!(state, State::Running | State::Retrying | State::Paused) {
            return;
        }
        // A kill stays visible until it is done.
        if current != state && (current != State::Killing || state.is_terminal()) {
            self.execution.state.push(state, self.now);
            self.effects.push(Effect::Changed { run: None, state });
        }
    }

    /// For each value around a run, outermost first: the run of its loop, when that one runs several groups at a time.
    fn places_of(&self, run: RunIx) -> Vec<Option<RunIx>> {
        if self.runs[run].values.is_empty() {
            return Vec::new();
        }
        let around = std::iter::successors(Some(run), |run| self.runs[*run].parent);
        let in_group = around.filter(|run| self.execution.task_run_list[*run].value.is_some());
        let mut found: Vec<Option<RunIx>> = in_group.map(|run| self.runs[run].parent.filter(|parent| self.is_ordered(*parent))).collect();
        found.reverse();
        found
    }

    fn is_ordered(&self, run: RunIx) -> bool {
        self.runs[run].frame.as_ref().is_some_and(|frame| !frame.order.is_empty())
    }

    /// Makes outputs visible to expressions.
    pub(super) fn put_outputs(&mut self, run: RunIx, outputs: JsonMap) {
        if outputs.is_empty() {
            return;
        }
        let places = self.places_of(run);
        let document = &mut self.execution.task_run_list[run];
        let facts = &self.runs[run];
        let (mut at, outside) = match facts.scope {
            Some(scope) => {
                let IterationScope { outputs, outside, .. } = &mut self.scopes[scope];
                (outputs, *outside)
            }
            None => (&mut self.outputs, 0),
        };
        let levels = facts.values.iter().enumerate().skip(outside).map(|(level, value)| (value, places.get(level).copied().flatten()));
        for (key, loop_run) in std::iter::once((&document.task_id, None)).chain(levels) {
            let Some(map) = at.as_object_mut() else { return };
            if let Some(frame) = loop_run.and_then(|run| self.runs[run].frame.as_ref())
                && !map.contains_key(&**key)
            {
                // In the order of the values, whichever ended first.
                let place = |key: &str| frame.order.get(key).copied();
                let later = map.keys().rev().take_while(|other| place(other) > place(key)).count();
                map.shift_insert(map.len() - later, key.to_string(), Json::Object(JsonMap::new()));
            }
            at = map.entry(key.to_string()).or_insert_with(|| Json::Object(JsonMap::new()));
        }
        *at = Json::Object(outputs.clone());
        document.outputs = Arc::new(outputs);
    }

    pub(super) fn change(&mut self, labels: Vec<switchyard_model::Label>, variables: Option<JsonMap>) {
        for label in labels {
            self.execution.labels.retain(|other| other.key != label.key);
            self.execution.labels.push(label);
        }
        if let Some(variables) = variables {
            self.execution.variables = Arc::new(variables);
        }
    }
}

/// Whether the core itself runs this task's children. Subflows are run by the shell.
pub(super) fn has_frame(program: &Program, task: TaskIx) -> bool {
    use switchyard_model::TaskKind;
    let def = program.def(task);
    def.step.is_none() && !matches!(def.task.kind, TaskKind::Runnable | TaskKind::Subflow(_))
}

/// An id that follows from another one and a number. Task run ids follow from their execution's, so that a replayed journal gives the
/// same ones.
pub fn derived_id(of: &str, number: u64) -> Arc<str> {
    let mut bytes = [0; 16];
    for (half, seed) in bytes.chunks_exact_mut(8).zip([0xcbf2_9ce4_8422_2325_u64, 0x9e37_79b9_7f4a_7c15]) {
        let text = of.bytes().chain(number.to_le_bytes());
        let hash = text.fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        // The last bytes of FNV hardly reach the high bits; one round of mixing spreads them.
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        half.copy_from_slice(&(mixed ^ (mixed >> 32)).to_be_bytes());
    }
    from_random(bytes)
}
