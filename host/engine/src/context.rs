//! The variables that expressions of an execution see; spec 5.7.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value as Json, json};
use switchyard_expr::{Host, HostError, HttpCall, Scope, Val};
use switchyard_model::{Execution, ExecutionTrigger, Flow, JsonMap, Level, State, TaskRun, canonical_type};
use switchyard_store::logs::ExecutionLog;

use crate::{
    core::{Instance, Iteration, RunIx},
    engine::Shared,
    log_entries,
    schedule::SCHEDULE,
    services::Services,
    vault::{self, Vault},
};

/// Variables of one task run, or of the execution when there is none. Outputs and inputs are borrowed, never copied.
pub struct RunScope<'a> {
    instance: &'a Instance,
    run: Option<RunIx>,
    /// An iteration of the Loop that the run is.
    group: Option<usize>,
    fixed: &'a Fixed,
    services: &'a Services,
    logs: Option<&'a ExecutionLog>,
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
    /// Present when outputs may be encrypted.
    vault: Option<Vault>,
}

/// `vars`: those of the flow until a task changes them; from then on the execution has its own.
pub fn variables<'a>(execution: &'a Execution, flow: &'a Flow) -> &'a JsonMap {
    if execution.variables.is_empty() { &flow.variables } else { &execution.variables }
}

/// `globals`, `envs` and `kestra`: what every execution of a host sees.
pub fn shared(globals: Json) -> Arc<Map<String, Json>> {
    let kestra = json!({ "environment": null, "url": null });
    let globals = if globals.is_null() { json!({}) } else { globals };
    Arc::new(
        [("globals", globals), ("envs", environment()), ("kestra", kestra)]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect(),
    )
}

impl Fixed {
    /// `flow`, `vars`, `labels`, `trigger` and the inputs.
    pub(crate) fn new(instance: &Instance, shared: &Shared, services: &Services) -> Self {
        let (flow, execution) = (&instance.program().flow, instance.execution());
        let mut values = Map::new();
        values.insert("flow".into(), json!({ "id": flow.id, "namespace": flow.namespace, "revision": execution.flow_revision }));
        let vars = variables(execution, flow);
        if !vars.is_empty() {
            values.insert("vars".into(), Json::Object(vars.clone()));
        }
        if !execution.labels.is_empty() {
            values.insert("labels".into(), labels(&execution.labels));
        }
        if let Some(trigger) = &execution.trigger {
            values.extend(of_trigger(trigger));
        }
        let of_namespace = shared.config.namespace_variables(&flow.namespace);
        if !of_namespace.is_empty() {
            values.insert("namespace".into(), Json::Object(of_namespace));
        }
        let inputs = Json::Object((*execution.inputs).clone());
        let inputs = if vault::has_sealed(&inputs) {
            vault::opened(shared.vault.as_ref(), &inputs, &|secret| services.conceal(secret))
        } else {
            inputs
        };
        let sealed = flow.all_tasks().iter().any(|task| task.node.get("encryptBody").is_some());
        Self { inputs, values, shared: Arc::clone(&shared.context), vault: shared.vault.clone().filter(|_| sealed) }
    }
}

