//! `secrets.name`: the same secrets as `secret('NAME')`, written as a map.

use serde_json::Value;

use crate::host::{Host, HostError};
use crate::scope::Lazy;

pub(crate) struct Secrets<'a> {
    pub(crate) host: &'a dyn Host,
}

impl Lazy for Secrets<'_> {
    /// `secrets.awsAccessKey` is the secret `awsAccessKey`, or else `AWS_ACCESS_KEY`.
    fn entry(&self, key: &str) -> Result<Value, HostError> {
        let text = match self.host.secret(key, None, None) {
            Err(HostError::Missing(message)) => {
                let upper = screaming(key);
                if upper == key {
                    return Err(HostError::Missing(message));
                }
                self.host.secret(&upper, None, None)?
            }
            other => other?,
        };
        self.host.disclosed(&text);
        Ok(Value::String(text))
    }
}

/// `awsAccessKey` → `AWS_ACCESS_KEY`.
fn screaming(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let mut lower = false;
    for c in key.chars() {
        if c.is_uppercase() && lower {
            out.push('_');
        }
        lower = c.is_lowercase() || c.is_ascii_digit();
        out.push(if c == '-' { '_' } else { c.to_ascii_uppercase() });
    }
    out
}
