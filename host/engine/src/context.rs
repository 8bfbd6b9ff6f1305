//! The variables that expressions of an execution see; spec 5.7.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use switchyard_expr::{Host, Scope, Val};

use crate::core::{Instance, RunIx};

/// Variables of one task run, or of the execution when there is none. Outputs and inputs are borrowed, never copied.
pub struct RunScope<'a> {
    instance: &'a Instance,
    run: Option<RunIx>,
    fixed: &'a Fixed,
    host: &'a dyn Host,
    /// Small values made for this run.
    own: Map<String, Json>,
}

/// Variables that stay the same for the whole execution.
#[derive(Debug, Default)]
pub struct Fixed {
    pub inputs: Json,
    pub values: Map<String, Json>,
    /// The same for every execution of this host.
    pub shared: Arc<Map<String, Json>>,
}

/// `globals`, `envs` and `kestra`: what every execution of a host sees.
pub fn shared(globals: Json) -> Arc<Map<String, Json>> {
    let kestra = json!({ "environment": null, "url": null });
    Arc::new(
        [("globals", globals), ("envs", environment()), ("kestra", kestra)]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect(),
    )
}

impl Fixed {
    /// `flow`, `vars`, `labels`, `trigger` and the inputs.
    pub fn new(instance: &Instance, shared: Arc<Map<String, Json>>) -> Self {
        let (flow, execution) = (&instance.program().flow, instance.execution());
        let mut values = Map::new();
        values.insert("flow".into(), json!({ "id": flow.id, "namespace": flow.namespace, "revision": execution.flow_revision }));
        let mut vars: Map<String, Json> = (*flow.variables).clone();
        vars.extend(execution.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
        if !vars.is_empty() {
            values.insert("vars".into(), Json::Object(vars));
        }
        if !execution.labels.is_empty() {
            values.insert("labels".into(), labels(&execution.labels));
        }
        if let Some(trigger) = &execution.trigger {
            values.insert("trigger".into(), Json::Object((*trigger.variables).clone()));
        }
        Self { inputs: Json::Object((*execution.inputs).clone()), values, shared }
    }
}

impl<'a> RunScope<'a> {
    pub fn new(instance: &'a Instance, run: Option<RunIx>, fixed: &'a Fixed, host: &'a dyn Host) -> Self {
        let execution = instance.execution();
        let mut own = Map::new();
        own.insert(
            "execution".into(),
            json!({
                "id": execution.id,
                "startDate": execution.state.start_date(),
                "originalId": execution.original_id,
                "state": execution.state.current(),
            }),
        );
        if let Some(run) = run {
            let document = instance.task_run(run);
            let task = &instance.program().def(instance.task_of(run)).task;
            own.insert("task".into(), json!({ "id": task.id, "type": task.type_name }));
            let mut taskrun = Map::new();
            taskrun.insert("id".into(), json!(document.id));
            taskrun.insert("startDate".into(), json!(document.state.start_date()));
            // The attempt that is being prepared does not count, not even when an earlier host had begun it.
            let ended = document.attempts.iter().filter(|attempt| attempt.state.current().is_terminal()).count();
            taskrun.insert("attemptsCount".into(), json!(ended));
            if let Some(parent) = &document.parent_task_run_id {
                taskrun.insert("parentId".into(), json!(parent));
            }
            // A task deep inside a loop's body sees the loop's value as its own.
            let mut nearest = Some(run);
            while let Some(here) = nearest {
                let document = instance.task_run(here);
                if let Some(value) = &document.value {
                    taskrun.insert("value".into(), json!(value));
                    taskrun.insert("iteration".into(), json!(document.iteration));
                    break;
                }
                nearest = instance.parent_of(here);
            }
            own.insert("taskrun".into(), Json::Object(taskrun));
        }
        Self { instance, run, fixed, host, own }
    }

    fn parents(&self) -> Vec<Json> {
        let mut found = Vec::new();
        let mut here = self.run.and_then(|run| self.instance.parent_of(run));
        while let Some(run) = here {
            let document = self.instance.task_run(run);
            if let Some(value) = &document.value {
                found.push(json!({ "taskrun": { "value": value, "iteration": document.iteration }, "outputs": *document.outputs }));
            }
            here = self.instance.parent_of(run);
        }
        // The group that the run itself stands in carries its value on the run; enclosing ones are its parents.
        let own = self.run.is_some_and(|run| self.instance.task_run(run).value.is_some());
        if !own && !found.is_empty() {
            found.remove(0);
        }
        found
    }
}

impl Scope for RunScope<'_> {
    fn get(&self, name: &str) -> Option<Val<'_>> {
        match name {
            "outputs" => Some(Val::from(self.instance.outputs())),
            "inputs" if has_inputs(&self.fixed.inputs) => Some(Val::from(&self.fixed.inputs)),
            "parent" => self.parents().into_iter().next().map(Val::owned),
            "parents" => Some(Val::owned(Json::Array(self.parents()))).filter(|_| self.run.is_some()),
            "tasks" => Some(Val::owned(states(self.instance))),
            _ => [&self.own, &self.fixed.values, &*self.fixed.shared].into_iter().find_map(|map| map.get(name)).map(Val::from),
        }
    }

    fn names(&self) -> Vec<&str> {
        let mut names = vec!["outputs", "tasks"];
        if has_inputs(&self.fixed.inputs) {
            names.push("inputs");
        }
        if self.run.is_some() {
            names.extend(["parent", "parents"]);
        }
        names.extend(self.own.keys().map(String::as_str));
        names.extend(self.fixed.values.keys().chain(self.fixed.shared.keys()).map(String::as_str));
        names
    }

    fn host(&self) -> &dyn Host {
        self.host
    }
}

fn has_inputs(inputs: &Json) -> bool {
    inputs.as_object().is_some_and(|map| !map.is_empty())
}

/// `labels.<key>`, where a dot in the key makes a level.
pub fn labels(labels: &[switchyard_model::Label]) -> Json {
    let mut root = Json::Object(Map::new());
    for label in labels {
        put(&mut root, label.key.split('.'), Json::String(label.value.to_string()));
    }
    root
}

fn states(instance: &Instance) -> Json {
    let mut all = Json::Object(Map::new());
    for (number, run) in instance.execution().task_run_list.iter().enumerate() {
        let levels = std::iter::once(&*run.task_id).chain(instance.values_of(number).iter().map(|value| &**value));
        put(&mut all, levels, json!({ "state": run.state.current() }));
    }
    all
}

/// Sets a value below several levels of keys; what is in the way and is no map is replaced.
fn put<'k>(root: &mut Json, keys: impl Iterator<Item = &'k str>, value: Json) {
    let mut at = root;
    for key in keys {
        if !at.is_object() {
            *at = Json::Object(Map::new());
        }
        let Some(map) = at.as_object_mut() else { return };
        at = map.entry(key.to_owned()).or_insert(Json::Null);
    }
    *at = value;
}

/// Variables whose names begin with `ENV_` or, as older flows expect, `KESTRA_`; without the prefix, in lower case.
fn environment() -> Json {
    let mut found = Map::new();
    for prefix in ["KESTRA_", "ENV_"] {
        for (name, value) in std::env::vars_os() {
            if let (Some(name), Some(value)) = (name.to_str().and_then(|name| name.strip_prefix(prefix)), value.to_str()) {
                found.insert(name.to_lowercase(), Json::String(value.to_owned()));
            }
        }
    }
    Json::Object(found)
}