impl<'a> RunScope<'a> {
    pub fn new(instance: &'a Instance, run: Option<RunIx>, fixed: &'a Fixed, services: &'a Services) -> Self {
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
                // Inside a Loop it is `item`, and what is outside is not seen.
                if instance.in_iteration(here) {
                    break;
                }
                if let Some(value) = &document.value {
                    taskrun.insert("value".into(), json!(value));
                    taskrun.insert("iteration".into(), json!(document.iteration));
                    break;
                }
                nearest = instance.parent_of(here);
            }
            own.insert("taskrun".into(), Json::Object(taskrun));
        }
        let mut scope = Self { instance, run, group: None, fixed, services, logs: None, own };
        scope.add_item();
        scope
    }

    /// The loop's value that the run sees as its own.
    pub fn value(&self) -> Option<Arc<str>> {
        self.own.get("taskrun")?.get("value")?.as_str().map(Arc::from)
    }

    /// With the log, for `errorLogs()`.
    #[must_use]
    pub fn with_logs(mut self, logs: &'a ExecutionLog) -> Self {
        self.logs = Some(logs);
        self
    }

    /// A copy of everything that expressions see; for work that goes on elsewhere.
    pub fn snapshot(&self) -> Map<String, Json> {
        self.names().into_iter().filter_map(|name| Some((name.to_owned(), self.get(name)?.to_json()))).collect()
    }

    /// Of an iteration of the Loop `run`.
    pub fn of_iteration(instance: &'a Instance, run: RunIx, group: usize, fixed: &'a Fixed, services: &'a Services) -> Self {
        let mut scope = Self::new(instance, Some(run), fixed, services);
        scope.group = Some(group);
        scope.add_item();
        scope
    }

    /// `item`: what the iteration of the nearest Loop is about.
    fn add_item(&mut self) {
        let item = |iteration: Iteration<'_>| json!({ "value": iteration.item.value, "index": iteration.index, "key": iteration.item.key });
        let mut all = self.instance.iterations(self.run, self.group).map(item);
        let Some(mut own) = all.next() else { return };
        let parents: Vec<Json> = all.collect();
        if let Some(parent) = parents.first() {
            own["parent"] = parent.clone();
        }
        own["parents"] = Json::Array(parents);
        self.own.insert("item".into(), own);
    }

    /// Outputs that are visible here: those of the iterations around, then those of the execution.
    fn outputs(&self) -> Val<'_> {
        let mut iterations = self.instance.iterations(self.run, self.group).peekable();
        if iterations.peek().is_none() {
            return match &self.fixed.vault {
                Some(vault) if vault::has_sealed(self.instance.outputs()) => {
                    Val::owned(vault::opened(Some(vault), self.instance.outputs(), &|secret| self.services.conceal(secret)))
                }
                _ => Val::from(self.instance.outputs()),
            };
        }
        let all = iterations.map(|iteration| iteration.outputs).chain([self.instance.outputs()]);
        let entries = all.filter_map(Json::as_object).flatten().map(|(name, value)| (name.as_str(), Val::from(value)));
        Val::first_of(entries)
    }

    fn states(&self) -> Json {
        let mut all = Json::Object(Map::new());
        for (number, run) in self.instance.execution().task_run_list.iter().enumerate() {
            if !self.instance.is_visible(number, self.run, self.group) {
                continue;
            }
            let levels = std::iter::once(&*run.task_id).chain(self.instance.levels_of(number).iter().map(|value| &**value));
            put(&mut all, levels, json!({ "state": run.state.current() }));
        }
        all
    }

    fn parents(&self) -> Vec<Json> {
        let mut found = Vec::new();
        let outside = |run: &RunIx| self.instance.in_iteration(*run);
        let mut here = self.run.filter(|run| !outside(run)).and_then(|run| self.instance.parent_of(run));
        while let Some(run) = here.filter(|run| !outside(run)) {
            let document = self.instance.task_run(run);
            let mut parent = Map::new();
            if let Some(value) = &document.value {
                parent.insert("taskrun".into(), json!({ "value": value, "iteration": document.iteration }));
            }
            if !document.outputs.is_empty() {
                parent.insert("outputs".into(), Json::Object((*document.outputs).clone()));
            }
            // Indexes of `parents` count those that have something to say: flows were written by them.
            if !parent.is_empty() {
                found.push(Json::Object(parent));
            }
            here = self.instance.parent_of(run);
        }
        found
    }
}

impl Scope for RunScope<'_> {
    fn get(&self, name: &str) -> Option<Val<'_>> {
        match name {
            "outputs" => Some(self.outputs()),
            "inputs" if has_inputs(&self.fixed.inputs) => Some(Val::from(&self.fixed.inputs)),
            "parent" => self.parents().into_iter().next().map(Val::owned),
            "parents" => Some(Val::owned(Json::Array(self.parents()))).filter(|_| self.run.is_some()),
            "tasks" => Some(Val::owned(self.states())),
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
        self
    }
}

