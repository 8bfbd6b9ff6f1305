//! What is kept about a flowable, or the flow itself, while it is open.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use switchyard_model::{JsonMap, State};

use super::{
    event::Item,
    instance::{RunIx, ScopeIx},
    program::ListIx,
};

/// Where a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Asked the shell, no answer yet.
    Opening,
    /// A Pause only: its `onPause` runs while it waits.
    Pausing,
    Body,
    Errors,
    Finally,
    /// The flow only: its state is final, `afterExecution` runs.
    After,
    Done,
}

/// Who owns a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Flow,
    Run(RunIx),
}

impl Owner {
    pub fn run(self) -> Option<RunIx> {
        match self {
            Self::Flow => None,
            Self::Run(run) => Some(run),
        }
    }
}

/// One list of tasks being run in order.
#[derive(Debug)]
pub(super) struct Group {
    pub list: ListIx,
    /// Place of the next task in the list.
    pub next: usize,
    pub value: Option<Arc<str>>,
    pub iteration: Option<u64>,
    /// Place among the body's groups; for a Dag and a Loop.
    pub place: usize,
    /// The iteration of a Loop that the group lives in.
    pub scope: Option<ScopeIx>,
    /// A group of a Loop: its item. The states of its tasks stay with it.
    pub item: Option<Arc<Item>>,
    pub worst: Worst,
}

/// States of children, folded; spec 8.3.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Worst {
    pub killed: bool,
    pub failed: bool,
    pub warning: bool,
}

impl Worst {
    pub fn add(&mut self, state: State) {
        match state {
            State::Killed | State::Cancelled => self.killed = true,
            State::Failed | State::Retried => self.failed = true,
            State::Warning => self.warning = true,
            _ => {}
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.killed |= other.killed;
        self.failed |= other.failed;
        self.warning |= other.warning;
    }

    pub fn state(self) -> State {
        match self {
            Self { killed: true, .. } => State::Killed,
            Self { failed: true, .. } => State::Failed,
            Self { warning: true, .. } => State::Warning,
            _ => State::Success,
        }
    }

    pub fn bad(self) -> bool {
        self.killed || self.failed
    }
}

/// A group that has not begun.
#[derive(Debug)]
pub(super) struct Pending {
    pub list: ListIx,
    pub value: Option<Arc<str>>,
    pub iteration: Option<u64>,
    pub place: usize,
    pub item: Option<Arc<Item>>,
}

/// Unmet dependencies of each task of a Dag, and who waits for it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub unmet: Vec<usize>,
    pub dependents: Vec<Vec<usize>>,
}

/// The running state of a flowable or of the flow.
#[derive(Debug)]
pub(super) struct Frame {
    pub stage: Stage,
    pub pending: VecDeque<Pending>,
    pub active: usize,
    /// Groups at a time; 0 is without limit.
    pub limit: usize,
    pub worst: Worst,
    pub dag: Option<Waiting>,
    /// A loop that runs several groups at a time: the places of its values.
    pub order: HashMap<Arc<str>, usize>,
    pub iterations: u64,
    /// It took longer than its `timeout`.
    pub expired: bool,
    /// A Loop: whether a failed iteration is a failure of the Loop.
    pub transmit: bool,
    /// A Loop: what each iteration that has ended gave.
    pub results: Vec<Option<JsonMap>>,
}

impl Frame {
    pub fn new() -> Self {
        Self {
            stage: Stage::Opening,
            pending: VecDeque::new(),
            active: 0,
            limit: 0,
            worst: Worst::default(),
            dag: None,
            order: HashMap::new(),
            iterations: 0,
            expired: false,
            transmit: true,
            results: Vec::new(),
        }
    }

    /// One group over one list.
    pub fn single(&mut self, list: ListIx) {
        self.pending.clear();
        self.pending.push_back(Pending { list, value: None, iteration: None, place: 0, item: None });
        self.limit = 1;
        self.dag = None;
    }
}
