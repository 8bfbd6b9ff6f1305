//! `kv.Set`, `kv.Get`, `kv.Delete`, `kv.GetKeys`, `kv.PurgeKV`.

use jiff::{Timestamp, civil};
use serde_json::{Number, Value as Json, json};
use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;
use switchyard_store::{
    kv::{Entry, KeyValues, Kind},
    workdir::Glob,
};

use super::{Given, JobTask, given::kv_failed, outputs, task};
use crate::task::{plain, property};

pub const TASKS: &[JobTask] = &[
    task("io.kestra.plugin.core.kv.Set", |given| Box::pin(set(given))).typed(&["value"]),
    task("io.kestra.plugin.core.kv.Get", |given| Box::pin(get(given))),
    task("io.kestra.plugin.core.kv.Delete", |given| Box::pin(delete(given))),
    task("io.kestra.plugin.core.kv.GetKeys", |given| Box::pin(keys(given))),
    task("io.kestra.plugin.core.kv.PurgeKV", |given| Box::pin(purge(given))),
];

fn store(given: &Given) -> KeyValues {
    KeyValues::new(given.site.shared.storage.clone())
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

async fn set(given: &Given) -> Result<JsonMap, Error> {
    let (kv, namespace, key, now) = (store(given), given.namespace(), given.need("key")?, now());
    let value = given.properties.get("value").cloned().unwrap_or_default();
    let kind = match given.text("kvType") {
        Some(name) => Some(Kind::from_name(&name).ok_or_else(|| {
            Error::user("flow::invalid_property", format!("`kvType` is `{name}`"))
                .with_help(format!("write one of {}", Kind::NAMES.join(", ")))
                .at("/kvType")
        })?),
        None => None,
    };
    let (kind, value) = typed(kind, value)?;
    let expires = match given.text("ttl") {
        Some(text) => {
            let ttl = property::duration(&text, "ttl")?;
            Some(now.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)))
        }
        None => None,
    };
    let description = given.text("kvDescription").or_else(|| given.text("description"));
    let mut entry = Entry { kind, value, description, created: now, updated: now, expires };
    if given.flag("overwrite", true) {
        if let Ok(Some(before)) = kv.get(&namespace, &key, now).await {
            entry.created = before.created;
        }
        kv.set(&namespace, &key, &entry).await.map_err(kv_failed)?;
    } else if !kv.create(&namespace, &key, &entry, now).await.map_err(kv_failed)? {
        let message = format!("the key `{key}` exists in the namespace `{namespace}` and `overwrite` is false");
        return Err(Error::user("kv::exists", message).at("/overwrite"));
    }
    Ok(JsonMap::new())
}

/// The value as its kind says; the kind as the value says when nobody names one.
fn typed(kind: Option<Kind>, value: Json) -> Result<(Kind, Json), Error> {
    let text = plain(&value);
    let trimmed = text.trim();
    let wrong = |kind: &str, example: &str| {
        Error::user("kv::type", format!("`value` is `{text}`, which is no {kind}"))
            .with_help(format!("give for example {example}, or another `kvType`"))
            .at("/value")
    };
    let is_duration = |text: &str| text.starts_with(['P', 'p']) && switchyard_model::duration::parse(text).is_ok();
    Ok(match kind {
        None => {
            let kind = match &value {
                Json::String(text) if is_duration(text) => Kind::Duration,
                Json::String(_) => Kind::String,
                Json::Number(_) => Kind::Number,
                Json::Bool(_) => Kind::Boolean,
                _ => Kind::Json,
            };
            (kind, value)
        }
        Some(Kind::String) => (Kind::String, Json::String(text)),
        Some(Kind::Number) => match value {
            Json::Number(_) => (Kind::Number, value),
            _ => (Kind::Number, Json::Number(trimmed.parse::<Number>().map_err(|_| wrong("number", "42 or 1.5"))?)),
        },
        Some(Kind::Boolean) => match trimmed.to_ascii_lowercase().as_str() {
            "true" => (Kind::Boolean, true.into()),
            "false" => (Kind::Boolean, false.into()),
            _ => return Err(wrong("boolean", "true or false")),
        },
        Some(Kind::Datetime) => {
            let time = property::date(trimmed, "value").map_err(|_| wrong("date with time", "2026-01-31T12:00:00Z"))?;
            (Kind::Datetime, time.to_string().into())
        }
        Some(Kind::Date) => {
            let date: civil::Date = trimmed.get(..10).unwrap_or(trimmed).parse().map_err(|_| wrong("date", "2026-01-31"))?;
            (Kind::Date, date.to_string().into())
        }
        Some(Kind::Duration) if is_duration(trimmed) => (Kind::Duration, trimmed.into()),
        Some(Kind::Duration) => return Err(wrong("ISO-8601 duration", "PT5M or P1D")),
        Some(Kind::Json) => match value {
            Json::String(text) => {
                (Kind::Json, serde_json::from_str(&text).map_err(|error| wrong("JSON", "{\"a\": 1}").with_help(error.to_string()))?)
            }
            value => (Kind::Json, value),
        },
    })
}

