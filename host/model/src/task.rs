//! One step of a flow.

use std::sync::Arc;
use std::time::Duration;

use crate::dynamic::Dynamic;
use crate::fields::Fields;
use crate::level::Level;
use crate::node::Node;
use crate::retry::Retry;
use crate::source::Span;
use crate::type_name::canonical_type;

mod kind;
mod read;

pub use kind::{
    Batch, Cache, Dag, DagTask, Each, ForEach, ForEachItem, If, Loop, LoopUntil, Parallel, Pause, PauseBehavior, Sequential, Subflow,
    SubflowCall, Switch, TaskKind, WorkingDirectory,
};

/// A task with what every task has; what only its type has is in `kind` (flowables) or in `node` (all others).
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub id: Arc<str>,
    /// As written; [`Task::canonical_type`] resolves old names.
    pub type_name: Arc<str>,
    pub kind: TaskKind,
    pub common: Common,
    /// Handlers of a flowable.
    pub errors: Vec<Task>,
    pub finally: Vec<Task>,
    /// The task as written, defaults merged.
    pub node: Node,
    pub span: Span,
}

/// Spec 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Common {
    pub description: Option<Arc<str>>,
    pub disabled: bool,
    pub timeout: Option<Dynamic<Duration>>,
    pub retry: Option<Retry>,
    /// `runIf`, in 2.0 `when`.
    pub run_if: Option<Arc<str>>,
    pub allow_failure: bool,
    pub allow_warning: bool,
    pub log_level: Option<Level>,
    pub log_to_file: bool,
    pub worker_group: Option<WorkerGroup>,
    pub task_cache: Option<TaskCache>,
}

/// Spec 2.5: read and validated, without effect here.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerGroup {
    pub key: Option<Arc<str>>,
    pub fallback: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TaskCache {
    pub enabled: Dynamic<bool>,
    pub ttl: Option<Dynamic<Duration>>,
}

impl Task {
    pub fn canonical_type(&self) -> &str {
        canonical_type(&self.type_name)
    }

    /// Whether workers run it; flowables are run by the executor.
    pub fn is_runnable(&self) -> bool {
        matches!(self.kind, TaskKind::Runnable)
    }

    pub fn is_flowable(&self) -> bool {
        !self.is_runnable()
    }

    /// Direct children in the order they are written, handlers last.
    pub fn children(&self) -> impl Iterator<Item = &Task> {
        self.kind.children().into_iter().chain(&self.errors).chain(&self.finally)
    }

    /// This task and everything below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Task)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// This task or one below it.
    pub fn find(&self, id: &str) -> Option<&Task> {
        if &*self.id == id {
            return Some(self);
        }
        self.children().find_map(|child| child.find(id))
    }
}

impl Common {
    pub(crate) fn read(node: &Node) -> Self {
        let fields = Fields::new(node);
        Self {
            description: fields.text(&["description"]),
            disabled: fields.flag(&["disabled"]).unwrap_or(false),
            timeout: fields.dynamic_duration(&["timeout"]),
            retry: Retry::read(fields.node(&["retry"])),
            run_if: fields.text(&["runIf", "when"]),
            allow_failure: fields.flag(&["allowFailure"]).unwrap_or(false),
            allow_warning: fields.flag(&["allowWarning"]).unwrap_or(false),
            log_level: fields.text(&["logLevel"]).and_then(|name| Level::from_name(&name)),
            log_to_file: fields.flag(&["logToFile"]).unwrap_or(false),
            worker_group: fields.node(&["workerGroup"]).map(WorkerGroup::read),
            task_cache: fields.node(&["taskCache"]).map(|cache| {
                let cache = Fields::new(cache);
                TaskCache {
                    enabled: cache.dynamic_flag(&["enabled"]).unwrap_or(Dynamic::Literal(false)),
                    ttl: cache.dynamic_duration(&["ttl"]),
                }
            }),
        }
    }
}

impl WorkerGroup {
    pub(crate) fn read(node: &Node) -> Self {
        let fields = Fields::new(node);
        Self { key: fields.text(&["key"]), fallback: fields.text(&["fallback"]) }
    }
}
