//! Values that are encrypted at rest: SECRET inputs, encrypted outputs. Spec 3.6.

use serde_json::{Map, Value as Json, json};
use switchyard_expr::{Host, Nowhere, decrypt, encrypt};
use switchyard_plugin_api::Error;

/// Marks an encrypted value.
const TYPE: &str = "io.kestra.datatype:aes_encrypted";

/// Holds the key of this host. Its debug form shows nothing.
#[derive(Clone)]
pub struct Vault {
    key: String,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vault")
    }
}

impl Vault {
    /// With a key of 16 or 32 bytes in Base64.
    pub fn new(key: &str) -> Result<Self, Error> {
        let vault = Self { key: key.trim().to_owned() };
        vault.seal("").map(|_| vault)
    }

    /// With a key that ends with this process; for runs that keep nothing.
    pub fn ephemeral() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        Nowhere.random(&mut bytes).map_err(|error| Error::environment("encryption::failed", error.to_string()))?;
        Self::new(&base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes))
    }

    pub fn seal(&self, plain: &str) -> Result<Json, Error> {
        let sealed = encrypt(&self.key, plain).map_err(|reason| {
            Error::user("encryption::failed", format!("a value cannot be encrypted: {reason}"))
                .with_help("set `encryption: {secretKey: …}` in switchyard.yaml to the output of `openssl rand -base64 32`")
        })?;
        Ok(json!({ "type": TYPE, "value": sealed }))
    }

    /// The text of an encrypted value; `None` when it is another value.
    pub fn open(&self, value: &Json) -> Option<Result<String, Error>> {
        let sealed = sealed(value)?;
        Some(decrypt(&self.key, sealed).map_err(|reason| {
            Error::user("encryption::failed", format!("a stored value cannot be decrypted: {reason}"))
                .with_help("the host needs the `encryption` key that the value was stored with")
        }))
    }
}

fn sealed(value: &Json) -> Option<&str> {
    let map = value.as_object().filter(|map| map.len() == 2)?;
    if map.get("type")?.as_str()? == TYPE { map.get("value")?.as_str() } else { None }
}

/// Whether anything inside is encrypted.
pub fn has_sealed(value: &Json) -> bool {
    match value {
        Json::Object(map) => sealed(value).is_some() || map.values().any(has_sealed),
        Json::Array(items) => items.iter().any(has_sealed),
        _ => false,
    }
}

/// The value with everything inside decrypted; `seen` is told each text. What cannot be decrypted stays as it is.
pub fn opened(vault: Option<&Vault>, value: &Json, seen: &dyn Fn(&str)) -> Json {
    if let Some(text) = vault.and_then(|vault| vault.open(value)) {
        return match text {
            Ok(text) => {
                seen(&text);
                Json::String(text)
            }
            Err(error) => {
                tracing::error!("{}", error.message);
                value.clone()
            }
        };
    }
    match value {
        Json::Object(map) => Json::Object(open_map(vault, map, seen)),
        Json::Array(items) => Json::Array(items.iter().map(|item| opened(vault, item, seen)).collect()),
        scalar => scalar.clone(),
    }
}

fn open_map(vault: Option<&Vault>, map: &Map<String, Json>, seen: &dyn Fn(&str)) -> Map<String, Json> {
    map.iter().map(|(name, value)| (name.clone(), opened(vault, value, seen))).collect()
}

/// What needs a key when there is none.
pub fn not_configured(what: &str) -> Error {
    Error::user("encryption::not_configured", format!("{what} needs encryption, which is not configured"))
        .with_help("set `encryption: {secretKey: …}` in switchyard.yaml to the output of `openssl rand -base64 32`")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_alone_3_6() {
        let (one, other) = (Vault::ephemeral().unwrap(), Vault::ephemeral().unwrap());
        let stored = json!({ "a": [one.seal("hidden").unwrap(), 1], "b": "open" });
        assert!(has_sealed(&stored) && !stored.to_string().contains("hidden"));
        let seen = Mutex::new(Vec::new());
        let plain = opened(Some(&one), &stored, &|text| seen.lock().unwrap().push(text.to_owned()));
        assert_eq!(plain, json!({ "a": ["hidden", 1], "b": "open" }));
        assert_eq!(*seen.lock().unwrap(), ["hidden"]);
        assert_eq!(opened(Some(&other), &stored, &|_| {}), stored);
        assert_eq!(opened(None, &stored, &|_| {}), stored);
        assert!(Vault::new("short").is_err());
    }
}
