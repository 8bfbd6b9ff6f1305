//! The core tasks that are done where the execution lives: no slot, no process, no file.

use serde_json::{Map, Value as Json};
use switchyard_expr::{Engine, Scope, is_truthy};
use switchyard_model::{JsonMap, Label, Level, State};
use switchyard_plugin_api::Error;

use super::decide::unrendered;

/// Which core task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreTask {
    Log,
    Return,
    Echo,
    OutputValues,
    Fail,
    Assert,
    Exit,
    Labels,
    SetVariables,
    UnsetVariables,
}

const TABLE: &[(&str, CoreTask)] = &[
    ("io.kestra.plugin.core.log.Log", CoreTask::Log),
    ("io.kestra.plugin.core.debug.Return", CoreTask::Return),
    ("io.kestra.plugin.core.debug.Echo", CoreTask::Echo),
    ("io.kestra.plugin.core.output.OutputValues", CoreTask::OutputValues),
    ("io.kestra.plugin.core.execution.Fail", CoreTask::Fail),
    ("io.kestra.plugin.core.execution.Assert", CoreTask::Assert),
    ("io.kestra.plugin.core.execution.Exit", CoreTask::Exit),
    ("io.kestra.plugin.core.execution.Labels", CoreTask::Labels),
    ("io.kestra.plugin.core.execution.SetVariables", CoreTask::SetVariables),
    ("io.kestra.plugin.core.execution.UnsetVariables", CoreTask::UnsetVariables),
];

/// One log entry of a core task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub level: Level,
    pub text: String,
}

/// What a core task did.
#[derive(Debug, Default)]
pub struct Done {
    pub outputs: JsonMap,
    pub lines: Vec<Line>,
    /// FAILED with this message.
    pub failure: Option<String>,
    /// Ends the execution.
    pub exit: Option<State>,
    pub labels: Vec<Label>,
    /// The execution's variables from now on.
    pub variables: Option<JsonMap>,
}

impl CoreTask {
    /// By canonical type name.
    pub fn of(type_name: &str) -> Option<Self> {
        TABLE.iter().find(|(name, _)| *name == type_name).map(|(_, task)| *task)
    }

    /// Does it.
    pub fn run(self, properties: &Map<String, Json>, variables: &JsonMap, expr: &Engine, scope: &dyn Scope) -> Result<Done, Error> {
        let property = Property { properties, expr, scope };
        let mut done = Done::default();
        match self {
            Self::Log | Self::Echo => {
                let level = property.text("level")?.unwrap_or_else(|| "INFO".to_owned());
                let level = Level::from_name(&level).ok_or_else(|| {
                    Error::user("flow::invalid_property", format!("`level` is `{level}`"))
                        .with_help("write one of ERROR, WARN, INFO, DEBUG, TRACE")
                        .at("/level")
                })?;
                let name = if self == Self::Log { "message" } else { "format" };
                let message = property.rendered(name)?.unwrap_or_default();
                // A text that renders to a list is still one message; only a written list is several.
                match message {
                    Json::Array(items) => done.lines.extend(items.iter().map(|item| Line { level, text: plain(item) })),
                    other => done.lines.push(Line { level, text: plain(&other) }),
                }
            }
            Self::Return => {
                done.outputs.insert("value".into(), property.text("format")?.map_or(Json::Null, Json::String));
            }
            Self::OutputValues => {
                let values = match properties.get("values") {
                    Some(values) => expr.render_value_typed(values, scope).map_err(|error| unrendered(&error))?,
                    None => Json::Object(Map::new()),
                };
                done.outputs.insert("values".into(), values);
            }
            Self::Fail => {
                if property.condition("condition")?.unwrap_or(true) {
                    done.failure = Some(property.text("errorMessage")?.unwrap_or_else(|| "Task failure".to_owned()));
                }
            }
            Self::Assert => {
                let conditions = properties.get("conditions").and_then(Json::as_array).cloned().unwrap_or_default();
                let mut failed = 0;
                for condition in conditions.iter().filter_map(Json::as_str) {
                    if !is_truthy(&expr.render(condition, scope).map_err(|error| unrendered(&error))?) {
                        failed += 1;
                        done.lines.push(Line { level: Level::Error, text: format!("assertion failed: {condition}") });
                    }
                }
                done.outputs.insert("failed".into(), failed.into());
                if failed > 0 {
                    let message = property.text("errorMessage")?;
                    done.failure = Some(message.unwrap_or_else(|| format!("{failed} of {} assertions failed", conditions.len())));
                }
            }
            Self::Exit => {
                let name = property.text("state")?.unwrap_or_else(|| "SUCCESS".to_owned());
                done.exit = State::from_name(&name).filter(|state| state.is_terminal());
                if done.exit.is_none() {
                    return Err(Error::user("flow::invalid_property", format!("`state` is `{name}`"))
                        .with_help("write one of SUCCESS, WARNING, KILLED, FAILED, CANCELED")
                        .at("/state"));
                }
            }
            Self::Labels => done.labels = labels(&property.parsed("labels")?.unwrap_or_default())?,
            Self::SetVariables => {
                let values = property.rendered("variables")?.unwrap_or_default();
                let overwrite = property.condition("overwrite")?.unwrap_or(true);
                let mut all = variables.clone();
                for (name, value) in values.as_object().into_iter().flatten() {
                    if !overwrite && all.contains_key(name) {
                        let message = format!("the variable `{name}` exists and `overwrite` is false");
                        return Err(Error::user("flow::variable_exists", message).at("/overwrite"));
                    }
                    merge(all.entry(name.clone()).or_insert(Json::Null), value);
                }
                done.variables = Some(all);
            }
            Self::UnsetVariables => {
                let names = property.parsed("variables")?.unwrap_or_default();
                let ignore = property.condition("ignoreMissing")?.unwrap_or(false);
                let mut all = variables.clone();
                for name in names.as_array().into_iter().flatten().filter_map(Json::as_str) {
                    if all.shift_remove(name).is_none() && !ignore {
                        return Err(Error::user("flow::unknown_variable", format!("there is no variable `{name}`"))
                            .with_help("set `ignoreMissing: true` to go on without it"));
                    }
                }
                done.variables = Some(all);
            }
        }
        Ok(done)
    }
}

