//! Starting the executions of a task, and waiting for them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value as Json, json};
use switchyard_model::{Execution, JsonMap, Level, State};
use switchyard_plugin_api::{CancelReason, Error};

use super::{Call, DEEPEST, transmitted};
use crate::{
    attempt::{Cancel, TaskLog, clock},
    context,
    core::TaskEnd,
    engine::{Engine, Handle, Refused, Shared},
    flows::Wanted,
};

/// The calls of one attempt.
pub struct CallRun {
    pub shared: Arc<Shared>,
    pub cancel: Cancel,
    /// Whether a kill reaches the called executions.
    pub cascade: Arc<AtomicBool>,
    pub timeout: Option<Duration>,
    pub log: TaskLog,
}

impl CallRun {
    /// Runs one call to the end of the task; `None` when the host goes before.
    pub async fn one(self, call: Call) -> Option<TaskEnd> {
        let (wait, transmit, outputs) = (call.wait, call.transmit_failed, call.outputs.clone());
        let handle = match self.start(call).await {
            Ok(handle) => handle,
            Err(error) => return Some(self.failed(&error)),
        };
        if !wait {
            let outputs = [("executionId".to_owned(), json!(handle.id()))].into_iter().collect();
            return Some(TaskEnd::state(State::Success).outputs(outputs));
        }
        let waited = self.wait(vec![handle]).await?;
        let end = TaskEnd { random: crate::random::unit(), ..TaskEnd::state(waited.state(transmit)) };
        let Some(child) = waited.documents.first() else { return Some(end) };
        if waited.expired || waited.killed {
            // It has said so.
        } else if !matches!(child.state.current(), State::Success) {
            let name = format!("{}.{}", child.namespace, child.flow_id);
            let level = if end.state == Some(State::Success) { Level::Warn } else { Level::Error };
            let message = format!("the execution {} of the flow `{name}` ended as {}", child.id, child.state.current());
            self.log.message(level, &message);
        }
        let mut own = child.outputs.as_deref().cloned().unwrap_or_default();
        if let Some(templates) = outputs {
            match self.shared.expr.render_value_typed(&templates, &context::of_execution(child, &self.shared.context)) {
                Ok(Json::Object(rendered)) => own.extend(rendered),
                Ok(_) => {}
                Err(error) => return Some(self.failed(&crate::task::unrendered(&error).at("/outputs"))),
            }
        }
        let outputs = json!({ "executionId": child.id, "state": child.state.current(), "outputs": own });
        Some(end.outputs(outputs.as_object().cloned().unwrap_or_default()))
    }

    /// Finds the flow and begins its execution, or finds the one that was begun before.
    pub async fn start(&self, call: Call) -> Result<Handle, Error> {
        let name = format!("{}.{}", call.namespace, call.flow_id);
        if call.submission.depth > DEEPEST {
            let message = format!("the flow `{name}` is not started: executions have started each other {DEEPEST} deep");
            return Err(
                Error::user("flow::too_deep", message).with_help("look for a flow that calls itself without a condition that ends it")
            );
        }
        let wanted = Wanted { namespace: &call.namespace, flow_id: &call.flow_id, revision: call.revision };
        let mut submission = call.submission;
        let found = match self.shared.flows.find(wanted).await {
            Ok(found) => found,
            // It was begun when its flow was still known here.
            Err(error) => {
                let begun = match &submission.id {
                    Some(id) => Engine::of(&self.shared).known(id).await,
                    None => None,
                };
                return begun.ok_or(error);
            }
        };
        submission.revision = Some(found.revision);
        Engine::of(&self.shared).submit(found.flow, submission).await.map_err(|refused| refusal(&name, refused))
    }

    /// Waits for all of them; a kill or the end of the time is passed on to them. `None` when the host goes before: they are found
    /// again by their ids.
    pub async fn wait(&self, handles: Vec<Handle>) -> Option<Waited> {
        let all = async {
            let mut documents = Vec::with_capacity(handles.len());
            for handle in &handles {
                documents.push(handle.wait().await);
            }
            documents
        };
        tokio::pin!(all);
        let time = async {
            match self.timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let expired = tokio::select! {
            documents = &mut all => return Some(Waited { documents, killed: false, expired: false }),
            asked = self.cancel.requested() => {
                if asked.reason == CancelReason::Detach {
                    return None;
                }
                false
            }
            () = time => true,
        };
        if expired {
            self.log.message(Level::Error, &format!("Timeout after {}", clock(self.timeout.unwrap_or_default())));
        } else if !self.cascade.load(Ordering::Relaxed) {
            return Some(Waited { documents: Vec::new(), killed: true, expired });
        }
        handles.iter().for_each(Handle::kill);
        Some(Waited { documents: all.await, killed: !expired, expired })
    }

    pub fn failed(&self, error: &Error) -> TaskEnd {
        self.log.error(error);
        TaskEnd { random: crate::random::unit(), ..TaskEnd::state(State::Failed) }
    }
}

/// How a wait ended.
pub struct Waited {
    pub documents: Vec<Arc<Execution>>,
    pub killed: bool,
    pub expired: bool,
}

impl Waited {
    /// What the ends mean together for the task that waited.
    pub fn state(&self, transmit_failed: bool) -> State {
        if self.expired {
            return State::Failed;
        }
        if self.killed {
            return State::Killed;
        }
        let states = self.documents.iter().map(|document| transmitted(document.state.current(), transmit_failed));
        let rank = |state: &State| match state {
            State::Killed => 3,
            State::Failed => 2,
            State::Warning => 1,
            _ => 0,
        };
        states.max_by_key(rank).unwrap_or(State::Success)
    }

    /// How many ended in which state.
    pub fn by_state(&self) -> JsonMap {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for document in &self.documents {
            *counts.entry(document.state.current().name()).or_default() += 1;
        }
        counts.into_iter().map(|(state, count)| (state.to_owned(), count.into())).collect()
    }
}

fn refusal(flow: &str, refused: Refused) -> Error {
    match refused {
        Refused::Inputs(violations) => {
            Error::user("input::invalid", format!("the flow `{flow}` refuses its inputs: {violations}")).at("/inputs")
        }
        Refused::Error(error) => error,
    }
}
