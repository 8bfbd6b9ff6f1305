//! A request to run a flow, and the execution that comes of it.

use std::{collections::BTreeMap, path::PathBuf, pin::Pin, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use switchyard_expr::Overlay;
use switchyard_model::{Execution, ExecutionTrigger, InputType, JsonMap, Label, Violations, check::CheckBehavior, id};
use switchyard_plugin_api::Error;
use switchyard_store::storage::{self, Source, StorageUri};
use tokio::sync::mpsc;

use super::{CORRELATION, Engine, handle::Handle};
use crate::{actor::Actor, context, load::Prepared, services::Services, vault};

/// A request to run a flow.
#[derive(Default)]
pub struct Submission {
    /// As given by the caller: texts, or JSON of the input's type.
    pub inputs: JsonMap,
    /// Files for FILE inputs, by input id; they are stored first.
    pub files: BTreeMap<String, PathBuf>,
    pub labels: Vec<Label>,
    /// Another one than a fresh one; an execution that has it already is not begun again.
    pub id: Option<Arc<str>>,
    pub revision: Option<u32>,
    pub trigger: Option<ExecutionTrigger>,
    /// The execution begins then.
    pub schedule_date: Option<Timestamp>,
    /// How many executions started each other before this one.
    pub depth: u32,
    /// The execution that this one tries again.
    pub original: Option<Original>,
    /// Why the execution fails at once, without inputs.
    pub unusable: Option<String>,
}

/// The first execution of a chain of retries.
pub struct Original {
    pub id: Arc<str>,
    pub created: Timestamp,
    /// From 1; which try the new one is.
    pub attempt: u32,
}

/// Why a submission was not taken.
#[derive(Debug)]
pub enum Refused {
    Inputs(Violations),
    Error(Error),
}

impl Refused {
    /// Of a paused execution that somebody wanted to go on.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Error(error) => error,
            Self::Inputs(violations) => {
                Error::user("execution::resume_inputs", violations.to_string()).with_help("give each with `-i NAME=VALUE`")
            }
        }
    }
}

