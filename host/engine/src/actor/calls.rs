//! Tasks that start other executions: Subflow, and the steps of a ForEachItem.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use switchyard_expr::{Overlay, Val};
use switchyard_model::{JsonMap, State, TaskKind, task::ForEachItem};
use switchyard_plugin_api::{Error, ErrorKind};
use switchyard_store::storage::{self, StorageUri};

use super::{Actor, Message, message::Running, start::Begun};
use crate::{
    attempt::{Cancel, TaskLog},
    call::{self, Call, CallRun, Caller, batch},
    context::RunScope,
    core::{Event, RunIx, Step, TaskEnd},
};

impl Actor {
    /// The execution that a Subflow starts.
    pub(super) fn begin_call(&self, run: RunIx, scope: &RunScope<'_>) -> Result<Begun, Error> {
        let task = &self.instance.program().def(self.instance.task_of(run)).task;
        let TaskKind::Subflow(subflow) = &task.kind else { return Err(no_call(&task.type_name)) };
        let expr = &self.shared.expr;
        let call = Call::render(&subflow.call, subflow.outputs.as_ref(), expr, scope, &self.caller(run, 0))?;
        let timeout = call::timeout(task, expr, scope)?;
        let job = self.call_run(run, timeout);
        let cancel = job.cancel.clone();
        Ok(Begun::Call { cancel, work: Box::pin(job.one(call)) })
    }

    /// One step of a ForEachItem.
    pub(super) fn begin_step(&self, run: RunIx, step: Step, scope: &RunScope<'_>) -> Result<Begun, Error> {
        let task = &self.instance.program().def(self.instance.task_of(run)).task;
        let TaskKind::ForEachItem(kind) = &task.kind else { return Err(no_call(&task.type_name)) };
        let shared = Arc::clone(&self.shared);
        let cancel = Cancel::default();
        let log = self.log(run);
        match step {
            Step::Split => {
                let split = batch::Split::render(&kind.items, &kind.batch, &self.shared.expr, scope)?;
                let folder = self.folder(run)?;
                let work = async move {
                    let uris = split.run(&shared.storage, &folder).await?;
                    let list = folder.join("splits.txt").map_err(|error| stored(&error))?;
                    batch::put_text(&shared.storage, &list, uris.iter().map(|uri| format!("{uri}\n")).collect()).await?;
                    Ok([("splits".to_owned(), json!(list.to_string()))].into_iter().collect())
                };
                Ok(Begun::Call { cancel, work: Box::pin(ended(log, work)) })
            }
            Step::Items => {
                let splits = self.output_of(run, Step::Split, "splits")?;
                let outbox = self.outbox.clone();
                // Rendering needs the execution, so the list comes back here before the calls are made.
                tokio::spawn(async move {
                    let uris = batch::lines(&shared.storage, &splits).await;
                    let _ = outbox.send(Message::Batches { run, uris });
                });
                Ok(Begun::Waiting)
            }
            Step::Merge => {
                let count = self.output_of(run, Step::Items, "numberOfBatches")?.parse::<u64>().unwrap_or_default();
                let base = self.output_of(run, Step::Items, "subflowOutputsBaseUri").ok();
                let folder = self.folder(run)?;
                let work = async move {
                    let Some(base) = base else { return Ok(JsonMap::new()) };
                    let base: StorageUri = base.parse().map_err(|error: storage::Error| stored(&error))?;
                    let mut all = String::new();
                    for place in 0..count {
                        let uri = outputs_of(&base, place)?;
                        if shared.storage.exists(&uri).await.map_err(|error| stored(&error))? {
                            let bytes = shared.storage.get(&uri).await.map_err(|error| stored(&error))?;
                            all.push_str(&String::from_utf8_lossy(&bytes));
                        }
                    }
                    let uri = folder.join("outputs.ion").map_err(|error| stored(&error))?;
                    batch::put_text(&shared.storage, &uri, all).await?;
                    Ok([("subflowOutputs".to_owned(), json!(uri.to_string()))].into_iter().collect())
                };
                Ok(Begun::Call { cancel, work: Box::pin(ended(log, work)) })
            }
        }
    }

