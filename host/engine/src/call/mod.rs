//! Executions that a task starts: Subflow, and the batches of ForEachItem. Spec 4.2.

pub mod batch;
mod run;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::Value as Json;
use switchyard_expr::{Engine, Scope};
use switchyard_model::{Execution, ExecutionTrigger, JsonMap, Label, Node, State, TaskRun, task::SubflowCall};
use switchyard_plugin_api::Error;

pub use run::CallRun;

use crate::{
    core::derived_id,
    engine::Submission,
    task::{duration, flag, number, unrendered},
};

/// How deep executions may start each other before it is taken for an endless recursion.
pub const DEEPEST: u32 = 100;

/// One execution to start, rendered.
pub struct Call {
    pub namespace: String,
    pub flow_id: String,
    pub revision: Option<u32>,
    pub submission: Submission,
    pub wait: bool,
    pub transmit_failed: bool,
    /// Deprecated: expressions that are rendered in the called execution's context.
    pub outputs: Option<Json>,
}

/// Who calls.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    pub execution: &'a Execution,
    pub run: &'a TaskRun,
    pub task_type: &'a str,
    pub attempt: usize,
    /// Which batch.
    pub iteration: u64,
}

impl Call {
    pub fn render(
        call: &SubflowCall,
        outputs: Option<&Node>,
        expr: &Engine,
        scope: &dyn Scope,
        caller: &Caller<'_>,
    ) -> Result<Self, Error> {
        let text =
            |template: &str, property: &str| expr.render(template, scope).map_err(|error| unrendered(&error).at(format!("/{property}")));
        let inputs = match &call.inputs {
            Some(node) => expr.render_value(&node.to_json(), scope).map_err(|error| unrendered(&error).at("/inputs"))?,
            None => Json::Null,
        };
        let inputs = match inputs {
            Json::Object(map) => map,
            Json::Null => JsonMap::new(),
            // The map as one expression.
            Json::String(text) => serde_json::from_str(&text)
                .map_err(|error| Error::user("flow::invalid_property", format!("`inputs` rendered to no map: {error}")).at("/inputs"))?,
            other => return Err(Error::user("flow::invalid_property", format!("`inputs` is {other}, not a map")).at("/inputs")),
        };
        let mut labels: Vec<Label> = caller.execution.labels.iter().filter(|label| label.is_system()).cloned().collect();
        if flag(expr, &call.inherit_labels, scope)? {
            labels.extend(caller.execution.labels.iter().filter(|label| !label.is_system()).cloned());
        }
        for label in &call.labels {
            let label = Label::new(text(&label.key, "labels")?, text(&label.value, "labels")?);
            labels.retain(|known| known.key != label.key);
            labels.push(label);
        }
        let schedule_date = call.schedule_date.as_ref().map(|date| moment(&text(date, "scheduleDate")?)).transpose()?.flatten();
        let revision = call.revision.as_ref().map(|revision| number(expr, revision, scope)).transpose()?;
        let submission = Submission {
            inputs,
            labels,
            id: Some(caller.child_id()),
            trigger: Some(caller.trigger()),
            depth: caller.execution.metadata.depth + 1,
            schedule_date,
            ..Submission::default()
        };
        Ok(Self {
            namespace: text(&call.namespace, "namespace")?,
            flow_id: text(&call.flow_id, "flowId")?,
            revision: revision.map(|revision| u32::try_from(revision).unwrap_or(u32::MAX)),
            submission,
            wait: flag(expr, &call.wait, scope)?,
            transmit_failed: flag(expr, &call.transmit_failed, scope)?,
            outputs: outputs.map(Node::to_json),
        })
    }
}

impl Caller<'_> {
    /// The same for the same attempt, so that a host that recovers it finds the execution instead of starting another one.
    fn child_id(&self) -> Arc<str> {
        let attempt = (self.attempt as u64) << 40;
        derived_id(&self.run.id, attempt | (self.iteration + 1))
    }

    fn trigger(&self) -> ExecutionTrigger {
        let variables = [
            ("executionId", Json::String(self.execution.id.to_string())),
            ("namespace", Json::String(self.execution.namespace.to_string())),
            ("flowId", Json::String(self.execution.flow_id.to_string())),
            ("flowRevision", self.execution.flow_revision.into()),
            ("taskRunId", Json::String(self.run.id.to_string())),
        ];
        ExecutionTrigger {
            id: Arc::clone(&self.run.task_id),
            type_name: self.task_type.into(),
            variables: Arc::new(variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            log_file: None,
        }
    }
}

/// What a called execution's end means for the task that called it.
pub fn transmitted(state: State, transmit_failed: bool) -> State {
    match state {
        _ if !transmit_failed => State::Success,
        State::Failed | State::Killed | State::Warning => state,
        // A task run has no such state of its own.
        State::Cancelled => State::Killed,
        _ => State::Success,
    }
}

/// The time limit of a call.
pub fn timeout(task: &switchyard_model::Task, expr: &Engine, scope: &dyn Scope) -> Result<Option<Duration>, Error> {
    task.common.timeout.as_ref().map(|timeout| duration(expr, timeout, scope)).transpose()
}

/// A date and time; without an offset it is UTC. Nothing for an empty text.
fn moment(text: &str) -> Result<Option<Timestamp>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let civil = || {
        text.parse::<jiff::civil::DateTime>().and_then(|date| date.to_zoned_datetime(jiff::tz::TimeZone::UTC)).map(|date| date.timestamp())
    };
    let parsed =
        text.parse::<Timestamp>().or_else(|_| text.parse::<jiff::ZonedDateTime>().map(|date| date.timestamp())).or_else(|_| civil());
    parsed.map(Some).map_err(|_| {
        Error::user("flow::invalid_property", format!("`scheduleDate` is `{text}`, which is no date and time"))
            .with_help("write for example 2026-01-31T08:00:00Z")
            .at("/scheduleDate")
    })
}
