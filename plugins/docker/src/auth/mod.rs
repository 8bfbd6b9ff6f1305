//! Which credentials go to which registry. Nothing is ever written to disk or to a log.

mod file;
mod helper;

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};
use serde_json::json;

pub use file::ClientFile;

use crate::{
    error::Failure,
    properties::{Credentials, Properties},
    reference::{HUB, Reference},
    surroundings::Surroundings,
};

/// Credentials for one registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    secret: Secret,
    registry: String,
    /// Where they came from, for messages.
    pub source: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Secret {
    Password { username: String, password: String },
    Identity(String),
    Registry(String),
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("registry", &self.registry).field("source", &self.source).finish_non_exhaustive()
    }
}

impl Auth {
    /// Value of the header `X-Registry-Auth`.
    pub fn header(&self) -> String {
        let address = server_address(&self.registry);
        let document = match &self.secret {
            Secret::Password { username, password } => json!({ "username": username, "password": password, "serveraddress": address }),
            Secret::Identity(token) => json!({ "identitytoken": token, "serveraddress": address }),
            Secret::Registry(token) => json!({ "registrytoken": token, "serveraddress": address }),
        };
        BASE64_URL_SAFE.encode(document.to_string())
    }

    fn password(registry: &str, username: &str, password: &str, source: &str) -> Self {
        let secret = Secret::Password { username: username.to_owned(), password: password.to_owned() };
        Self { secret, registry: registry.to_owned(), source: source.to_owned() }
    }

    /// Splits base64 of `user:password` at the first colon.
    fn basic(registry: &str, encoded: &str, source: &str) -> Result<Self, String> {
        let decoded = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| "auth is not base64".to_owned())?;
        let decoded = String::from_utf8(decoded).map_err(|_| "auth is not text".to_owned())?;
        let (username, password) = decoded.split_once(':').ok_or("auth is not base64 of user:password")?;
        Ok(Self::password(registry, username, password.trim_end_matches('\0'), source))
    }
}

/// Credentials for an image: those of the flow first, then those of the host's user.
pub async fn resolve(image: &Reference, properties: &Properties, around: &Surroundings) -> Result<Option<Auth>, Failure> {
    let registry = image.registry();
    if let Some(credentials) = &properties.credentials
        && credentials.registry.as_deref().is_none_or(|r| scope_covers(&normalise(r), image))
    {
        return of_flow(credentials, registry).map(Some);
    }
    if let Some(config) = &properties.config {
        let file = ClientFile::of_property(config)?;
        if let Some(auth) = file.find(image, "config", around).await? {
            return Ok(Some(auth));
        }
    }
    match ClientFile::of_user(around) {
        Some(file) => file.find(image, "the Docker client configuration of the host's user", around).await,
        None => Ok(None),
    }
}

fn of_flow(credentials: &Credentials, registry: &str) -> Result<Auth, Failure> {
    let source = "property credentials".to_owned();
    let token = |secret| Ok(Auth { secret, registry: registry.to_owned(), source: source.clone() });
    let invalid = |reason: String| Failure::InvalidCredentials { registry: registry.to_owned(), reason };
    if let Some(identity) = &credentials.identity_token {
        return token(Secret::Identity(identity.clone()));
    }
    if let Some(bearer) = &credentials.registry_token {
        return token(Secret::Registry(bearer.clone()));
    }
    match (&credentials.username, &credentials.password, &credentials.auth) {
        (Some(username), Some(password), _) => Ok(Auth::password(registry, username, password, &source)),
        (_, _, Some(auth)) => Auth::basic(registry, auth, &source).map_err(invalid),
        (Some(_), None, None) => Err(invalid("username is set without password".to_owned())),
        (None, Some(_), None) => Err(invalid("password is set without username".to_owned())),
        (None, None, None) => Err(invalid("it sets none of username and password, auth, identityToken, registryToken".to_owned())),
    }
}

/// A key of `auths` as host, port and path: `https://index.docker.io/v1/` is `docker.io`.
fn normalise(key: &str) -> String {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest).trim_end_matches('/');
    let rest = rest.strip_suffix("/v1").or_else(|| rest.strip_suffix("/v2")).unwrap_or(rest);
    match rest {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => HUB.to_owned(),
        other => other.to_owned(),
    }
}

/// Whether a normalised key is the image's registry, or a path below it that leads to the image.
fn scope_covers(key: &str, image: &Reference) -> bool {
    image.scope().strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a registry is called in credentials.
fn server_address(registry: &str) -> &str {
    if registry == HUB { "https://index.docker.io/v1/" } else { registry }
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod auth_tests;
