//! The services behind the functions of expressions, for one execution.

use std::sync::{Arc, Mutex, PoisonError};

use switchyard_expr::{Host, HostError};
use switchyard_plugin_api::Error;
use switchyard_store::{masking::Masker, secrets::Secrets};

/// Serves one execution; remembers every secret that an expression saw, so that logs are masked.
pub struct Services {
    secrets: Arc<Secrets>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    secrets: Vec<String>,
    masker: Masker,
    /// How many of them the masker knows.
    masked: usize,
}

impl Services {
    pub fn new(secrets: Arc<Secrets>) -> Self {
        Self { secrets, seen: Mutex::default() }
    }

    /// Masks every secret seen so far.
    pub fn masker(&self) -> Result<Masker, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.masked < seen.secrets.len() {
            seen.masker = Masker::new(&seen.secrets).map_err(|error| Error::user(error.code(), error.to_string()))?;
            seen.masked = seen.secrets.len();
        }
        Ok(seen.masker.clone())
    }

    /// A value to mask that did not come through an expression, such as a SECRET input.
    pub fn conceal(&self, secret: &str) {
        self.disclosed(secret);
    }
}

impl Host for Services {
    fn secret(&self, key: &str, _namespace: Option<&str>, subkey: Option<&str>) -> Result<String, HostError> {
        let text = self.secrets.get(key).map(str::to_owned).map_err(|error| HostError::Missing(error.to_string()))?;
        let Some(subkey) = subkey else { return Ok(text) };
        let object: serde_json::Value = serde_json::from_str(&text)
            .map_err(|_| HostError::Failed(format!("the secret `{key}` is not a JSON object, so it has no `{subkey}`")))?;
        // The whole secret is as secret as its part.
        self.disclosed(&text);
        object.get(subkey).map(crate::task::plain).ok_or_else(|| HostError::Missing(format!("the secret `{key}` has no `{subkey}`")))
    }

    fn disclosed(&self, secret: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !secret.is_empty() && !seen.secrets.iter().any(|known| known == secret) {
            seen.secrets.push(secret.to_owned());
        }
    }
}