impl Engine {
    /// Begins an execution. It goes on without the handle. Boxed, because executions begin executions.
    pub fn submit(
        &self,
        flow: Arc<Prepared>,
        submission: Submission,
    ) -> Pin<Box<dyn Future<Output = Result<Handle, Refused>> + Send + '_>> {
        Box::pin(async move {
            if let Some(id) = &submission.id
                && let Some(handle) = self.known(id).await
            {
                return Ok(handle);
            }
            let now = Timestamp::now();
            let unusable = submission.unusable.clone();
            let execution = self.execution(&flow, submission, now).await?;
            let failing = match unusable {
                Some(why) => Some(why),
                None => self.check(&flow, &execution)?,
            };
            let id = Arc::clone(&execution.id);
            let logs = self.0.logs.execution(&id).map_err(|error| Refused::Error(Error::environment(error.code(), error.to_string())))?;
            let (messages, inbox) = mpsc::unbounded_channel();
            let mut actor = Actor::new(Arc::clone(&self.0), Arc::clone(&flow), execution, logs, messages.clone(), inbox);
            actor.failing = failing;
            let announced = actor.announce();
            if self.0.durable {
                // Whoever gets the id may rely on it.
                announced.await.map_err(|error| Refused::Error(Error::environment(error.code(), error.to_string())))?;
            }
            Ok(self.begin(id, flow, actor, messages))
        })
    }

    /// The flow's checks; the message of one that lets the execution fail. Spec 1.5.
    pub(super) fn check(&self, flow: &Prepared, execution: &Execution) -> Result<Option<String>, Refused> {
        let definition = &flow.program.flow;
        let mut worst: Option<(CheckBehavior, String)> = None;
        for check in &definition.checks {
            let scope = context::of_execution(execution, &self.0.context);
            let vars = Json::Object((*definition.variables).clone());
            let services = Services::new(&self.0, &definition.namespace);
            let scope = Overlay::on(&scope).with("vars", &vars).with_host(&services);
            let unrendered = |error: &switchyard_expr::Error| Refused::Error(crate::task::unrendered(error));
            if self.0.expr.render_condition(&check.when, &scope).map_err(|error| unrendered(&error))? {
                continue;
            }
            let message = self.0.expr.render(&check.message, &scope).map_err(|error| unrendered(&error))?;
            tracing::warn!(flow = %format!("{}.{}", definition.namespace, definition.id), "a check failed: {message}");
            if worst.as_ref().is_none_or(|(behavior, _)| *behavior < check.behavior) {
                worst = Some((check.behavior, message));
            }
        }
        match worst {
            Some((CheckBehavior::BlockExecution, message)) => {
                let name = format!("{}.{}", definition.namespace, definition.id);
                Err(Refused::Error(Error::user("flow::check_failed", format!("a check of the flow {name} failed: {message}"))))
            }
            Some((CheckBehavior::FailExecution, message)) => Ok(Some(message)),
            _ => Ok(None),
        }
    }

    /// A new execution with its inputs resolved.
    pub(crate) async fn execution(&self, flow: &Prepared, mut submission: Submission, now: Timestamp) -> Result<Execution, Refused> {
        let definition = &flow.program.flow;
        if definition.disabled {
            let message = format!("the flow {}.{} is disabled", definition.namespace, definition.id);
            return Err(Refused::Error(Error::user("flow::disabled", message).with_help("remove `disabled: true` from the flow")));
        }
        let id = submission.id.take().unwrap_or_else(new_id);
        let revision = submission.revision.unwrap_or(1);
        let mut execution = Execution::new(id, Arc::clone(&definition.namespace), Arc::clone(&definition.id), revision, now);
        execution.trigger = submission.trigger.take();
        execution.schedule_date = submission.schedule_date;
        execution.metadata.depth = submission.depth;
        if let Some(original) = submission.original.take() {
            execution.original_id = original.id;
            execution.metadata.attempt_number = original.attempt;
            execution.metadata.original_created_date = original.created;
        }
        for (name, path) in std::mem::take(&mut submission.files) {
            let uri = self.store_input(&execution, &name, &path).await.map_err(Refused::Error)?;
            submission.inputs.insert(name, Json::String(uri));
        }
        let services = Services::new(&self.0, &execution.namespace);
        // A namespace file is a stored file by another name.
        for input in definition.inputs.iter().filter(|input| input.kind == InputType::File) {
            let given = submission.inputs.get(&*input.id).cloned().or_else(|| input.defaults.as_ref().map(switchyard_model::Node::to_json));
            if let Some(path) = given.as_ref().and_then(|given| given.as_str()?.strip_prefix("nsfile://")) {
                let uri = switchyard_expr::Host::file_uri(&services, path, None)
                    .map_err(|error| Refused::Error(Error::user("namespace::path", error.to_string())))?;
                submission.inputs.insert(input.id.to_string(), Json::String(uri));
            }
        }
        let (expr, around) = (&self.0.expr, self.around(flow, &execution));
        let evaluate = |template: &str, known: &JsonMap| {
            let mut scope = Overlay::on(&around).with_host(&services);
            for (name, value) in known {
                scope = scope.with(name, value);
            }
            expr.render_typed(template, &scope).map_err(|error| error.to_string())
        };
        let mut inputs = match submission.unusable {
            Some(_) => JsonMap::new(),
            None => switchyard_model::input::resolve(&definition.inputs, &submission.inputs, &evaluate).map_err(Refused::Inputs)?,
        };
        for input in definition.inputs.iter().filter(|input| input.kind == InputType::Secret) {
            self.seal(&mut inputs, &input.id).map_err(Refused::Error)?;
        }
        execution.inputs = Arc::new(inputs);
        execution.labels = definition.labels.iter().filter(|label| !label.is_system()).cloned().collect();
        for label in submission.labels {
            execution.labels.retain(|known| known.key != label.key);
            execution.labels.push(label);
        }
        if !execution.labels.iter().any(|label| &*label.key == CORRELATION) {
            execution.labels.push(Label::new(CORRELATION, Arc::clone(&execution.id)));
        }
        Ok(execution)
    }

    /// What defaults and conditions of inputs see besides the inputs before them.
    fn around(&self, flow: &Prepared, execution: &Execution) -> JsonMap {
        let definition = &flow.program.flow;
        let mut all = (*self.0.context).clone();
        all.insert("flow".into(), json!({ "id": definition.id, "namespace": definition.namespace, "revision": execution.flow_revision }));
        all.insert(
            "execution".into(),
            json!({ "id": execution.id, "startDate": execution.state.start_date(), "originalId": execution.original_id }),
        );
        if !definition.variables.is_empty() {
            all.insert("vars".into(), Json::Object((*definition.variables).clone()));
        }
        if !definition.labels.is_empty() {
            all.insert("labels".into(), context::labels(&definition.labels));
        }
        if let Some(trigger) = &execution.trigger {
            all.extend(context::of_trigger(trigger));
        }
        let of_namespace = self.0.config.namespace_variables(&definition.namespace);
        if !of_namespace.is_empty() {
            all.insert("namespace".into(), Json::Object(of_namespace));
        }
        all
    }

    /// Encrypts a SECRET input; a dot in its id is a level.
    pub(super) fn seal(&self, inputs: &mut JsonMap, id: &str) -> Result<(), Error> {
        let mut at = inputs;
        let (above, name) = id.rsplit_once('.').map_or((None, id), |(above, name)| (Some(above), name));
        for level in above.into_iter().flat_map(|above| above.split('.')) {
            let Some(Json::Object(below)) = at.get_mut(level) else { return Ok(()) };
            at = below;
        }
        let Some(Json::String(plain)) = at.get(name) else { return Ok(()) };
        let Some(vault) = &self.0.vault else { return Err(vault::not_configured(&format!("the SECRET input `{id}`"))) };
        let sealed = vault.seal(plain)?;
        at.insert(name.to_owned(), sealed);
        Ok(())
    }

    /// Copies the files of a folder into a namespace; answers how many.
    pub async fn add_namespace_files(&self, namespace: &str, folder: &std::path::Path) -> Result<usize, Error> {
        let files = switchyard_store::namespace_files::NamespaceFiles::new(self.0.storage.clone());
        files.add_folder(namespace, folder).await.map_err(|error| Error::user(error.code(), error.to_string()))
    }

    pub(super) async fn store_input(&self, execution: &Execution, input: &str, path: &std::path::Path) -> Result<String, Error> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(input);
        let failed = |error: storage::Error| {
            Error::user("input::file", format!("the file {} for the input `{input}` cannot be stored: {error}", path.display()))
                .with_help("check the path after `@`")
        };
        let uri = StorageUri::input_file(&execution.namespace, &execution.flow_id, &execution.id, input, name).map_err(failed)?;
        self.0.storage.put_file(&uri, path, Source::Copy).await.map_err(failed)?;
        Ok(uri.to_string())
    }
}

/// A fresh execution id.
pub(super) fn new_id() -> Arc<str> {
    id::from_random(crate::random::bytes())
}