/// The services, and what only the execution itself can tell.
impl Host for RunScope<'_> {
    fn secret(&self, key: &str, namespace: Option<&str>, subkey: Option<&str>) -> Result<String, HostError> {
        self.services.secret(key, namespace, subkey)
    }

    fn disclosed(&self, secret: &str) {
        self.services.disclosed(secret);
    }

    fn kv(&self, key: &str, namespace: Option<&str>) -> Result<Json, HostError> {
        self.services.kv(key, namespace)
    }

    fn read(&self, path: &str, namespace: Option<&str>) -> Result<String, HostError> {
        self.services.read(path, namespace)
    }

    fn file_uri(&self, path: &str, namespace: Option<&str>) -> Result<String, HostError> {
        self.services.file_uri(path, namespace)
    }

    fn file_size(&self, path: &str, namespace: Option<&str>) -> Result<u64, HostError> {
        self.services.file_size(path, namespace)
    }

    fn file_exists(&self, path: &str, namespace: Option<&str>) -> Result<bool, HostError> {
        self.services.file_exists(path, namespace)
    }

    fn http(&self, call: &HttpCall) -> Result<Json, HostError> {
        self.services.http(call)
    }

    fn env(&self, name: &str) -> Result<String, HostError> {
        self.services.env(name)
    }

    fn random_port(&self) -> Result<u16, HostError> {
        self.services.random_port()
    }

    fn public_holiday(&self, date: &str, country: Option<&str>, subdivision: Option<&str>) -> Result<bool, HostError> {
        self.services.public_holiday(date, country, subdivision)
    }

    fn error_logs(&self) -> Result<Json, HostError> {
        let Some(logs) = self.logs else { return Err(HostError::Unavailable("errorLogs()")) };
        let execution = self.instance.execution();
        log_entries::of(logs, execution, &log_entries::Wanted { least: Level::Error, ..Default::default() })
            .map(|entries| Json::Array(entries.iter().map(log_entries::Entry::to_json).collect()))
            .map_err(|error| HostError::Failed(error.message))
    }

    fn tasks_with_state(&self, state: &str) -> Result<Json, HostError> {
        let Some(state) = State::from_name(state) else {
            return Err(HostError::Failed(format!("`{state}` is no state; write for example `FAILED`")));
        };
        let runs = self.instance.execution().task_run_list.iter().filter(|run| run.state.current() == state);
        Ok(runs.map(|run| json!({ "id": run.id, "taskId": run.task_id, "value": run.value, "state": state })).collect())
    }
}

/// `trigger`, and the name that schedules had for it once.
pub fn of_trigger(trigger: &ExecutionTrigger) -> impl Iterator<Item = (String, Json)> + '_ {
    let old = (canonical_type(&trigger.type_name) == SCHEDULE).then_some("schedule");
    ["trigger"].into_iter().chain(old).map(|name| (name.to_owned(), Json::Object((*trigger.variables).clone())))
}

/// The variables of an execution that is over, or has not begun: what a caller, a trigger or a check sees of it.
pub fn of_execution(execution: &Execution, shared: &Map<String, Json>) -> Json {
    let mut all = shared.clone();
    all.insert("flow".into(), json!({ "id": execution.flow_id, "namespace": execution.namespace, "revision": execution.flow_revision }));
    all.insert(
        "execution".into(),
        json!({
            "id": execution.id,
            "startDate": execution.state.start_date(),
            "originalId": execution.original_id,
            "state": execution.state.current(),
            "outputs": execution.outputs.as_deref(),
        }),
    );
    if !execution.inputs.is_empty() {
        all.insert("inputs".into(), Json::Object((*execution.inputs).clone()));
    }
    if !execution.variables.is_empty() {
        all.insert("vars".into(), Json::Object((*execution.variables).clone()));
    }
    if !execution.labels.is_empty() {
        all.insert("labels".into(), labels(&execution.labels));
    }
    if let Some(trigger) = &execution.trigger {
        all.extend(of_trigger(trigger));
    }
    let places: HashMap<&str, usize> = execution.task_run_list.iter().enumerate().map(|(place, run)| (&*run.id, place)).collect();
    let parent = |run: &TaskRun| run.parent_task_run_id.as_ref().and_then(|id| places.get(&**id)).map(|at| &execution.task_run_list[*at]);
    let (mut outputs, mut states) = (Json::Object(Map::new()), Json::Object(Map::new()));
    for run in &execution.task_run_list {
        let mut values: Vec<&str> = std::iter::successors(Some(run), |run| parent(run)).filter_map(|run| run.value.as_deref()).collect();
        values.push(&run.task_id);
        values.reverse();
        if !run.outputs.is_empty() {
            put(&mut outputs, values.iter().copied(), Json::Object((*run.outputs).clone()));
        }
        put(&mut states, values.into_iter(), json!({ "state": run.state.current() }));
    }
    all.insert("outputs".into(), outputs);
    all.insert("tasks".into(), states);
    Json::Object(all)
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
