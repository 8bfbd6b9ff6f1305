//! Runs flows and keeps what they said.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value as Json, json};
use switchyard_engine::{Config, Engine, Notice, Observer, Options, Submission, built_in, load};
use switchyard_model::{Execution, Sources};
use switchyard_registry::Registry;
use switchyard_store::secrets::Secrets;

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observer for Seen {
    fn notice(&self, notice: &Notice<'_>) {
        if let Notice::Log { task, level, text, .. } = notice {
            // How many lines one piece of a stream holds is a matter of time.
            let text = String::from_utf8_lossy(text);
            self.0.lock().unwrap().extend(text.trim_end().split('\n').map(|line| format!("{} {level} {line}", task.task_id)));
        }
    }
}

pub struct Ran {
    pub execution: Arc<Execution>,
    pub log: Vec<String>,
}

impl Ran {
    #[track_caller]
    pub fn expect(self, state: &str) -> Self {
        assert_eq!(self.execution.state.current().name(), state, "{:#?}", self.log);
        self
    }

    /// Outputs of a task.
    pub fn outputs(&self, task: &str) -> Json {
        let run = self.execution.task_run_list.iter().find(|run| &*run.task_id == task).unwrap_or_else(|| panic!("no run of {task}"));
        Json::Object((*run.outputs).clone())
    }

    /// What a task said at or above INFO.
    pub fn said(&self, task: &str) -> Vec<&str> {
        let lines = self.log.iter().filter_map(|line| line.strip_prefix(task)?.strip_prefix(' '));
        lines.filter(|line| !line.starts_with("DEBUG") && !line.starts_with("TRACE")).collect()
    }
}

/// An engine over a directory that outlives it.
pub struct Host {
    pub data: tempfile::TempDir,
    pub config: Config,
    pub journal: bool,
}

impl Default for Host {
    fn default() -> Self {
        Self { data: tempfile::tempdir().unwrap(), config: Config::default(), journal: false }
    }
}

impl Host {
    pub fn path(&self) -> &Path {
        self.data.path()
    }

    pub async fn run(&self, tasks: &str) -> Ran {
        self.flow(&format!("id: t\nnamespace: a.b\ntasks:\n{tasks}"), json!({})).await
    }

    pub async fn flow(&self, yaml: &str, inputs: Json) -> Ran {
        let seen = Arc::new(Seen::default());
        let plugins = vec![built_in(None), switchyard_plugin_scripts::plugin()];
        let registry = Registry::open(switchyard_registry::Options::new(self.path().join("cache"), Vec::new()), plugins);
        let mut secrets = Secrets::default();
        secrets.insert("S", "hunter2hunter2".to_owned());
        secrets.insert("a/S", "of-the-parent".to_owned());
        let options = Options {
            work_dir: self.path().join("work"),
            data_dir: self.path().to_owned(),
            journal: self.journal,
            durable: self.journal,
            keeper: None,
            patience: Duration::from_secs(5),
            slots: 8,
            grace: Duration::from_secs(5),
            config: Arc::new(self.config.clone()),
            secrets: Arc::new(secrets),
        };
        let engine = Engine::start(options, registry, Arc::clone(&seen) as _).unwrap();
        let mut sources = Sources::new();
        let loaded = load::bytes_of("flow.yaml", yaml.as_bytes(), engine.registry(), &self.config, &mut sources)
            .unwrap_or_else(|e| panic!("{}", e.display(&sources)));
        let Some(program) = loaded.program else { panic!("{}", loaded.violations.display(&sources)) };
        let submission = Submission { inputs: inputs.as_object().unwrap().clone(), ..Submission::default() };
        let handle = engine.submit(program, submission).await.unwrap_or_else(|e| panic!("{e:?}"));
        let execution = handle.wait().await;
        engine.stop().await;
        let log = seen.0.lock().unwrap().clone();
        Ran { execution, log }
    }
}
