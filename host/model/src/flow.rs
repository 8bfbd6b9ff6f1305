//! The flow document as typed data; spec 1.

use std::sync::Arc;

use crate::check::Check;
use crate::concurrency::Concurrency;
use crate::execution::JsonMap;
use crate::fields::Fields;
use crate::input::Input;
use crate::label::Label;
use crate::node::Node;
use crate::output::Output;
use crate::retry::Retry;
use crate::sla::Sla;
use crate::source::Span;
use crate::task::{Task, WorkerGroup};
use crate::trigger::Trigger;
use crate::violation::Violations;

#[cfg(test)]
mod tests;

#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    pub id: Arc<str>,
    pub namespace: Arc<str>,
    /// As written; the server gives its own.
    pub revision: Option<u64>,
    pub description: Option<Arc<str>>,
    pub labels: Vec<Label>,
    pub inputs: Vec<Input>,
    /// Not rendered; expressions see them as `vars`.
    pub variables: Arc<JsonMap>,
    pub tasks: Vec<Task>,
    pub errors: Vec<Task>,
    pub finally: Vec<Task>,
    pub after_execution: Vec<Task>,
    pub listeners: Vec<Listener>,
    pub triggers: Vec<Trigger>,
    pub concurrency: Option<Concurrency>,
    pub outputs: Vec<Output>,
    pub retry: Option<Retry>,
    pub sla: Vec<Sla>,
    pub checks: Vec<Check>,
    pub disabled: bool,
    pub deleted: bool,
    pub worker_group: Option<WorkerGroup>,
    /// The whole document as written, defaults merged.
    pub node: Node,
    pub span: Span,
}

/// Tasks that run when the execution is over and the conditions hold; deprecated.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// Each a map with a `type`.
    pub conditions: Vec<Node>,
    pub tasks: Vec<Task>,
}

/// What to do with properties that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// For a flow that somebody saves or validates.
    #[default]
    Strict,
    /// For a flow that was accepted before, so that a stored flow never becomes unreadable.
    Lenient,
}

impl Flow {
    /// Checks a document whose defaults are already merged. The flow is there exactly when no violation is an error.
    pub fn from_node(node: &Node) -> (Option<Self>, Violations) {
        Self::from_node_with(node, Strictness::Strict)
    }

    pub fn from_node_with(node: &Node, strictness: Strictness) -> (Option<Self>, Violations) {
        let flow = Self::read(node);
        let found = crate::rule::check_flow(node, &flow, strictness);
        (Some(flow).filter(|_| !found.has_errors()), found)
    }

    /// What can be read of a document, however much is wrong with it.
    pub fn read(node: &Node) -> Self {
        let fields = Fields::new(node);
        let tasks = |name| Task::read_all(fields.items(&[name]));
        let listener = |node: &Node| Listener {
            conditions: Fields::new(node).items(&["conditions"]).to_vec(),
            tasks: Task::read_all(Fields::new(node).items(&["tasks"])),
        };
        Self {
            id: fields.text(&["id"]).unwrap_or_default(),
            namespace: fields.text(&["namespace"]).unwrap_or_default(),
            revision: fields.count(&["revision"]),
            description: fields.text(&["description"]),
            labels: Label::read(fields.node(&["labels"])),
            inputs: Input::read_all(fields.items(&["inputs"])),
            variables: Arc::new(fields.json_map(&["variables"]).unwrap_or_default()),
            tasks: tasks("tasks"),
            errors: tasks("errors"),
            finally: tasks("finally"),
            after_execution: tasks("afterExecution"),
            listeners: fields.items(&["listeners"]).iter().map(listener).collect(),
            triggers: fields.items(&["triggers"]).iter().filter_map(Trigger::read).collect(),
            concurrency: Concurrency::read(fields.node(&["concurrency"])),
            outputs: Output::read_all(fields.items(&["outputs"])),
            retry: Retry::read(fields.node(&["retry"])),
            sla: fields.items(&["sla"]).iter().filter_map(Sla::read).collect(),
            checks: fields.items(&["checks"]).iter().filter_map(Check::read).collect(),
            disabled: fields.flag(&["disabled"]).unwrap_or(false),
            deleted: fields.flag(&["deleted"]).unwrap_or(false),
            worker_group: fields.node(&["workerGroup"]).map(WorkerGroup::read),
            node: node.clone(),
            span: node.span,
        }
    }

    /// The tasks of the top level, in every branch.
    pub fn roots(&self) -> impl Iterator<Item = &Task> {
        let listeners = self.listeners.iter().flat_map(|listener| &listener.tasks);
        let handlers = self.errors.iter().chain(&self.finally).chain(&self.after_execution);
        self.tasks.iter().chain(handlers).chain(listeners)
    }

    /// Every task at every depth, parents first.
    pub fn all_tasks(&self) -> Vec<&Task> {
        let mut all = Vec::new();
        for root in self.roots() {
            root.walk(&mut |task| all.push(task));
        }
        all
    }

    pub fn task(&self, id: &str) -> Option<&Task> {
        self.roots().find_map(|task| task.find(id))
    }
}
