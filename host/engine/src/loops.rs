//! Loop: its items, what its iterations give, what it leaves behind. Spec 4.2.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use switchyard_expr::{Engine, Scope};
use switchyard_model::{JsonMap, input::convert_output, output::Output, task::Loop};
use switchyard_plugin_api::Error;
use switchyard_store::storage::{Storage, StorageUri};

use crate::{
    call::batch,
    core::{Decision, Item},
    task::{flag, number, unrendered},
};

/// Outputs beyond it are stored, unless `fetchType` says otherwise.
const LARGE: usize = 1 << 20;

/// The items, or where they are.
pub enum Opening {
    Items(Decision),
    Stored { uri: String, limit: u64, transmit: bool },
}

/// Renders the values.
pub fn open(kind: &Loop, expr: &Engine, scope: &dyn Scope) -> Result<Opening, Error> {
    let limit = number(expr, &kind.concurrency_limit, scope)?;
    let transmit = flag(expr, &kind.transmit_failed, scope)?;
    let written = kind.values.to_json();
    let value = match &written {
        Json::String(template) => {
            let text = expr.render(template, scope).map_err(|error| unrendered(&error))?;
            if text.trim_start().starts_with("kestra://") {
                return Ok(Opening::Stored { uri: text.trim().to_owned(), limit, transmit });
            }
            serde_json::from_str(text.trim()).map_err(|_| wrong(&format!("the values rendered to `{}`", cut(&text))))?
        }
        other => expr.render_value_typed(other, scope).map_err(|error| unrendered(&error))?,
    };
    let items = match value {
        Json::Array(values) => values.into_iter().map(|value| Item { key: None, value }).collect(),
        Json::Object(map) => map.into_iter().map(|(key, value)| Item { key: Some(key.into()), value }).collect(),
        other => return Err(wrong(&format!("the values are {}", cut(&other.to_string())))),
    };
    Ok(Opening::Items(Decision::Items { items, limit, transmit }))
}

/// An item per line: JSON where it is JSON, else the line as text.
pub async fn read(storage: &Storage, uri: &str, limit: u64, transmit: bool) -> Result<Decision, Error> {
    let lines = batch::lines(storage, uri).await?;
    let item = |line: String| Item { key: None, value: serde_json::from_str(&line).unwrap_or(Json::String(line)) };
    Ok(Decision::Items { items: lines.into_iter().map(item).collect(), limit, transmit })
}

/// What an iteration gives, and whether it is the last one.
pub fn iteration(kind: &Loop, group: usize, expr: &Engine, scope: &dyn Scope) -> Result<Decision, Error> {
    let outputs = render_outputs(&kind.outputs, expr, scope)?;
    let stop = match &kind.break_when {
        Some(condition) => expr.render_condition(condition, scope).map_err(|error| unrendered(&error).at("/breakWhen"))?,
        None => false,
    };
    Ok(Decision::Iteration { group, outputs, stop, failed: false })
}

/// What the Loop leaves behind.
pub async fn close(kind: Arc<str>, results: Vec<Option<JsonMap>>, storage: Storage, folder: StorageUri) -> Result<Decision, Error> {
    let ended = results.iter().flatten().count();
    let values: Vec<Json> = results.into_iter().flatten().map(Json::Object).collect();
    let store = match &*kind {
        "STORE" => true,
        "FETCH" => false,
        _ => values.iter().map(|value| value.to_string().len()).sum::<usize>() > LARGE,
    };
    let given = if store {
        let uri = folder.join("outputs.ion").map_err(|error| Error::environment(error.code(), error.to_string()))?;
        batch::put_lines(&storage, &uri, &values).await?;
        json!(uri.to_string())
    } else {
        Json::Array(values)
    };
    let outputs = json!({ "iterationCount": ended, "runningIterations": 0, "terminatedIterations": ended, "outputs": given });
    Ok(Decision::Closed { outputs: outputs.as_object().cloned().unwrap_or_default(), failed: false })
}

/// Declared outputs, rendered and converted; spec 8.7.
pub fn render_outputs(declared: &[Output], expr: &Engine, scope: &dyn Scope) -> Result<JsonMap, Error> {
    let mut outputs = JsonMap::new();
    for output in declared {
        let rendered = expr.render_value_typed(&output.value.to_json(), scope).map_err(|error| unrendered(&error));
        let converted = rendered.and_then(|value| {
            convert_output(output, &value).map_err(|violation| Error::user("output::invalid", violation.message.clone()))
        });
        match converted {
            Ok(value) => insert(&mut outputs, &output.id, value),
            Err(_) if !output.required => {}
            Err(mut error) => {
                error.message = format!("the output `{}` could not be rendered: {}", output.id, error.message);
                if error.help.is_none() {
                    error.help = Some("when it depends on a task that may not have run, give another value with `??`".to_owned());
                }
                return Err(error);
            }
        }
    }
    Ok(outputs)
}

/// A dot in the id makes a level; spec 3.5.
fn insert(outputs: &mut JsonMap, id: &str, value: Json) {
    match id.split_once('.') {
        None => {
            outputs.insert(id.to_owned(), value);
        }
        Some((first, rest)) => {
            let below = outputs.entry(first.to_owned()).or_insert_with(|| Json::Object(JsonMap::new()));
            if let Json::Object(map) = below {
                insert(map, rest, value);
            }
        }
    }
}

fn wrong(found: &str) -> Error {
    Error::user("flow::loop_values", format!("{found}, which is no list, map or stored file"))
        .with_help("give a list, a map, or an expression that renders to one or to a `kestra://` URI")
}

fn cut(text: &str) -> String {
    if text.chars().count() > 80 { text.chars().take(80).chain(['…']).collect() } else { text.to_owned() }
}
