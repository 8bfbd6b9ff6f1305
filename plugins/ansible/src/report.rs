//! Everything that happened, as outputs and task runs.

use serde_json::{Map, Value, json};
use switchyard_plugin_api::{DynamicRun, DynamicState, Level};

use crate::event::{Event, Status, TaskResult};

/// Which results become outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outputs {
    /// All, in order.
    All,
    /// Those published by the module `kestra`.
    Explicit,
}

/// The action of the module that publishes values.
const MODULE: &str = "kestra";

#[derive(Debug, Default)]
struct Task {
    id: String,
    name: String,
    started: String,
    ended: String,
    results: Vec<TaskResult>,
}

#[derive(Debug, Default)]
struct Play {
    name: String,
    tasks: Vec<Task>,
}

/// What has happened so far.
#[derive(Debug, Default)]
pub struct Report {
    playbooks: Vec<Vec<Play>>,
    all: Vec<Value>,
    explicit: Map<String, Value>,
}

impl Report {
    /// Takes an event; answers what to log.
    pub fn take(&mut self, event: Event) -> Option<(Level, String)> {
        match event {
            Event::Playbook { name } => {
                self.playbooks.push(Vec::new());
                Some((Level::Info, format!("PLAYBOOK {name}")))
            }
            Event::Play { name } => {
                let text = format!("PLAY [{name}]");
                self.playbook().push(Play { name, tasks: Vec::new() });
                Some((Level::Info, text))
            }
            Event::Task { task, name, at } => {
                let text = format!("TASK [{name}]");
                self.play().tasks.push(Task { id: task, name, started: at.clone(), ended: at, results: Vec::new() });
                Some((Level::Info, text))
            }
            Event::Result(result) => Some(self.result(result)),
            Event::Note { level, message } => Some((level, message)),
        }
    }

    fn result(&mut self, result: TaskResult) -> (Level, String) {
        let said = said(&result);
        let published = result.action.rsplit('.').next() == Some(MODULE);
        if let Some(Value::Object(outputs)) = result.result.get("kestra_outputs").filter(|_| published) {
            self.explicit.extend(outputs.clone());
        }
        self.all.push(Value::Object(result.result.clone()));
        let tasks = &mut self.play().tasks;
        // With the free strategy a host may still be at an earlier task.
        let at = tasks.iter().rposition(|task| task.id == result.task).unwrap_or_else(|| {
            tasks.push(Task { id: result.task.clone(), name: result.action.clone(), started: result.at.clone(), ..Task::default() });
            tasks.len() - 1
        });
        tasks[at].ended.clone_from(&result.at);
        tasks[at].results.push(result);
        said
    }

    fn playbook(&mut self) -> &mut Vec<Play> {
        if self.playbooks.is_empty() {
            self.playbooks.push(Vec::new());
        }
        let last = self.playbooks.len() - 1;
        &mut self.playbooks[last]
    }

    fn play(&mut self) -> &mut Play {
        let plays = self.playbook();
        if plays.is_empty() {
            plays.push(Play::default());
        }
        let last = plays.len() - 1;
        &mut plays[last]
    }

    /// Nothing was heard: the callback plugin was not at work.
    pub fn is_empty(&self) -> bool {
        self.playbooks.is_empty() && self.all.is_empty()
    }

    /// `vars.outputs`.
    pub fn outputs(&self, mode: Outputs) -> Value {
        match mode {
            Outputs::All => Value::Array(self.all.clone()),
            Outputs::Explicit => Value::Object(self.explicit.clone()),
        }
    }

    /// `playbooks`.
    pub fn playbooks(&self, mode: Outputs) -> Value {
        let host = |result: &TaskResult| json!({ "host": result.host, "status": result.status.name(), "result": shown(result, mode) });
        let task = |play: &Play, task: &Task| {
            let hosts: Vec<Value> = task.results.iter().map(host).collect();
            json!({ "uid": uid(play, task), "name": task.name, "startedAt": task.started, "endedAt": task.ended, "hosts": hosts })
        };
        let play = |play: &Play| json!({ "name": play.name, "tasks": play.tasks.iter().map(|one| task(play, one)).collect::<Vec<_>>() });
        self.playbooks.iter().map(|plays| json!({ "plays": plays.iter().map(play).collect::<Vec<_>>() })).collect()
    }

    /// One task run per task.
    pub fn task_runs(&self) -> Vec<DynamicRun> {
        let tasks = self.playbooks.iter().flatten().flat_map(|play| play.tasks.iter().map(move |task| (play, task)));
        tasks
            .map(|(play, task)| DynamicRun {
                started: Some(task.started.clone()),
                ended: Some(task.ended.clone()),
                outputs: task.results.iter().map(|result| (result.host.clone(), result.status.name().into())).collect(),
                ..DynamicRun::new(uid(play, task), state(&task.results))
            })
            .collect()
    }
}

fn uid(play: &Play, task: &Task) -> String {
    format!("{} | {}", play.name, task.name)
}

fn state(results: &[TaskResult]) -> DynamicState {
    let bad = |result: &&TaskResult| matches!(result.status, Status::Failed | Status::Unreachable);
    if results.iter().filter(bad).any(|result| !result.ignored) {
        DynamicState::Failed
    } else if results.iter().any(|result| bad(&result)) {
        DynamicState::Warning
    } else if results.iter().all(|result| result.status == Status::Skipped) {
        DynamicState::Skipped
    } else {
        DynamicState::Success
    }
}

/// With explicit outputs the others are reduced to whether they changed something, and to why they failed.
fn shown(result: &TaskResult, mode: Outputs) -> Value {
    if mode == Outputs::All {
        return Value::Object(result.result.clone());
    }
    let mut kept = Map::new();
    kept.insert("changed".into(), result.result.get("changed").cloned().unwrap_or(false.into()));
    if matches!(result.status, Status::Failed | Status::Unreachable) {
        kept.extend(result.result.get("msg").map(|message| ("msg".to_owned(), message.clone())));
    }
    Value::Object(kept)
}

fn said(result: &TaskResult) -> (Level, String) {
    let text = |name: &str| result.result.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let changed = result.result.get("changed") == Some(&Value::Bool(true));
    let detail = match result.status {
        Status::Ok => text("msg").map(str::to_owned),
        Status::Skipped => None,
        Status::Failed | Status::Unreachable => text("msg")
            .or(text("stderr"))
            .map_or_else(|| Some(Value::Object(result.result.clone()).to_string()), |text| Some(text.to_owned())),
    };
    let word = if changed && result.status == Status::Ok { "changed" } else { result.status.name() };
    let level = match result.status {
        Status::Failed | Status::Unreachable if result.ignored => Level::Warn,
        Status::Failed | Status::Unreachable => Level::Error,
        _ => Level::Info,
    };
    (level, format!("{word}: [{}]{}", result.host, detail.map(|detail| format!(" {detail}")).unwrap_or_default()))
}
