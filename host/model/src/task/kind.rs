//! What a task is to the executor: runnable, or a flowable with children of its own. Spec 4.2.

use std::sync::Arc;
use std::time::Duration;

use super::Task;
use crate::dynamic::Dynamic;
use crate::input::Input;
use crate::label::Label;
use crate::node::Node;
use crate::output::Output;

#[derive(Debug, Clone, PartialEq)]
pub enum TaskKind {
    /// Every task that a worker runs, core or plugin; its properties are in the task's node.
    Runnable,
    Sequential(Sequential),
    Parallel(Parallel),
    Dag(Dag),
    If(If),
    Switch(Switch),
    AllowFailure(Sequential),
    EachSequential(Each),
    EachParallel(Each),
    ForEach(ForEach),
    Loop(Loop),
    ForEachItem(ForEachItem),
    Subflow(Subflow),
    LoopUntil(LoopUntil),
    Pause(Pause),
    WorkingDirectory(WorkingDirectory),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sequential {
    pub tasks: Vec<Task>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Parallel {
    pub tasks: Vec<Task>,
    /// 0 is without limit.
    pub concurrent: Dynamic<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Dag {
    pub tasks: Vec<DagTask>,
    /// 0 is without limit.
    pub concurrent: Dynamic<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DagTask {
    pub task: Task,
    pub depends_on: Vec<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct If {
    pub condition: Arc<str>,
    pub then: Vec<Task>,
    pub otherwise: Vec<Task>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Switch {
    pub value: Arc<str>,
    pub cases: Vec<(Arc<str>, Vec<Task>)>,
    pub defaults: Vec<Task>,
}

/// EachSequential and EachParallel.
#[derive(Debug, Clone, PartialEq)]
pub struct Each {
    /// A list, or a text that renders to one.
    pub value: Node,
    pub tasks: Vec<Task>,
    /// 0 is without limit; EachSequential has 1.
    pub concurrent: Dynamic<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ForEach {
    /// A list, or a text that renders to one.
    pub values: Node,
    /// Groups of children at a time; 0 is without limit.
    pub concurrency_limit: Dynamic<u64>,
    pub tasks: Vec<Task>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// A list, a map, a JSON text or a storage URI.
    pub values: Node,
    /// 0 is without limit.
    pub concurrency_limit: Dynamic<u64>,
    pub tasks: Vec<Task>,
    pub outputs: Vec<Output>,
    /// `AUTO`, `FETCH` or `STORE`.
    pub fetch_type: Arc<str>,
    pub transmit_failed: Dynamic<bool>,
    pub break_when: Option<Arc<str>>,
}

/// What Subflow and ForEachItem call.
#[derive(Debug, Clone, PartialEq)]
pub struct SubflowCall {
    pub namespace: Arc<str>,
    pub flow_id: Arc<str>,
    /// The latest when absent.
    pub revision: Option<Dynamic<u64>>,
    /// A map of texts to render.
    pub inputs: Option<Node>,
    pub labels: Vec<Label>,
    pub inherit_labels: Dynamic<bool>,
    pub wait: Dynamic<bool>,
    pub transmit_failed: Dynamic<bool>,
    pub schedule_date: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Subflow {
    pub call: SubflowCall,
    /// Deprecated: expressions rendered in the child's context.
    pub outputs: Option<Node>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ForEachItem {
    /// A storage URI to render.
    pub items: Arc<str>,
    pub batch: Batch,
    pub call: SubflowCall,
}

/// At most one of rows, partitions and bytes; one row when there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub rows: Option<Dynamic<u64>>,
    pub partitions: Option<Dynamic<u64>>,
    /// A size such as `10MB`.
    pub bytes: Option<Arc<str>>,
    pub separator: Arc<str>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LoopUntil {
    pub condition: Arc<str>,
    pub tasks: Vec<Task>,
    pub max_iterations: Option<Dynamic<u64>>,
    pub max_duration: Option<Dynamic<Duration>>,
    pub interval: Dynamic<Duration>,
    pub fail_on_max_reached: Dynamic<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pause {
    /// After it, `behavior` happens; `None` waits for somebody.
    pub duration: Option<Dynamic<Duration>>,
    pub behavior: PauseBehavior,
    pub on_resume: Vec<Input>,
    pub on_pause: Option<Box<Task>>,
    /// Deprecated: run after the resume.
    pub tasks: Vec<Task>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PauseBehavior {
    #[default]
    Resume,
    Warn,
    Fail,
    Cancel,
}

/// Spec 4.3. The three file properties have the shapes that script tasks have.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkingDirectory {
    pub tasks: Vec<Task>,
    pub cache: Option<Cache>,
    pub namespace_files: Option<Node>,
    pub input_files: Option<Node>,
    pub output_files: Option<Node>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Cache {
    pub patterns: Vec<Arc<str>>,
    pub ttl: Option<Dynamic<Duration>>,
}

impl TaskKind {
    /// Direct children, without the handlers.
    pub fn children(&self) -> Vec<&Task> {
        match self {
            Self::Runnable | Self::Subflow(_) | Self::ForEachItem(_) => Vec::new(),
            Self::Sequential(kind) | Self::AllowFailure(kind) => kind.tasks.iter().collect(),
            Self::Parallel(kind) => kind.tasks.iter().collect(),
            Self::Dag(kind) => kind.tasks.iter().map(|entry| &entry.task).collect(),
            Self::If(kind) => kind.then.iter().chain(&kind.otherwise).collect(),
            Self::Switch(kind) => kind.cases.iter().flat_map(|(_, tasks)| tasks).chain(&kind.defaults).collect(),
            Self::EachSequential(kind) | Self::EachParallel(kind) => kind.tasks.iter().collect(),
            Self::ForEach(kind) => kind.tasks.iter().collect(),
            Self::Loop(kind) => kind.tasks.iter().collect(),
            Self::LoopUntil(kind) => kind.tasks.iter().collect(),
            Self::Pause(kind) => kind.on_pause.as_deref().into_iter().chain(&kind.tasks).collect(),
            Self::WorkingDirectory(kind) => kind.tasks.iter().collect(),
        }
    }
}
