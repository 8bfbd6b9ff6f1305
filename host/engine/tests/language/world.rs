//! An engine, some flows, and what was logged.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value as Json, json};
use switchyard_engine::{Engine, Handle, Notice, Observer, Options, Refused, Submission, built_in, load};
use switchyard_model::{Execution, Sources, State};
use switchyard_registry::Registry;
use tokio::sync::Notify;

/// Collects messages and waits for states.
#[derive(Default)]
pub struct Seen {
    log: Mutex<Vec<String>>,
    states: Mutex<Vec<(String, State)>>,
    changed: Notify,
}

impl Observer for Seen {
    fn notice(&self, notice: &Notice<'_>) {
        match notice {
            Notice::Log { task, level, text, .. } => {
                self.log.lock().unwrap().push(format!("{} {level} {}", task.task_id, String::from_utf8_lossy(text)));
            }
            Notice::Task { task, state, .. } => {
                self.states.lock().unwrap().push((task.task_id.to_string(), *state));
                self.changed.notify_waiters();
            }
            Notice::Execution { state, .. } => {
                self.states.lock().unwrap().push((String::new(), *state));
                self.changed.notify_waiters();
            }
            _ => {}
        }
    }
}

impl Seen {
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until a task was in a state; an execution when it has no name.
    pub async fn reached(&self, task: &str, state: State) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.states.lock().unwrap().contains(&(task.to_owned(), state)) {
                return;
            }
            changed.await;
        }
    }
}

pub struct World {
    pub engine: Engine,
    pub seen: Arc<Seen>,
    pub data: tempfile::TempDir,
}

impl World {
    /// An engine that knows these flows.
    pub fn new(flows: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let seen = Arc::new(Seen::default());
        let root = data.path().to_owned();
        let registry = Registry::open(
            switchyard_registry::Options::new(root.join("cache"), Vec::new()),
            vec![built_in(None), switchyard_plugin_scripts::plugin()],
        );
        let options = Options {
            work_dir: root.join("work"),
            data_dir: root,
            journal: true,
            durable: false,
            keeper: None,
            patience: Duration::from_secs(2),
            slots: 8,
            grace: Duration::from_secs(5),
            config: Arc::default(),
            secrets: Arc::default(),
        };
        let engine = Engine::start(options, registry, Arc::clone(&seen) as Arc<dyn Observer>).unwrap();
        let world = Self { engine, seen, data };
        for flow in flows {
            world.add(flow, 1);
        }
        world
    }

    pub fn load(&self, yaml: &str) -> Arc<load::Prepared> {
        let mut sources = Sources::new();
        let loaded = load::bytes_of("flow.yaml", yaml.as_bytes(), self.engine.registry(), &Default::default(), &mut sources)
            .unwrap_or_else(|e| panic!("{}", e.display(&sources)));
        loaded.program.unwrap_or_else(|| panic!("{}", loaded.violations.display(&sources)))
    }

    pub fn add(&self, yaml: &str, revision: u32) {
        self.engine.flows().insert(self.load(yaml), revision);
    }

    pub async fn try_submit(&self, yaml: &str, inputs: Json) -> Result<Handle, Refused> {
        let submission = Submission { inputs: inputs.as_object().unwrap().clone(), ..Submission::default() };
        self.engine.submit(self.load(yaml), submission).await
    }

    pub async fn submit(&self, yaml: &str, inputs: Json) -> Handle {
        self.try_submit(yaml, inputs).await.unwrap_or_else(|e| panic!("{e:?}"))
    }

    pub async fn run(&self, yaml: &str) -> Ran {
        self.run_with(yaml, json!({})).await
    }

    pub async fn run_with(&self, yaml: &str, inputs: Json) -> Ran {
        let execution = self.submit(yaml, inputs).await.wait().await;
        self.engine.idle().await;
        Ran { execution, log: self.seen.log() }
    }

    /// The finished execution of an id.
    pub async fn document(&self, id: &str) -> Arc<Execution> {
        self.engine.known(id).await.unwrap_or_else(|| panic!("no execution {id}")).wait().await
    }
}

/// Runs a flow alone.
pub async fn run(yaml: &str) -> Ran {
    World::new(&[]).run(yaml).await
}

pub struct Ran {
    pub execution: Arc<Execution>,
    pub log: Vec<String>,
}

impl Ran {
    pub fn state(&self) -> &'static str {
        self.execution.state.current().name()
    }

    /// Outputs of the last run of a task.
    pub fn outputs(&self, task: &str) -> Json {
        let run = self.execution.task_run_list.iter().rfind(|run| &*run.task_id == task);
        Json::Object((*run.unwrap_or_else(|| panic!("no run of {task}")).outputs).clone())
    }

    /// `task` or `task[value]` with the state of each run.
    pub fn states(&self) -> Vec<String> {
        let name = |run: &switchyard_model::TaskRun| match &run.value {
            Some(value) => format!("{}[{value}] {}", run.task_id, run.state.current()),
            None => format!("{} {}", run.task_id, run.state.current()),
        };
        self.execution.task_run_list.iter().map(name).collect()
    }

    pub fn logged(&self, text: &str) -> bool {
        self.log.iter().any(|line| line.contains(text))
    }
}

/// A flow `t` in `a.b`: the given part after id and namespace.
pub fn flow(rest: &str) -> String {
    format!("id: t\nnamespace: a.b\n{rest}")
}
