//! The task under test.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::{Options, example, judge::Judge, judge::literal};
use crate::{COMMON_PROPERTIES, Component, DynTask, Error, Paths, PlanContext, Problem, TaskRef};

/// What the host keeps from a task when it is asked for its plan.
const BEFORE: &[&str] =
    &["taskRunner", "runner", "docker", "containerImage", "outputDirectory", "namespaceFiles", "outputFiles", "inputFiles", "env"];

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Subject(Arc<Inner>);

struct Inner {
    task: Arc<dyn DynTask>,
    component: Component,
    options: Options,
    /// Absent when nobody knows good ones.
    properties: Option<Value>,
}

impl Subject {
    pub fn new(task: Arc<dyn DynTask>, component: Component, options: Options) -> Self {
        let given = options.properties.as_object().filter(|map| !map.is_empty()).map(|map| Value::Object(map.clone()));
        let properties = given.or_else(|| of_examples(&component));
        Self(Arc::new(Inner { task, component, options, properties }))
    }

    pub fn task(&self) -> &Arc<dyn DynTask> {
        &self.0.task
    }

    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Why it cannot be asked about properties.
    pub fn unknown(&self) -> Option<&'static str> {
        self.0.properties.is_none().then_some("nobody knows properties that it accepts: no example is without an expression; name some")
    }

    /// As the host gives them when it asks for a plan.
    pub fn planned(&self) -> Value {
        let mut properties = self.0.properties.clone().unwrap_or_default();
        if let Some(map) = properties.as_object_mut() {
            map.retain(|name, _| !BEFORE.contains(&name.as_str()));
        }
        properties
    }

    /// For a runner that sees the directory under this name.
    pub fn context(&self, working_dir: &str, containerized: bool) -> PlanContext {
        PlanContext {
            task: TaskRef { key: "conformance-0".into(), task_id: "behaviour".into(), ..TaskRef::default() },
            paths: Paths { working_dir: working_dir.to_owned(), ..Paths::default() },
            runner_type: "org.example.conformance.Runner".to_owned(),
            containerized,
            ..PlanContext::default()
        }
    }
}

impl Judge for Subject {
    fn component(&self) -> &Component {
        &self.0.component
    }

    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.0.task.validate(properties)
    }

    fn properties(&self) -> Value {
        self.0.properties.clone().unwrap_or_default()
    }

    fn own(&self, used: &Map<String, Value>) -> Value {
        own(&self.0.component, used)
    }

    fn is_strict(&self) -> bool {
        false
    }
}

fn own(component: &Component, used: &Map<String, Value>) -> Value {
    let known = |name: &str| component.schema.get("properties").and_then(|properties| properties.get(name)).is_some();
    let mut properties = used.clone();
    properties.retain(|name, value| {
        let of_every_task = COMMON_PROPERTIES.contains(&name.as_str()) && !known(name);
        let runner = name == "taskRunner" && value.is_object();
        name != "type" && !of_every_task && !runner && !value.is_null()
    });
    Value::Object(properties)
}

fn of_examples(component: &Component) -> Option<Value> {
    let names: Vec<&str> = std::iter::once(&component.type_name).chain(&component.description.aliases).map(String::as_str).collect();
    component.description.examples.iter().find_map(|one| {
        let flow = example::parse(&one.flow).ok()?;
        let mut uses = Vec::new();
        example::of_type(&flow, &names, &mut uses);
        uses.into_iter().map(|used| own(component, used)).find(literal)
    })
}
