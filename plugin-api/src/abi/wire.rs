//! JSON on the wire.

use abi_stable::std_types::{RResult, RVec};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::layout::Reply;
use crate::Error;

/// Arguments of `paths`: borrowed by the host, owned by the plugin.
#[derive(Serialize, Deserialize)]
pub(super) struct PathsCall<P, F> {
    #[serde(default)]
    pub properties: P,
    pub files: F,
}

/// Arguments of `plan`.
#[derive(Serialize, Deserialize)]
pub(super) struct PlanCall<P, C> {
    #[serde(default)]
    pub properties: P,
    pub context: C,
}

pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|e| Error::plugin("plugin::not_json", format!("a value cannot be written as JSON: {e}")))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|e| {
        Error::plugin("plugin::protocol", format!("a message across the plugin boundary has another shape: {e}"))
            .with_help("the plugin and the host may be of different API versions; rebuild the plugin")
    })
}

pub(super) fn reply<T: Serialize>(result: Result<T, Error>) -> Reply {
    encoded(result.and_then(|value| encode(&value)))
}

pub(super) fn encoded(result: Result<Vec<u8>, Error>) -> Reply {
    match result {
        Ok(bytes) => RResult::ROk(RVec::from(bytes)),
        Err(error) => RResult::RErr(RVec::from(serde_json::to_vec(&error).unwrap_or_default())),
    }
}

pub(super) fn result<T: DeserializeOwned>(reply: Reply) -> Result<T, Error> {
    match reply {
        RResult::ROk(bytes) => decode(&bytes),
        RResult::RErr(bytes) => Err(error(&bytes)),
    }
}

pub(super) fn error(bytes: &[u8]) -> Error {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Error::plugin("plugin::protocol", format!("the plugin failed with {} unreadable bytes", bytes.len())))
}
