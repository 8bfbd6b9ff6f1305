//! What a run would do, without doing it: each task's runner configuration, merged and rendered, and the object its runner would
//! create.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use switchyard_expr::Overlay;
use switchyard_model::{State, StateHistory, TaskRun};
use switchyard_plugin_api::{Error, Health, Preview};

use crate::{
    attempt::directory_id,
    context::{Fixed, RunScope},
    core::Instance,
    engine::{Engine, Refused, Submission},
    load::{Prepared, Work},
    patience::answered,
    recording::conceal,
    script::{self, Preparation},
    services::Services,
};

/// One task of a dry run.
#[derive(Debug)]
pub struct TaskPreview {
    pub task_id: Arc<str>,
    pub type_name: Arc<str>,
    /// Canonical type of the chosen runner; absent for tasks that need none.
    pub runner_type: Option<String>,
    /// The runner's properties after defaults and rendering, secrets masked.
    pub runner_properties: Json,
    /// The object that would be created; the error says what cannot be known before the run.
    pub preview: Option<Result<Preview, Error>>,
    /// Whether the runner could run something with these properties, when that was asked.
    pub health: Option<Result<Health, Error>>,
}

/// What a runner is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Preview,
    Health,
}

impl Engine {
    /// Previews every task that a runner would run. Nothing is started, stored or pulled.
    pub async fn preview(&self, flow: &Prepared, submission: Submission) -> Result<Vec<TaskPreview>, Refused> {
        self.ask(flow, submission, Question::Preview).await
    }

    /// Asks the runner of every task whether it could run something now.
    pub async fn examine(&self, flow: &Prepared, submission: Submission) -> Result<Vec<TaskPreview>, Refused> {
        self.ask(flow, submission, Question::Health).await
    }

    async fn ask(&self, flow: &Prepared, submission: Submission, question: Question) -> Result<Vec<TaskPreview>, Refused> {
        let shared = self.shared();
        let now = Timestamp::now();
        let execution = self.execution(flow, submission, now).await?;
        let services = Services::new(shared, &execution.namespace);
        let instance = Instance::new(Arc::clone(&flow.program), execution);
        let fixed = Fixed::new(&instance, shared, &services);
        let mut all = Vec::new();
        for number in 0..flow.program.len() {
            let task = &flow.program.def(number).task;
            if !task.is_runnable() || task.common.disabled {
                continue;
            }
            let facts = flow.facts(number, &shared.registry);
            let mut row = TaskPreview {
                task_id: Arc::clone(&task.id),
                type_name: Arc::clone(&task.type_name),
                runner_type: None,
                runner_properties: Json::Null,
                preview: None,
                health: None,
            };
            match &facts.work {
                Work::Plugin { component, task: plugin } => {
                    let run = run_of(&instance, &task.id, now);
                    let base = RunScope::new(&instance, None, &fixed, &services);
                    let about =
                        (json!({ "id": task.id, "type": task.type_name }), json!({ "id": run.id, "attemptsCount": 0, "startDate": now }));
                    let scope = Overlay::on(&base).with("task", &about.0).with("taskrun", &about.1);
                    let prepared = script::prepare(&Preparation {
                        registry: &shared.registry,
                        config: &shared.config,
                        expr: &shared.expr,
                        scope: &scope,
                        run: &run,
                        attempt: 0,
                        properties: &facts.properties,
                        component,
                        task: plugin,
                        working_dir: shared.work_dirs.path(&directory_id(&run, 0)),
                        shared: false,
                        timeout_ms: None,
                        recorder: None,
                    });
                    match prepared {
                        Ok(prepared) => {
                            row.runner_type = Some(prepared.runner_type);
                            row.runner_properties = prepared.request.properties.clone();
                            match question {
                                Question::Preview => {
                                    row.preview = Some(answered("preview", prepared.runner.preview(prepared.request)).await);
                                }
                                Question::Health => {
                                    row.health = Some(answered("health", prepared.runner.health(prepared.request.properties)).await);
                                }
                            }
                        }
                        Err(error) if question == Question::Health => row.health = Some(Err(error)),
                        Err(error) => row.preview = Some(Err(error)),
                    }
                }
                Work::Unknown(error) => row.preview = Some(Err(error.clone())),
                Work::Core(_) | Work::Job(_) | Work::Templated | Work::Call => {}
            }
            all.push(row);
        }
        let masker = services.masker().map_err(Refused::Error)?;
        for row in &mut all {
            conceal(&mut row.runner_properties, &masker);
            if let Some(Ok(preview)) = &mut row.preview {
                conceal(&mut preview.document, &masker);
            }
        }
        Ok(all)
    }
}

/// A task run as it would be; its ids are those of the first one.
fn run_of(instance: &Instance, task_id: &Arc<str>, now: Timestamp) -> TaskRun {
    let execution = instance.execution();
    TaskRun {
        id: "dry-run".into(),
        execution_id: Arc::clone(&execution.id),
        namespace: Arc::clone(&execution.namespace),
        flow_id: Arc::clone(&execution.flow_id),
        task_id: Arc::clone(task_id),
        parent_task_run_id: None,
        value: None,
        iteration: None,
        attempts: Vec::new(),
        outputs: Arc::default(),
        state: StateHistory::new(State::Created, now),
    }
}
