//! Going on after a Pause. Spec 4.2 and 8.5.

use serde_json::{Value as Json, json};
use switchyard_expr::Overlay;
use switchyard_model::{JsonMap, TaskKind, resolve_inputs};
use switchyard_plugin_api::Error;
use tokio::sync::oneshot;

use super::Actor;
use crate::{
    context::RunScope,
    core::{Event, RunIx},
    engine::Refused,
};

impl Actor {
    pub(super) fn resume(&mut self, task_run: Option<&str>, given: JsonMap, answer: oneshot::Sender<Result<(), Refused>>) {
        if task_run.is_none() && self.instance.is_held() {
            self.apply(Event::Release);
            self.write();
            let _ = answer.send(Ok(()));
            return;
        }
        let result = self.resumed(task_run, &given);
        if let Ok((run, outputs)) = &result {
            self.apply(Event::Resume { run: *run, outputs: outputs.clone() });
            self.write();
        }
        // Whoever asked may have gone.
        let _ = answer.send(result.map(|_| ()));
    }

    /// The run that goes on, with its outputs.
    pub(super) fn resumed(&self, task_run: Option<&str>, given: &JsonMap) -> Result<(RunIx, JsonMap), Refused> {
        let mut paused = self.instance.paused();
        let named = |run: &RunIx| {
            let document = self.instance.task_run(*run);
            task_run.is_none_or(|name| *document.id == *name || *document.task_id == *name)
        };
        let Some(run) = paused.find(named) else {
            let id = &self.instance.execution().id;
            let message = match task_run {
                Some(name) => format!("the execution {id} has no paused task `{name}`"),
                None => format!("the execution {id} is not paused"),
            };
            return Err(Refused::Error(Error::user("execution::not_paused", message).with_help("only a paused execution can be resumed")));
        };
        let mut outputs = JsonMap::new();
        let task = &self.instance.program().def(self.instance.task_of(run)).task;
        if let TaskKind::Pause(pause) = &task.kind {
            let scope = RunScope::new(&self.instance, Some(run), &self.fixed, &self.services);
            let evaluate = |template: &str, known: &JsonMap| {
                let mut scope = Overlay::on(&scope);
                for (name, value) in known {
                    scope = scope.with(name, value);
                }
                self.shared.expr.render_typed(template, &scope).map_err(|error| error.to_string())
            };
            let inputs = resolve_inputs(&pause.on_resume, given, &evaluate).map_err(Refused::Inputs)?;
            outputs.insert("onResume".to_owned(), Json::Object(inputs));
        }
        outputs.insert("resumed".to_owned(), json!({ "on": jiff::Timestamp::now(), "to": "RUNNING" }));
        Ok((run, outputs))
    }
}