    /// The batches are known: one execution for each.
    pub(super) fn call_batches(&mut self, run: RunIx, uris: Result<Vec<String>, Error>) {
        let state = self.instance.task_run(run).state.current();
        if state.is_terminal() || self.leaving {
            return;
        }
        let program = Arc::clone(self.instance.program());
        let task = &program.def(self.instance.task_of(run)).task;
        let prepared = uris.and_then(|uris| match &task.kind {
            TaskKind::ForEachItem(kind) => Ok((self.batch_calls(run, kind, uris)?, self.folder(run)?)),
            _ => Err(no_call(&task.type_name)),
        });
        let (calls, folder) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                self.log(run).error(&error);
                self.apply(Event::Ended { run, end: TaskEnd::state(State::Failed) });
                return;
            }
        };
        let job = self.call_run(run, None);
        // A kill that came while the list was read.
        if state == State::Killing {
            self.apply(Event::Ended { run, end: TaskEnd::state(State::Killed) });
            return;
        }
        self.running.insert(run, Running { cancel: job.cancel.clone(), outlives: true, distant: true, cache: None });
        self.later(run, all(job, calls, folder));
    }

    fn batch_calls(&self, run: RunIx, kind: &ForEachItem, uris: Vec<String>) -> Result<Vec<Call>, Error> {
        let scope = RunScope::new(&self.instance, Some(run), &self.fixed, &self.services);
        let taskrun = switchyard_expr::Scope::get(&scope, "taskrun").map(|taskrun| taskrun.to_json()).unwrap_or_default();
        let mut calls = Vec::with_capacity(uris.len());
        for (place, uri) in uris.into_iter().enumerate() {
            let mut taskrun = taskrun.clone();
            taskrun["items"] = Json::String(uri);
            taskrun["iteration"] = place.into();
            let scope = Overlay::on(&scope).with("taskrun", Val::owned(taskrun));
            let caller = self.caller(run, place as u64 + 1);
            calls.push(Call::render(&kind.call, None, &self.shared.expr, &scope, &caller)?);
        }
        Ok(calls)
    }

    fn caller(&self, run: RunIx, iteration: u64) -> Caller<'_> {
        let task = &self.instance.program().def(self.instance.task_of(run)).task;
        Caller {
            execution: self.instance.execution(),
            run: self.instance.task_run(run),
            task_type: &task.type_name,
            attempt: self.attempt_of(run),
            iteration,
        }
    }

    fn call_run(&self, run: RunIx, timeout: Option<std::time::Duration>) -> CallRun {
        CallRun {
            shared: Arc::clone(&self.shared),
            cancel: Cancel::default(),
            cascade: Arc::clone(&self.cascade),
            timeout,
            log: self.log(run),
        }
    }

    /// Where the files of a run are stored.
    pub(super) fn folder(&self, run: RunIx) -> Result<StorageUri, Error> {
        let document = self.instance.task_run(run);
        let place = StorageUri::task_file(
            &document.namespace,
            &document.flow_id,
            &document.execution_id,
            &document.task_id,
            &document.id,
            &self.attempt_of(run).to_string(),
        );
        place.map_err(|error| stored(&error))
    }

    /// An output of an earlier step of the same ForEachItem.
    fn output_of(&self, run: RunIx, part: Step, name: &str) -> Result<String, Error> {
        let own = &self.instance.task_run(run).task_id;
        let base = Step::ALL.iter().find_map(|part| own.strip_suffix(part.suffix())).unwrap_or(own);
        let step = self.instance.sibling(run, &format!("{base}{}", part.suffix()));
        let value = step.and_then(|step| step.outputs.get(name)).map(crate::task::plain);
        value.ok_or_else(|| Error::user("flow::missing_output", format!("`{base}{}` gave no `{name}`", part.suffix())))
    }
}

/// Starts all, waits for all, keeps what they answered.
async fn all(job: CallRun, calls: Vec<Call>, folder: StorageUri) -> Option<TaskEnd> {
    let (wait, transmit) = calls.first().map_or((true, true), |call| (call.wait, call.transmit_failed));
    let count = calls.len();
    let mut handles = Vec::with_capacity(count);
    for call in calls {
        match job.start(call).await {
            Ok(handle) => handles.push(handle),
            Err(error) => {
                handles.iter().for_each(crate::engine::Handle::kill);
                return Some(job.failed(&error));
            }
        }
        if job.cancel.current().is_some() {
            break;
        }
    }
    let mut outputs: JsonMap = [("numberOfBatches".to_owned(), Json::from(count))].into_iter().collect();
    if !wait {
        return Some(TaskEnd::state(State::Success).outputs(outputs));
    }
    let waited = job.wait(handles).await?;
    outputs.insert("iterations".to_owned(), Json::Object(waited.by_state()));
    for (place, document) in waited.documents.iter().enumerate() {
        let Some(answer) = &document.outputs else { continue };
        let kept = match outputs_of(&folder, place as u64) {
            Ok(uri) => batch::put_lines(&job.shared.storage, &uri, &[Json::Object((**answer).clone())]).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            return Some(job.failed(&error).outputs(outputs));
        }
    }
    outputs.insert("subflowOutputsBaseUri".to_owned(), json!(folder.to_string()));
    let state = waited.state(transmit);
    if state == State::Failed {
        let counts = Json::Object(waited.by_state());
        job.log.message(switchyard_model::Level::Error, &format!("not all batches succeeded: {counts}"));
    }
    Some(TaskEnd { random: crate::random::unit(), ..TaskEnd::state(state).outputs(outputs) })
}

fn outputs_of(base: &StorageUri, place: u64) -> Result<StorageUri, Error> {
    base.join(&format!("{place}/outputs.ion")).map_err(|error| stored(&error))
}

async fn ended(log: TaskLog, work: impl Future<Output = Result<JsonMap, Error>>) -> Option<TaskEnd> {
    Some(match work.await {
        Ok(outputs) => TaskEnd::state(State::Success).outputs(outputs),
        Err(error) => {
            log.error(&error);
            TaskEnd { random: crate::random::unit(), ..TaskEnd::state(State::Failed) }
        }
    })
}

fn stored(error: &storage::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}

fn no_call(type_name: &str) -> Error {
    Error::new(ErrorKind::Internal, "engine::no_call", format!("`{type_name}` starts no execution"))
}