async fn get(given: &Given) -> Result<JsonMap, Error> {
    let (namespace, key) = (given.namespace(), given.need("key")?);
    let found = store(given).get(&namespace, &key, now()).await.map_err(kv_failed)?;
    if found.is_none() && given.flag("errorOnMissing", false) {
        return Err(missing(&namespace, &key));
    }
    Ok(outputs(json!({ "value": found.map_or(Json::Null, |entry| entry.value) })))
}

async fn delete(given: &Given) -> Result<JsonMap, Error> {
    let (namespace, key) = (given.namespace(), given.need("key")?);
    let deleted = store(given).delete(&namespace, &key, now()).await.map_err(kv_failed)?;
    if !deleted && given.flag("errorOnMissing", false) {
        return Err(missing(&namespace, &key));
    }
    Ok(outputs(json!({ "deleted": deleted })))
}

async fn keys(given: &Given) -> Result<JsonMap, Error> {
    let prefix = given.text("prefix").unwrap_or_default();
    let all = store(given).list(&given.namespace(), now()).await.map_err(kv_failed)?;
    let keys: Vec<String> = all.into_iter().map(|(key, _)| key).filter(|key| key.starts_with(&prefix)).collect();
    Ok(outputs(json!({ "keys": keys })))
}

async fn purge(given: &Given) -> Result<JsonMap, Error> {
    let (kv, now) = (store(given), now());
    let mut namespaces = given.texts("namespaces")?;
    if namespaces.is_empty() {
        namespaces.push(given.namespace());
    }
    let pattern = given.text("keyPattern").map(|pattern| Glob::parse(&pattern));
    let pattern = pattern.transpose().map_err(|error| Error::user(error.code(), error.to_string()).at("/keyPattern"))?;
    let only_expired = given.flag("expiredOnly", true);
    let mut size = 0;
    for namespace in &namespaces {
        if pattern.is_none() && only_expired {
            size += kv.purge(namespace, now).await.map_err(kv_failed)?;
            continue;
        }
        // With a far future everything that can expire has.
        for (key, entry) in kv.list(namespace, i64::MIN).await.map_err(kv_failed)? {
            let wanted = pattern.as_ref().is_none_or(|pattern| pattern.matches(&key)) && (!only_expired || entry.is_expired(now));
            if wanted {
                kv.delete(namespace, &key, i64::MIN).await.map_err(kv_failed)?;
                size += 1;
            }
        }
    }
    Ok(outputs(json!({ "size": size })))
}

fn missing(namespace: &str, key: &str) -> Error {
    Error::user("kv::missing", format!("there is no key `{key}` in the namespace `{namespace}`"))
        .with_help("set it with io.kestra.plugin.core.kv.Set, or leave `errorOnMissing` out")
        .at("/key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_a_type_9() {
        for (kind, value, expected) in [
            (None, json!("text"), Some((Kind::String, json!("text")))),
            (None, json!("PT5M"), Some((Kind::Duration, json!("PT5M")))),
            (None, json!("Pretty"), Some((Kind::String, json!("Pretty")))),
            (None, json!(1.5), Some((Kind::Number, json!(1.5)))),
            (None, json!(true), Some((Kind::Boolean, json!(true)))),
            (None, json!({"a": 1}), Some((Kind::Json, json!({"a": 1})))),
            (Some(Kind::String), json!(7), Some((Kind::String, json!("7")))),
            (Some(Kind::Number), json!("7"), Some((Kind::Number, json!(7)))),
            (Some(Kind::Number), json!("seven"), None),
            (Some(Kind::Boolean), json!("TRUE"), Some((Kind::Boolean, json!(true)))),
            (Some(Kind::Boolean), json!("yes"), None),
            (Some(Kind::Datetime), json!("2026-01-31T12:00:00+01:00"), Some((Kind::Datetime, json!("2026-01-31T11:00:00Z")))),
            (Some(Kind::Datetime), json!("soon"), None),
            (Some(Kind::Date), json!("2026-01-31"), Some((Kind::Date, json!("2026-01-31")))),
            (Some(Kind::Date), json!("31.1.2026"), None),
            (Some(Kind::Duration), json!("P1D"), Some((Kind::Duration, json!("P1D")))),
            (Some(Kind::Duration), json!("1 day"), None),
            (Some(Kind::Json), json!("[1, 2]"), Some((Kind::Json, json!([1, 2])))),
            (Some(Kind::Json), json!("{"), None),
        ] {
            assert_eq!(typed(kind, value.clone()).ok(), expected, "{kind:?} {value}");
        }
    }
}
