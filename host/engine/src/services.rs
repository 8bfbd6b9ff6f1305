//! The services behind the functions of expressions, for one execution.

use std::sync::{Arc, Mutex, PoisonError};

use switchyard_expr::{Host, HostError};
use switchyard_store::secrets::Secrets;

/// Serves one execution; remembers every secret that an expression saw, so that logs are masked.
pub struct Services {
    secrets: Arc<Secrets>,
    seen: Mutex<Vec<String>>,
}

impl Services {
    pub fn new(secrets: Arc<Secrets>) -> Self {
        Self { secrets, seen: Mutex::default() }
    }

    /// Every secret seen so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        if !secret.is_empty() && !seen.iter().any(|known| known == secret) {
            seen.push(secret.to_owned());
        }
    }
}
