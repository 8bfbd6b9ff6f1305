//! Where a connector ended, so that the next run goes on there: kept in the KV store of the flow's namespace.

use serde_json::{Map, Value};
use switchyard_plugin_api::{Context, Error, TaskRef};

/// The key; the host allows letters, digits, `.`, `_` and `-`.
pub fn key(task: &TaskRef, name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    format!("{}_states_{name}_state.json", task.flow_id)
}

/// What was kept, or an empty state.
pub async fn load(task: &TaskRef, name: &str, context: &Context) -> Result<Map<String, Value>, Error> {
    match context.kv_get(&task.namespace, &key(task, name)).await? {
        Some(Value::Object(state)) => Ok(state),
        _ => Ok(Map::new()),
    }
}

/// Keeps it; answers its key.
pub async fn store(task: &TaskRef, name: &str, state: Map<String, Value>, context: &Context) -> Result<String, Error> {
    let key = key(task, name);
    context.kv_put(&task.namespace, &key, &Value::Object(state)).await?;
    Ok(key)
}

/// Takes the `STATE` messages of lines in; the last one counts, key by key.
pub fn merge(state: &mut Map<String, Value>, lines: &str) {
    for line in lines.lines() {
        let Ok(Value::Object(message)) = serde_json::from_str::<Value>(line) else { continue };
        if message.get("type").and_then(Value::as_str) == Some("STATE")
            && let Some(Value::Object(value)) = message.get("value")
        {
            state.extend(value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_merge() {
        let mut state = json!({"a": 1, "b": 1}).as_object().unwrap().clone();
        merge(
            &mut state,
            "{\"type\": \"STATE\", \"value\": {\"b\": 2}}\nnonsense\n{\"type\": \"RECORD\", \"record\": {\"type\": \"STATE\"}}\n{\"type\": \"STATE\", \"value\": {\"c\": {\"d\": 3}}}",
        );
        assert_eq!(Value::Object(state), json!({"a": 1, "b": 2, "c": {"d": 3}}));
        assert_eq!(key(&TaskRef { flow_id: "f".into(), ..TaskRef::default() }, "my state"), "f_states_my-state_state.json");
    }
}
