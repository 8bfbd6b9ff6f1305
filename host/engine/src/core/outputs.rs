//! What expressions see as `outputs`.

use std::sync::Arc;

use serde_json::Value as Json;
use switchyard_model::JsonMap;

use super::{
    instance::{Instance, RunIx},
    iteration::IterationScope,
};

impl Instance {
    /// For each value around a run, outermost first: the run of its loop, when that one runs several groups at a time.
    fn places_of(&self, run: RunIx) -> Vec<Option<RunIx>> {
        if self.runs[run].values.is_empty() {
            return Vec::new();
        }
        let around = std::iter::successors(Some(run), |run| self.runs[*run].parent);
        let in_group = around.filter(|run| self.execution.task_run_list[*run].value.is_some());
        let mut found: Vec<Option<RunIx>> = in_group.map(|run| self.runs[run].parent.filter(|parent| self.is_ordered(*parent))).collect();
        found.reverse();
        found
    }

    fn is_ordered(&self, run: RunIx) -> bool {
        self.runs[run].frame.as_ref().is_some_and(|frame| !frame.order.is_empty())
    }

    /// Makes outputs visible to expressions.
    pub(super) fn put_outputs(&mut self, run: RunIx, outputs: JsonMap) {
        if outputs.is_empty() {
            return;
        }
        let places = self.places_of(run);
        let document = &mut self.execution.task_run_list[run];
        let facts = &self.runs[run];
        let (mut at, outside) = match facts.scope {
            Some(scope) => {
                let IterationScope { outputs, outside, .. } = &mut self.scopes[scope];
                (outputs, *outside)
            }
            None => (&mut self.outputs, 0),
        };
        let levels = facts.values.iter().enumerate().skip(outside).map(|(level, value)| (value, places.get(level).copied().flatten()));
        for (key, loop_run) in std::iter::once((&document.task_id, None)).chain(levels) {
            let Some(map) = at.as_object_mut() else { return };
            if let Some(frame) = loop_run.and_then(|run| self.runs[run].frame.as_ref())
                && !map.contains_key(&**key)
            {
                // In the order of the values, whichever ended first.
                let place = |key: &str| frame.order.get(key).copied();
                let later = map.keys().rev().take_while(|other| place(other) > place(key)).count();
                map.shift_insert(map.len() - later, key.to_string(), Json::Object(JsonMap::new()));
            }
            at = map.entry(key.to_string()).or_insert_with(|| Json::Object(JsonMap::new()));
        }
        *at = Json::Object(outputs.clone());
        document.outputs = Arc::new(outputs);
    }
}
