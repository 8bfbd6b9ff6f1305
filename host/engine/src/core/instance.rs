//! The state of one execution.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde_json::Value as Json;
use switchyard_model::{Execution, JsonMap, State, TaskRun, id::from_random, sla::SlaPromise};

use super::{
    event::{Ask, Effect, Event, TimerKind},
    frame::{Frame, Group, Owner, Stage},
    iteration::IterationScope,
    open::Open,
    program::{Program, TaskIx},
};

/// Number of a task run: its place in `taskRunList`.
pub type RunIx = usize;
/// Number of an iteration of a Loop.
pub(super) type ScopeIx = usize;

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
    pub(super) successor: Option<Timestamp>,
    /// What expressions see as `outputs`.
    pub(super) outputs: Json,
    pub(super) ids: HashMap<Arc<str>, RunIx>,
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

    /// The number of a run, which differs after a restart.
    pub(super) fn numbered(&self, number: usize) -> u64 {
        number as u64 | self.generation << 40
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
