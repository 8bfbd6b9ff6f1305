//! Checking the properties of components in flows, and after rendering.

use std::sync::Arc;

use serde_json::Value;
use switchyard_model::{Node, Path, Violation, Violations, catalog::document};
use switchyard_plugin_api::Problem;

use crate::{
    error::Error,
    registry::Registry,
    schema::{self, Finding, Properties},
};

const RUNNER: &str = "taskRunner";

impl Registry {
    /// What is wrong with a component as it is written: `node` is the whole map with its `type`, defaults merged. A task's runner is
    /// checked as well. Expressions are accepted anywhere; a type that is not known is a violation.
    pub fn check_node(&self, node: &Node, path: &Path<'_>) -> Violations {
        let mut found = Violations::new();
        let Some(type_node) = node.get("type") else { return found };
        let type_name = type_node.as_str().unwrap_or_default();
        match self.properties(type_name) {
            Ok(properties) => {
                let is_task = self.kind(type_name) == Some(switchyard_plugin_api::ComponentKind::Task);
                let written = own_properties(node, is_task, &properties);
                found.extend(properties.check(&written).iter().map(|finding| finding.violation(node, path)));
                // What does not fit the schema is not for the component to judge.
                if !found.has_errors() {
                    let problems = self.problems(type_name, is_task, properties.coerce(written.clone()));
                    found.extend(problems.iter().filter_map(|problem| violation(problem, &written, node, path)));
                }
            }
            Err(error) => found.push(of_error(&error, &path.key("type"), type_node)),
        }
        if let Some(runner) = node.get(RUNNER).filter(|runner| runner.as_map().is_some()) {
            found.extend(self.check_runner(runner, &path.key(RUNNER)));
        }
        found
    }

    /// What the component itself finds wrong, which a schema cannot say. Opens its library. One that fails to answer has no say: the same
    /// question is asked again when it runs.
    fn problems(&self, type_name: &str, is_task: bool, properties: Value) -> Vec<Problem> {
        let answer = if is_task {
            self.task(type_name).map(|task| task.validate(&properties))
        } else {
            self.runner(type_name).map(|runner| runner.validate(&properties))
        };
        match answer {
            Ok(Ok(problems)) => problems,
            Ok(Err(error)) => {
                tracing::debug!(type_name, %error, "the component does not judge these properties");
                Vec::new()
            }
            Err(error) => {
                tracing::warn!(type_name, %error, "the component cannot be asked about its properties");
                Vec::new()
            }
        }
    }

    fn check_runner(&self, runner: &Node, path: &Path<'_>) -> Violations {
        let Some(type_node) = runner.get("type") else {
            let violation = Violation::error("flow::missing_property", &path.key("type"), runner.span, "a task runner needs a `type`");
            return violation.with_help("add `type: io.kestra.plugin.core.runner.Process`, or another runner").into();
        };
        match type_node.as_str() {
            Some(name) => match self.expect_runner(name) {
                Ok(()) => self.check_node(runner, path),
                Err(error) => of_error(&error, &path.key("type"), type_node).into(),
            },
            None => {
                let message = format!("expected a type's name, found {}", type_node.describe());
                Violation::error("flow::wrong_type", &path.key("type"), type_node.span, message).into()
            }
        }
    }

    /// The rendered properties of a component, texts turned into what its schema wants. `properties` has no `type`.
    pub fn accept(&self, type_name: &str, properties: Value) -> Result<Value, switchyard_plugin_api::Error> {
        let known = self.properties(type_name)?;
        known.accept(properties).map_err(|found| first(type_name, &found))
    }

    /// The compiled schema of a component.
    pub fn properties(&self, type_name: &str) -> Result<Arc<Properties>, Error> {
        let component = self.component(type_name)?;
        self.compiled(&component)
    }

    /// One JSON Schema (2020-12) for whole flows, for editors: every component with its properties, by all of its names.
    pub fn flow_schema(&self) -> Value {
        schema::flow::flow(&self.components())
    }
}

/// What belongs to the component itself: without `type`, without what every task has, without the runner, whose own type checks it.
fn own_properties(node: &Node, is_task: bool, properties: &Properties) -> Value {
    let mut map = node.as_map().map(switchyard_model::Map::to_json).unwrap_or_default();
    map.retain(|key, value| {
        let of_every_task =
            is_task && !properties.has(key) && document::TASK.iter().any(|property| property.names().any(|name| name == key));
        let of_runner = key == RUNNER && value.is_object();
        // Nothing is not a value: `env:` without content is as good as no `env`.
        key != "type" && !of_every_task && !of_runner && !value.is_null()
    });
    Value::Object(map)
}

/// `None` when the problem is about an expression, which may still become anything.
fn violation(problem: &Problem, written: &Value, node: &Node, path: &Path<'_>) -> Option<Violation> {
    let mut at = written;
    for part in problem.property.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let below = match at {
            Value::Object(map) => map.get(&part),
            Value::Array(items) => part.parse().ok().and_then(|place: usize| items.get(place)),
            _ => None,
        };
        match below {
            Some(below) => at = below,
            None => break,
        }
    }
    let finding = Finding {
        code: "flow::invalid_property",
        pointer: problem.property.clone(),
        at_key: false,
        message: problem.message.clone(),
        help: problem.help.clone(),
    };
    (problem.property.is_empty() || !has_expression(at)).then(|| finding.violation(node, path))
}

fn has_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{") || text.contains("{%"),
        Value::Array(items) => items.iter().any(has_expression),
        Value::Object(map) => map.values().any(has_expression),
        _ => false,
    }
}

fn of_error(error: &Error, path: &Path<'_>, node: &Node) -> Violation {
    let code = match error {
        Error::UnknownType { .. } => "registry::unknown_type",
        Error::WrongKind { .. } => "registry::wrong_kind",
        Error::Conflict { .. } => "registry::type_conflict",
        Error::Lock { .. } => "registry::lock",
        Error::Plugin { .. } => "registry::unusable_plugin",
    };
    let mut violation = Violation::error(code, path, node.span, error.to_string());
    violation.help = error.help();
    violation
}

fn first(type_name: &str, found: &[Finding]) -> switchyard_plugin_api::Error {
    match found {
        [] => switchyard_plugin_api::Error::user("flow::invalid_property", format!("{type_name}: the properties are not accepted")),
        [only] => only.error(type_name),
        [first, rest @ ..] => {
            let mut error = first.error(type_name);
            let others: Vec<String> = rest.iter().map(|finding| format!("{}: {}", finding.pointer, finding.message)).collect();
            error.message = format!("{}; also {}", error.message, others.join("; "));
            error
        }
    }
}
