//! The KV store, for tasks that do their work themselves.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;
use switchyard_plugin_api::{BoxFuture, Error};
use switchyard_store::kv::{self, Entry, KeyValues, Kind};

use super::{context::AttemptContext, files::decode};

#[derive(Deserialize)]
struct Place {
    namespace: String,
    key: String,
    /// Only when something is put there.
    #[serde(default)]
    value: Json,
}

/// Answers `kv_get` and `kv_put`.
pub(super) fn serve(context: Arc<AttemptContext>, put: bool, payload: Json) -> BoxFuture<Result<Json, Error>> {
    Box::pin(async move {
        let place: Place = decode(payload)?;
        let (store, now) = (KeyValues::new(context.shared().storage.clone()), Timestamp::now().as_millisecond());
        let before = store.get(&place.namespace, &place.key, now).await.map_err(|error| failed(&error))?;
        if !put {
            return Ok(before.map_or(Json::Null, |entry| entry.value));
        }
        let created = before.map_or(now, |entry| entry.created);
        let entry = Entry { kind: Kind::Json, value: place.value, description: None, created, updated: now, expires: None };
        store.set(&place.namespace, &place.key, &entry).await.map_err(|error| failed(&error))?;
        Ok(Json::Null)
    })
}

fn failed(error: &kv::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}
