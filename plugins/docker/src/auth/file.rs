//! The content of a Docker `config.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Auth, Secret, helper, normalise, scope_covers, server_address};
use crate::{error::Failure, properties::ClientConfig, reference::Reference, surroundings::Surroundings};

/// The part of `config.json` that says who we are.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientFile {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(alias = "identityToken")]
    identitytoken: Option<String>,
    #[serde(alias = "registryToken")]
    registrytoken: Option<String>,
}

impl ClientFile {
    /// From the property `config`.
    pub fn of_property(config: &ClientConfig) -> Result<Self, Failure> {
        let parsed = match config {
            ClientConfig::Text(text) => serde_json::from_str(text),
            ClientConfig::Document(document) => serde_json::from_value(Value::Object(document.clone())),
        };
        // The message of the JSON error may quote a secret; its place is enough.
        parsed.map_err(|e| Failure::InvalidConfig {
            reason: match (e.line(), e.classify()) {
                (0, _) => "a field has another type than in Docker's own file".to_owned(),
                (line, category) => format!("{category:?} error in line {line}, column {}", e.column()),
            },
        })
    }

    /// From the configuration of the host's user, if there is one.
    pub fn of_user(around: &Surroundings) -> Option<Self> {
        let content = std::fs::read(around.client_config_dir()?.join("config.json")).ok()?;
        serde_json::from_slice(&content).ok()
    }

    /// Credentials for an image: the longest key of `auths` that covers it, else a helper.
    pub async fn find(&self, image: &Reference, source: &str, around: &Surroundings) -> Result<Option<Auth>, Failure> {
        let registry = image.registry();
        let best = self
            .auths
            .iter()
            .map(|(key, entry)| (normalise(key), entry))
            .filter(|(key, _)| scope_covers(key, image))
            .max_by_key(|(key, _)| key.len());
        if let Some((_, entry)) = best
            && let Some(auth) = entry.auth(registry, source)?
        {
            return Ok(Some(auth));
        }
        let own = self.cred_helpers.iter().find(|(key, _)| normalise(key) == registry).map(|(_, helper)| helper);
        match own.or(self.creds_store.as_ref()) {
            Some(name) => helper::get(name, registry, server_address(registry), source, around).await,
            None => Ok(None),
        }
    }
}

impl Entry {
    /// None for an entry that only marks that a helper has the secret.
    fn auth(&self, registry: &str, source: &str) -> Result<Option<Auth>, Failure> {
        let source = format!("auths of {source}");
        let set = |value: &Option<String>| value.as_ref().filter(|v| !v.is_empty()).cloned();
        let token = |secret| Ok(Some(Auth { secret, registry: registry.to_owned(), source: source.clone() }));
        if let Some(identity) = set(&self.identitytoken) {
            return token(Secret::Identity(identity));
        }
        if let Some(bearer) = set(&self.registrytoken) {
            return token(Secret::Registry(bearer));
        }
        if let (Some(username), Some(password)) = (set(&self.username), set(&self.password)) {
            return Ok(Some(Auth::password(registry, &username, &password, &source)));
        }
        match set(&self.auth) {
            Some(auth) => Auth::basic(registry, &auth, &source)
                .map(Some)
                .map_err(|reason| Failure::InvalidCredentials { registry: registry.to_owned(), reason: format!("{source}: {reason}") }),
            None => Ok(None),
        }
    }
}
