//! What a flowable needs to know before it goes on: its rendered condition, value or list.

use std::{collections::HashSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use switchyard_expr::{Engine, Scope};
use switchyard_model::{Dynamic, JsonMap, Node, Task, TaskKind};
use switchyard_plugin_api::Error;

use super::duration::{duration, flag, number};
use crate::core::{Ask, Decision, Instance, RunIx};

/// What is at hand for rendering a decision.
pub struct Rendering<'a> {
    pub expr: &'a Engine,
    pub scope: &'a dyn Scope,
    pub now: Timestamp,
}

/// Answers what the core asks about a flowable. WorkingDirectory's own files are the shell's business.
pub fn decide(instance: &Instance, run: RunIx, ask: Ask, rendering: &Rendering<'_>) -> Result<Decision, Error> {
    let task = Arc::clone(&instance.program().def(instance.task_of(run)).task);
    if ask == Ask::Open {
        if let Some(condition) = &task.common.run_if
            && !rendering.condition(condition)?
        {
            return Ok(Decision::Skip);
        }
        return open(&task, rendering);
    }
    match (&task.kind, instance.iterations_of(run)) {
        (TaskKind::LoopUntil(kind), Some((done, since))) => {
            let outputs: JsonMap = [("iterationCount".to_owned(), done.into())].into_iter().collect();
            if rendering.condition(&kind.condition)? {
                return Ok(Decision::Again { at: None, outputs, failed: false });
            }
            let most = kind.max_iterations.as_ref().map(|most| rendering.number(most)).transpose()?;
            let longest = kind.max_duration.as_ref().map(|longest| rendering.duration(longest)).transpose()?;
            let at = rendering.after(rendering.duration(&kind.interval)?)?;
            let too_late = longest.is_some_and(|longest| at.duration_since(since) > signed(longest));
            if most.is_some_and(|most| done >= most) || too_late {
                let failed = flag(rendering.expr, &kind.fail_on_max_reached, rendering.scope)?;
                return Ok(Decision::Again { at: None, outputs, failed });
            }
            Ok(Decision::Again { at: Some(at), outputs, failed: false })
        }
        _ => Ok(Decision::Closed { outputs: JsonMap::new(), failed: false }),
    }
}

fn open(task: &Task, rendering: &Rendering<'_>) -> Result<Decision, Error> {
    let go = |limit| Decision::Go { limit, outputs: JsonMap::new() };
    Ok(match &task.kind {
        TaskKind::Parallel(kind) => go(rendering.number(&kind.concurrent)?),
        TaskKind::Dag(kind) => go(rendering.number(&kind.concurrent)?),
        TaskKind::If(kind) => {
            let holds = rendering.condition(&kind.condition)?;
            let outputs = [("evaluationResult".to_owned(), Json::Bool(holds))].into_iter().collect();
            Decision::Branch { list: usize::from(!holds), outputs }
        }
        TaskKind::Switch(kind) => {
            let value = rendering.text(&kind.value)?;
            let case = kind.cases.iter().position(|(name, _)| **name == *value);
            let outputs = json!({ "value": value, "defaults": case.is_none() });
            Decision::Branch { list: case.unwrap_or(kind.cases.len()), outputs: outputs.as_object().cloned().unwrap_or_default() }
        }
        TaskKind::EachSequential(kind) => Decision::Values { values: rendering.values(&kind.value)?, limit: 1 },
        TaskKind::EachParallel(kind) => {
            Decision::Values { values: rendering.values(&kind.value)?, limit: rendering.number(&kind.concurrent)? }
        }
        TaskKind::ForEach(kind) => {
            Decision::Values { values: rendering.values(&kind.values)?, limit: rendering.number(&kind.concurrency_limit)? }
        }
        TaskKind::Pause(kind) => Decision::Pause {
            until: kind.duration.as_ref().map(|wait| rendering.duration(wait).and_then(|wait| rendering.after(wait))).transpose()?,
        },
        _ => go(1),
    })
}

impl Rendering<'_> {
    fn text(&self, template: &str) -> Result<String, Error> {
        self.expr.render(template, self.scope).map_err(|error| unrendered(&error))
    }

    fn condition(&self, template: &str) -> Result<bool, Error> {
        self.expr.render_condition(template, self.scope).map_err(|error| unrendered(&error))
    }

    fn number(&self, value: &Dynamic<u64>) -> Result<u64, Error> {
        number(self.expr, value, self.scope)
    }

    fn duration(&self, value: &Dynamic<std::time::Duration>) -> Result<std::time::Duration, Error> {
        duration(self.expr, value, self.scope)
    }

    fn after(&self, wait: std::time::Duration) -> Result<Timestamp, Error> {
        self.now
            .checked_add(signed(wait))
            .map_err(|_| Error::user("flow::not_a_duration", format!("{wait:?} from now is beyond all dates")))
    }

    /// Values of a loop: every element as text, duplicates removed, null refused; spec 4.2.
    fn values(&self, node: &Node) -> Result<Vec<Arc<str>>, Error> {
        let bad = |message: String| {
            Error::user("flow::loop_values", message).with_help("give a list without nulls, or an expression that renders to a JSON array")
        };
        let items = match node.to_json() {
            Json::Array(items) => items
                .iter()
                .map(|item| self.expr.render_value(item, self.scope).map_err(|error| unrendered(&error)))
                .collect::<Result<Vec<_>, _>>()?,
            Json::String(template) => {
                let text = self.text(&template)?;
                match serde_json::from_str(text.trim()) {
                    Ok(Json::Array(items)) => items,
                    Ok(_) | Err(_) => return Err(bad(format!("the values rendered to `{}`, which is not a JSON array", cut(&text)))),
                }
            }
            other => return Err(bad(format!("the values are {other}, not a list"))),
        };
        let mut seen = HashSet::new();
        let mut values = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            let text: Arc<str> = match item {
                Json::Null => return Err(bad(format!("the value at place {place} is null"))),
                Json::String(text) => text.into(),
                other => other.to_string().into(),
            };
            if seen.insert(Arc::clone(&text)) {
                values.push(text);
            }
        }
        Ok(values)
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() > 80 { text.chars().take(80).chain(['…']).collect() } else { text.to_owned() }
}

fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// An expression that could not be rendered, as an error of the task.
pub fn unrendered(error: &switchyard_expr::Error) -> Error {
    let mut plain = Error::user(error.code(), error.to_string());
    if let Some(help) = error.help() {
        plain = plain.with_help(help);
    }
    plain
}
