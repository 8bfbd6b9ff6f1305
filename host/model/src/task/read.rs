//! Makes tasks out of nodes.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Batch, Cache, Common, Dag, DagTask, Each, ForEach, ForEachItem, If, Loop, LoopUntil, Parallel, Pause, PauseBehavior, Sequential,
    Subflow, SubflowCall, Switch, Task, TaskKind, WorkingDirectory,
};
use crate::dynamic::Dynamic;
use crate::fields::Fields;
use crate::input::Input;
use crate::label::Label;
use crate::map::Map;
use crate::node::Node;
use crate::output::Output;
use crate::type_name::canonical_type;

impl Task {
    /// A single task; `None` when it has no id or no type. Spec rules are checked by [`crate::Flow::from_node`].
    pub fn read(node: &Node) -> Option<Self> {
        let fields = Fields::new(node);
        let type_name = fields.text(&["type"])?;
        Some(Self {
            id: fields.text(&["id"])?,
            kind: kind(canonical_type(&type_name), fields),
            type_name,
            common: Common::read(node),
            errors: tasks(fields, "errors"),
            finally: tasks(fields, "finally"),
            node: node.clone(),
            span: node.span,
        })
    }

    pub(crate) fn read_all(nodes: &[Node]) -> Vec<Self> {
        nodes.iter().filter_map(Self::read).collect()
    }
}

fn tasks(fields: Fields<'_>, name: &str) -> Vec<Task> {
    Task::read_all(fields.items(&[name]))
}

fn kind(canonical: &str, fields: Fields<'_>) -> TaskKind {
    let Some(name) = canonical.strip_prefix("io.kestra.plugin.core.flow.") else {
        return TaskKind::Runnable;
    };
    let sequential = || Sequential { tasks: tasks(fields, "tasks") };
    match name {
        "Sequential" => TaskKind::Sequential(sequential()),
        "AllowFailure" => TaskKind::AllowFailure(sequential()),
        "Parallel" => TaskKind::Parallel(Parallel { tasks: tasks(fields, "tasks"), concurrent: count(fields, "concurrent", 0) }),
        "Dag" => TaskKind::Dag(dag(fields)),
        "If" => TaskKind::If(If { condition: text(fields, "condition"), then: tasks(fields, "then"), otherwise: tasks(fields, "else") }),
        "Switch" => TaskKind::Switch(switch(fields)),
        "EachSequential" => TaskKind::EachSequential(each(fields, 1)),
        "EachParallel" => TaskKind::EachParallel(each(fields, 0)),
        "ForEach" => TaskKind::ForEach(ForEach {
            values: node(fields, "values"),
            concurrency_limit: count(fields, "concurrencyLimit", 1),
            tasks: tasks(fields, "tasks"),
        }),
        "Loop" => TaskKind::Loop(Loop {
            values: node(fields, "values"),
            concurrency_limit: count(fields, "concurrencyLimit", 0),
            tasks: tasks(fields, "tasks"),
            outputs: Output::read_all(fields.items(&["outputs"])),
            fetch_type: fields.text(&["fetchType"]).unwrap_or_else(|| "AUTO".into()),
            transmit_failed: flag(fields, "transmitFailed", true),
            break_when: fields.text(&["breakWhen"]),
        }),
        "Subflow" => TaskKind::Subflow(Subflow { call: call(fields), outputs: fields.node(&["outputs"]).cloned() }),
        "ForEachItem" => TaskKind::ForEachItem(ForEachItem { items: text(fields, "items"), batch: batch(fields), call: call(fields) }),
        "LoopUntil" => TaskKind::LoopUntil(loop_until(fields)),
        "Pause" => TaskKind::Pause(pause(fields)),
        "WorkingDirectory" => TaskKind::WorkingDirectory(working_directory(fields)),
        _ => TaskKind::Runnable,
    }
}

fn text(fields: Fields<'_>, name: &str) -> Arc<str> {
    fields.text(&[name]).unwrap_or_default()
}

fn node(fields: Fields<'_>, name: &str) -> Node {
    fields.node(&[name]).cloned().unwrap_or_default()
}

fn count(fields: Fields<'_>, name: &str, default: u64) -> Dynamic<u64> {
    fields.dynamic_count(&[name]).unwrap_or(Dynamic::Literal(default))
}

