//! Secrets for `secret('KEY')`: from the environment (`SECRET_<KEY>`, base64) and from a file.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "SECRET_";

/// Secrets by upper-case key. Its debug form shows no value.
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
}

/// A secret that cannot be used; the others can.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the environment variable `{variable}` is left out: it is not base64 of a text; set it with `export {variable}=$(printf %s \"$VALUE\" | base64 -w0)`"
    )]
    Undecodable { variable: String },
    #[error("the secrets file `{}` cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("line {line} of the secrets file `{}` is left out: it has no `NAME=value`", path.display())]
    Line { path: PathBuf, line: usize },
    #[error("the secrets file `{}` is not a JSON object of texts: {reason}", path.display())]
    Json { path: PathBuf, reason: String },
    #[error("the secrets file `{}` can be read by other users; run `chmod 600 {}`", path.display(), path.display())]
    Exposed { path: PathBuf },
    #[error(
        "there is no secret `{key}`; set the environment variable `SECRET_{key}` to its value in base64, or add `{key}=value` to the secrets file"
    )]
    Missing { key: String },
}

impl Error {
    /// A stable name, the same in every release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Undecodable { .. } => "secrets::undecodable",
            Self::Unreadable { .. } => "secrets::unreadable",
            Self::Line { .. } => "secrets::line",
            Self::Json { .. } => "secrets::json",
            Self::Exposed { .. } => "secrets::exposed",
            Self::Missing { .. } => "secrets::missing",
        }
    }
}

impl Secrets {
    /// The secrets of an environment, usually `std::env::vars()`, and the variables that were left out.
    pub fn from_env(variables: impl IntoIterator<Item = (String, String)>) -> (Self, Vec<Error>) {
        let mut secrets = Self::default();
        let mut errors = Vec::new();
        for (variable, value) in variables {
            let Some(key) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            // `base64` breaks its lines.
            let encoded: String = value.split_whitespace().collect();
            let decoded = STANDARD.decode(&encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            match decoded {
                Some(value) => secrets.insert(key, value),
                None => errors.push(Error::Undecodable { variable }),
            }
        }
        (secrets, errors)
    }

    /// The secrets of a file: a JSON object of texts, or lines of `NAME=value` where `#` begins a comment line. Values are taken as
    /// they are, not base64. Besides what was left out, the errors tell when other users can read the file.
    pub fn from_file(path: &Path) -> Result<(Self, Vec<Error>), Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_path_buf(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let mut errors = Vec::new();
        if path.metadata().map_err(unreadable)?.mode() & 0o077 != 0 {
            errors.push(Error::Exposed { path: path.to_path_buf() });
        }
        let mut secrets = Self::default();
        if text.trim_start().starts_with('{') {
            let values: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|error| Error::Json {
                path: path.to_path_buf(),
                // The message of the parser may quote a value.
                reason: format!("line {}, column {}", error.line(), error.column()),
            })?;
            for (key, value) in values {
                secrets.insert(&key, value);
            }
            return Ok((secrets, errors));
        }
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            match line.split_once('=') {
                Some((key, value)) if !key.trim().is_empty() => {
                    secrets.insert(key.trim(), value.to_owned());
                }
                _ => errors.push(Error::Line { path: path.to_path_buf(), line: index + 1 }),
            }
        }
        Ok((secrets, errors))
    }

    pub fn insert(&mut self, key: &str, value: String) {
        self.values.insert(key.to_uppercase(), value);
    }

    /// Adds the secrets of another source, which win over the present ones.
    pub fn extend(&mut self, other: Self) {
        self.values.extend(other.values);
    }

    /// The value of a key, whatever its case.
    pub fn get(&self, key: &str) -> Result<&str, Error> {
        let key = key.to_uppercase();
        self.values.get(&key).map(String::as_str).ok_or(Error::Missing { key })
    }

    /// The secret of the nearest of a namespace and its parents, or else the one of every namespace. A namespace's own secrets are
    /// written `namespace/KEY`.
    pub fn in_namespace(&self, namespace: &str, key: &str) -> Result<&str, Error> {
        let mut nearest = Some(namespace);
        while let Some(here) = nearest {
            if let Some(value) = self.values.get(&format!("{here}/{key}").to_uppercase()) {
                return Ok(value);
            }
            nearest = here.rsplit_once('.').map(|(parent, _)| parent);
        }
        self.get(key)
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// All values, for a [`Masker`](crate::masking::Masker).
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.values().map(String::as_str)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.keys()).finish()
    }
}
