//! Rules about tasks and how they stand to each other.

use std::collections::HashMap;
use std::sync::Arc;

use super::duplicates;
use crate::flow::Flow;
use crate::node::{Node, Value};
use crate::path::Path;
use crate::retry::check_intervals;
use crate::source::Span;
use crate::suggestion;
use crate::task::{Dag, SubflowCall, Switch, Task, TaskKind};
use crate::violation::{Violation, Violations};

pub(super) fn check(node: &Node, flow: &Flow, found: &mut Violations) {
    let all = flow.all_tasks();
    let id_span = |task: &Task| task.node.get("id").map_or(task.span, |id| id.span);
    let ids: Vec<(String, Span)> = all.iter().map(|task| (task.id.to_string(), id_span(task))).collect();
    duplicates("task", &ids, &Path::Root.key("tasks"), found);
    let mut places = HashMap::new();
    collect_places(node, &Path::Root, &mut places);
    for task in all {
        let place = places.get(&(task.span, &*task.id)).map_or("tasks", String::as_str);
        let path = Path::Written(place);
        check_intervals(task.node.get("retry"), &path.key("retry"), found);
        self::task(task, flow, &path, found);
    }
}

/// The path of every map with an id, by its span and id.
fn collect_places<'a>(node: &'a Node, path: &Path<'_>, places: &mut HashMap<(Span, &'a str), String>) {
    match &node.value {
        Value::Seq(items) => items.iter().enumerate().for_each(|(index, item)| collect_places(item, &path.index(index), places)),
        Value::Map(map) => {
            if let Some(id) = map.get("id").and_then(Node::as_str) {
                places.entry((node.span, id)).or_insert_with(|| path.to_string());
            }
            map.iter().for_each(|(key, entry)| collect_places(&entry.value, &path.key(key), places));
        }
        _ => {}
    }
}

fn task(task: &Task, flow: &Flow, path: &Path<'_>, found: &mut Violations) {
    let list = |name: &str| task.node.get(name).and_then(Node::as_seq);
    match &task.kind {
        TaskKind::Dag(dag) => self::dag(task, dag, path, found),
        TaskKind::Subflow(subflow) => recursion(task, &subflow.call, flow, path, found),
        TaskKind::ForEachItem(each) => recursion(task, &each.call, flow, path, found),
        TaskKind::Switch(switch) => self::switch(task, switch, path, found),
        TaskKind::WorkingDirectory(directory) => working_directory(task, &directory.tasks, path, found),
        TaskKind::Pause(_) => super::input::check(task.node.get("onResume"), &path.key("onResume"), found),
        _ => {}
    }
    super::files::check(task, path, found);
    if task.is_flowable() && !matches!(task.kind, TaskKind::Pause(_)) && list("tasks").is_some_and(<[Node]>::is_empty) {
        let span = task.node.get("tasks").map_or(task.span, |tasks| tasks.span);
        let message = format!("the task `{}` has no child tasks", task.id);
        found.push(Violation::error("task::no_tasks", &path.key("tasks"), span, message).with_help("add a task or remove this one"));
    }
}

fn switch(task: &Task, switch: &Switch, path: &Path<'_>, found: &mut Violations) {
    if switch.defaults.is_empty() && switch.cases.iter().all(|(_, tasks)| tasks.is_empty()) {
        let message = "neither `cases` nor `defaults` has a task";
        found.push(Violation::error("switch::no_tasks", path, task.span, message).with_help("add a case, or tasks in `defaults`"));
    }
}

fn recursion(task: &Task, call: &SubflowCall, flow: &Flow, path: &Path<'_>, found: &mut Violations) {
    if call.namespace == flow.namespace && call.flow_id == flow.id {
        let span = task.node.get("flowId").map_or(task.span, |id| id.span);
        let message = format!("Recursive call to flow [{}.{}]", flow.namespace, flow.id);
        found.push(Violation::error("flow::recursive_call", &path.key("flowId"), span, message).with_help("call another flow"));
    }
}

fn working_directory(parent: &Task, children: &[Task], path: &Path<'_>, found: &mut Violations) {
    for child in children {
        if child.is_flowable() {
            let message = format!("the task `{}` inside WorkingDirectory `{}` is not runnable", child.id, parent.id);
            found.push(
                Violation::error("working_directory::not_runnable", path, child.span, message)
                    .with_help("put flowable tasks outside of the WorkingDirectory"),
            );
        }
        if let Some(group) = child.node.get("workerGroup") {
            let message = format!("the task `{}` inside WorkingDirectory `{}` cannot have a worker group", child.id, parent.id);
            found.push(
                Violation::error("working_directory::worker_group", path, group.span, message).with_help("set it on the WorkingDirectory"),
            );
        }
    }
}

fn dag(task: &Task, dag: &Dag, path: &Path<'_>, found: &mut Violations) {
    let ids: Vec<&str> = dag.tasks.iter().map(|entry| &*entry.task.id).collect();
    let edges: Vec<(Arc<str>, Vec<Arc<str>>)> =
        dag.tasks.iter().map(|entry| (Arc::clone(&entry.task.id), entry.depends_on.clone())).collect();
    for entry in &dag.tasks {
        for wanted in entry.depends_on.iter().filter(|wanted| !ids.contains(&&***wanted)) {
            let message = format!("the task `{}` depends on `{wanted}`, which is no task of the Dag `{}`", entry.task.id, task.id);
            let mut violation = Violation::error("dag::unknown_task", path, entry.task.span, message);
            violation.help = suggestion::help(wanted, ids.iter().copied());
            found.push(violation);
        }
    }
    if let Some(cycle) = cycle(&edges) {
        let message = format!("the tasks of the Dag `{}` depend on each other in a circle: {}", task.id, cycle.join(" → "));
        found.push(Violation::error("dag::cycle", path, task.span, message).with_help("remove one of these dependencies"));
    }
}

/// The first circle, its first element repeated at the end.
pub(crate) fn cycle(edges: &[(Arc<str>, Vec<Arc<str>>)]) -> Option<Vec<String>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let index = |id: &str| edges.iter().position(|(known, _)| &**known == id);
    let mut marks = vec![Mark::New; edges.len()];
    for start in 0..edges.len() {
        // Iterative, because a chain may be as long as the flow.
        let mut trail: Vec<(usize, usize)> = if marks[start] == Mark::New { vec![(start, 0)] } else { Vec::new() };
        while let Some((node, next)) = trail.last_mut() {
            marks[*node] = Mark::Open;
            let Some(target) = edges[*node].1.get(*next) else {
                marks[*node] = Mark::Done;
                trail.pop();
                continue;
            };
            *next += 1;
            let Some(target) = index(target) else { continue };
            if marks[target] == Mark::Open {
                let from = trail.iter().position(|(node, _)| *node == target).unwrap_or(0);
                let names = trail[from..].iter().map(|(node, _)| edges[*node].0.to_string());
                return Some(names.chain([edges[target].0.to_string()]).collect());
            }
            if marks[target] == Mark::New {
                trail.push((target, 0));
            }
        }
    }
    None
}