struct Property<'a> {
    properties: &'a Map<String, Json>,
    expr: &'a Engine,
    scope: &'a dyn Scope,
}

impl Property<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.properties.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => self.expr.render(text, self.scope).map(Some).map_err(|error| unrendered(&error)),
            Some(other) => Ok(Some(plain(other))),
        }
    }

    fn rendered(&self, name: &str) -> Result<Option<Json>, Error> {
        let value = self.properties.get(name).filter(|value| !value.is_null());
        value.map(|value| self.expr.render_value(value, self.scope).map_err(|error| unrendered(&error))).transpose()
    }

    /// A value, or a text that renders to JSON.
    fn parsed(&self, name: &str) -> Result<Option<Json>, Error> {
        match self.rendered(name)? {
            Some(Json::String(text)) => serde_json::from_str(&text).map(Some).map_err(|error| {
                Error::user("flow::invalid_property", format!("`{name}` rendered to text that is not JSON: {error}")).at(format!("/{name}"))
            }),
            other => Ok(other),
        }
    }

    fn condition(&self, name: &str) -> Result<Option<bool>, Error> {
        self.text(name).map(|text| text.map(|text| is_truthy(&text)))
    }
}

/// How a value reads inside text.
pub fn plain(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn merge(into: &mut Json, value: &Json) {
    match (into, value) {
        (Json::Object(into), Json::Object(values)) => {
            for (name, value) in values {
                merge(into.entry(name.clone()).or_insert(Json::Null), value);
            }
        }
        (into, value) => *into = value.clone(),
    }
}

fn labels(value: &Json) -> Result<Vec<Label>, Error> {
    let pairs: Vec<(String, String)> = match value {
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        Json::Array(items) => items.iter().map(|item| (plain(&item["key"]), plain(&item["value"]))).collect(),
        Json::Null => Vec::new(),
        other => {
            return Err(Error::user("flow::invalid_property", format!("`labels` is {other}"))
                .with_help("write a map, or a list of {key, value}")
                .at("/labels"));
        }
    };
    if let Some((key, _)) = pairs.iter().find(|(key, _)| key.is_empty() || key.starts_with("system.")) {
        return Err(Error::user("label::system", format!("the label `{key}` may only be set by the system")).at("/labels"));
    }
    Ok(pairs.into_iter().map(|(key, value)| Label::new(key, value)).collect())
}
