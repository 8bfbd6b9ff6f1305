//! `state.Set`, `state.Get`, `state.Delete`: the state store, which lives in the key-value store since 0.19.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;
use switchyard_store::kv::{Entry, KeyValues, Kind};

use super::{Given, JobTask, given::kv_failed, outputs, task};

pub const TASKS: &[JobTask] = &[
    task("io.kestra.plugin.core.state.Set", |given| Box::pin(set(given))).typed(&["data"]),
    task("io.kestra.plugin.core.state.Get", |given| Box::pin(get(given))),
    task("io.kestra.plugin.core.state.Delete", |given| Box::pin(delete(given))),
];

/// `<flow>_states_<name>[_<hash of the loop's value>]`; without the flow when the namespace shares it.
fn key(given: &Given) -> String {
    let name = given.text("name").filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
    let flow = if given.flag("namespace", false) { String::new() } else { format!("{}_", given.site.task.flow_id) };
    let value = given.site.value.as_ref().filter(|_| given.flag("taskrunValue", true));
    let value = value.map(|value| format!("_{}", crate::digest::short(value))).unwrap_or_default();
    format!("{flow}states_{name}{value}")
}

async fn read(given: &Given, key: &str) -> Result<Option<Map<String, Json>>, Error> {
    let kv = KeyValues::new(given.site.shared.storage.clone());
    let entry = kv.get(&given.site.task.namespace, key, Timestamp::now().as_millisecond()).await.map_err(kv_failed)?;
    Ok(entry.map(|entry| outputs(entry.value)))
}

async fn set(given: &Given) -> Result<JsonMap, Error> {
    let key = key(given);
    let mut data = read(given, &key).await?.unwrap_or_default();
    data.extend(given.map("data")?);
    let count = data.len();
    let now = Timestamp::now().as_millisecond();
    let entry = Entry { kind: Kind::Json, value: Json::Object(data), description: None, created: now, updated: now, expires: None };
    let namespace = &given.site.task.namespace;
    KeyValues::new(given.site.shared.storage.clone()).set(namespace, &key, &entry).await.map_err(kv_failed)?;
    let uri = format!("kestra:///{}/_kv/{key}.json", namespace.replace('.', "/"));
    Ok(outputs(json!({ "count": count, "uri": uri, "key": key })))
}

async fn get(given: &Given) -> Result<JsonMap, Error> {
    let key = key(given);
    match read(given, &key).await? {
        Some(data) => Ok(outputs(json!({ "count": data.len(), "data": data }))),
        None if given.flag("errorOnMissing", false) => Err(missing(&key)),
        None => Ok(outputs(json!({ "count": 0, "data": {} }))),
    }
}

async fn delete(given: &Given) -> Result<JsonMap, Error> {
    let key = key(given);
    let kv = KeyValues::new(given.site.shared.storage.clone());
    let deleted = kv.delete(&given.site.task.namespace, &key, Timestamp::now().as_millisecond()).await.map_err(kv_failed)?;
    if !deleted && given.flag("errorOnMissing", false) {
        return Err(missing(&key));
    }
    Ok(outputs(json!({ "deleted": deleted })))
}

fn missing(key: &str) -> Error {
    Error::user("kv::missing", format!("there is no state `{key}`")).with_help("set it with io.kestra.plugin.core.state.Set")
}