fn flag(fields: Fields<'_>, name: &str, default: bool) -> Dynamic<bool> {
    fields.dynamic_flag(&[name]).unwrap_or(Dynamic::Literal(default))
}

fn dag(fields: Fields<'_>) -> Dag {
    let entries = fields.items(&["tasks"]).iter().filter_map(|entry| {
        let entry = Fields::new(entry);
        Some(DagTask { task: Task::read(entry.node(&["task"])?)?, depends_on: entry.texts(&["dependsOn"]) })
    });
    Dag { tasks: entries.collect(), concurrent: count(fields, "concurrent", 0) }
}

fn switch(fields: Fields<'_>) -> Switch {
    let cases = fields.node(&["cases"]).and_then(Node::as_map).into_iter().flat_map(Map::iter);
    Switch {
        value: text(fields, "value"),
        cases: cases.map(|(key, entry)| (Arc::clone(key), Task::read_all(entry.value.as_seq().unwrap_or_default()))).collect(),
        defaults: tasks(fields, "defaults"),
    }
}

fn each(fields: Fields<'_>, concurrent: u64) -> Each {
    Each { value: node(fields, "value"), tasks: tasks(fields, "tasks"), concurrent: count(fields, "concurrent", concurrent) }
}

fn call(fields: Fields<'_>) -> SubflowCall {
    SubflowCall {
        namespace: text(fields, "namespace"),
        flow_id: text(fields, "flowId"),
        revision: fields.dynamic_count(&["revision"]),
        inputs: fields.node(&["inputs"]).cloned(),
        labels: Label::read(fields.node(&["labels"])),
        inherit_labels: flag(fields, "inheritLabels", false),
        wait: flag(fields, "wait", true),
        transmit_failed: flag(fields, "transmitFailed", true),
        schedule_date: fields.text(&["scheduleDate"]),
    }
}

fn batch(fields: Fields<'_>) -> Batch {
    let nothing = Node::default();
    let batch = Fields::new(fields.node(&["batch"]).unwrap_or(&nothing));
    let (partitions, bytes) = (batch.dynamic_count(&["partitions"]), batch.text(&["bytes"]));
    let one_row = (partitions.is_none() && bytes.is_none()).then_some(Dynamic::Literal(1));
    Batch {
        rows: batch.dynamic_count(&["rows"]).or(one_row),
        partitions,
        bytes,
        separator: batch.text(&["separator"]).unwrap_or_else(|| "\n".into()),
    }
}

fn loop_until(fields: Fields<'_>) -> LoopUntil {
    let nothing = Node::default();
    let frequency = Fields::new(fields.node(&["checkFrequency"]).unwrap_or(&nothing));
    LoopUntil {
        condition: text(fields, "condition"),
        tasks: tasks(fields, "tasks"),
        max_iterations: frequency.dynamic_count(&["maxIterations"]),
        max_duration: frequency.dynamic_duration(&["maxDuration"]),
        interval: frequency.dynamic_duration(&["interval"]).unwrap_or(Dynamic::Literal(Duration::from_secs(60))),
        fail_on_max_reached: flag(fields, "failOnMaxReached", false),
    }
}

fn pause(fields: Fields<'_>) -> Pause {
    Pause {
        duration: fields.dynamic_duration(&["pauseDuration", "delay"]),
        behavior: match fields.text(&["behavior"]).as_deref() {
            Some("WARN") => PauseBehavior::Warn,
            Some("FAIL") => PauseBehavior::Fail,
            Some("CANCEL") => PauseBehavior::Cancel,
            _ => PauseBehavior::Resume,
        },
        on_resume: Input::read_all(fields.items(&["onResume"])),
        on_pause: fields.node(&["onPause"]).and_then(Task::read).map(Box::new),
        tasks: tasks(fields, "tasks"),
    }
}

fn working_directory(fields: Fields<'_>) -> WorkingDirectory {
    WorkingDirectory {
        tasks: tasks(fields, "tasks"),
        cache: fields.node(&["cache"]).map(|cache| {
            let cache = Fields::new(cache);
            Cache { patterns: cache.texts(&["patterns"]), ttl: cache.dynamic_duration(&["ttl"]) }
        }),
        namespace_files: fields.node(&["namespaceFiles"]).cloned(),
        input_files: fields.node(&["inputFiles"]).cloned(),
        output_files: fields.node(&["outputFiles"]).cloned(),
    }
}
