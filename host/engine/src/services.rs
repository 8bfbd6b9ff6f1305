//! The services behind the functions of expressions, for one execution.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use serde_json::Value as Json;
use switchyard_expr::{Host, HostError, HttpCall};
use switchyard_plugin_api::Error;
use switchyard_store::{
    kv::KeyValues, masking::Masker, namespace_files::NamespaceFiles, secrets::Secrets, storage::Storage, storage::StorageUri,
};

use crate::{engine::Shared, holiday, http, wait::wait};

/// Serves one execution; remembers every secret that an expression saw, so that logs are masked.
pub struct Services {
    secrets: Arc<Secrets>,
    storage: Storage,
    namespace: Arc<str>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    secrets: Vec<String>,
    masker: Masker,
    /// How many of them the masker knows.
    masked: usize,
}

/// Text that an expression reads at most; it is held in memory.
const READABLE: u64 = 64 * 1024 * 1024;

impl Services {
    /// For an execution of a flow in `namespace`.
    pub(crate) fn new(shared: &Shared, namespace: &Arc<str>) -> Self {
        Self::over(shared.storage.clone(), Arc::clone(&shared.secrets), Arc::clone(namespace))
    }

    /// Without an engine, for a template alone.
    pub fn over(storage: Storage, secrets: Arc<Secrets>, namespace: Arc<str>) -> Self {
        Self { secrets, storage, namespace, seen: Mutex::default() }
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

    fn namespace<'a>(&'a self, given: Option<&'a str>) -> &'a str {
        given.filter(|given| !given.is_empty()).unwrap_or(&self.namespace)
    }

    /// A `kestra://` URI, or the path of a namespace file, with or without `nsfile://`.
    fn uri(&self, path: &str, namespace: Option<&str>) -> Result<StorageUri, HostError> {
        if path.starts_with("kestra://") {
            return path.parse().map_err(|error: switchyard_store::storage::Error| HostError::Failed(error.to_string()));
        }
        let path = path.strip_prefix("nsfile://").unwrap_or(path);
        NamespaceFiles::new(self.storage.clone()).uri(self.namespace(namespace), path).map_err(|error| HostError::Failed(error.to_string()))
    }
}

impl Host for Services {
    fn secret(&self, key: &str, namespace: Option<&str>, subkey: Option<&str>) -> Result<String, HostError> {
        let text = self
            .secrets
            .in_namespace(self.namespace(namespace), key)
            .map(str::to_owned)
            .map_err(|error| HostError::Missing(error.to_string()))?;
        let Some(subkey) = subkey else { return Ok(text) };
        let object: Json = serde_json::from_str(&text)
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

    fn kv(&self, key: &str, namespace: Option<&str>) -> Result<Json, HostError> {
        let (kv, namespace, key) = (KeyValues::new(self.storage.clone()), self.namespace(namespace).to_owned(), key.to_owned());
        let missing = HostError::Missing(format!("there is no key `{key}` in the namespace `{namespace}`"));
        let found = wait(async move { kv.get(&namespace, &key, Timestamp::now().as_millisecond()).await })?;
        match found {
            Ok(Some(entry)) => Ok(entry.value),
            Ok(None) => Err(missing),
            Err(error) => Err(HostError::Failed(error.to_string())),
        }
    }

    fn read(&self, path: &str, namespace: Option<&str>) -> Result<String, HostError> {
        let uri = self.uri(path, namespace)?;
        let storage = self.storage.clone();
        let read = wait(async move {
            let size = storage.size(&uri).await?;
            if size > READABLE {
                return Ok(Err(format!("`{uri}` has {size} bytes, more than an expression can read; use it in a task")));
            }
            storage.get(&uri).await.map(Ok)
        })?;
        let bytes = read.map_err(|error| stored(&error))?.map_err(HostError::Failed)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| HostError::Failed(format!("`{path}` is not UTF-8 text")))
    }

    fn file_uri(&self, path: &str, namespace: Option<&str>) -> Result<String, HostError> {
        NamespaceFiles::new(self.storage.clone())
            .uri(self.namespace(namespace), path)
            .map(|uri| uri.to_string())
            .map_err(|error| HostError::Failed(error.to_string()))
    }

    fn file_size(&self, path: &str, namespace: Option<&str>) -> Result<u64, HostError> {
        let (uri, storage) = (self.uri(path, namespace)?, self.storage.clone());
        wait(async move { storage.size(&uri).await })?.map_err(|error| stored(&error))
    }

    fn file_exists(&self, path: &str, namespace: Option<&str>) -> Result<bool, HostError> {
        let (uri, storage) = (self.uri(path, namespace)?, self.storage.clone());
        wait(async move { storage.exists(&uri).await })?.map_err(|error| stored(&error))
    }

    fn http(&self, call: &HttpCall) -> Result<Json, HostError> {
        let call = call.clone();
        wait(async move { http::call(&call).await })?.map_err(|error| HostError::Failed(error.message))
    }

    fn env(&self, name: &str) -> Result<String, HostError> {
        environment(name)
    }

    fn random_port(&self) -> Result<u16, HostError> {
        free_port()
    }

    /// Of whole countries; those of a part of one are not known.
    fn public_holiday(&self, date: &str, country: Option<&str>, _: Option<&str>) -> Result<bool, HostError> {
        let date = date.parse().map_err(|error: jiff::Error| HostError::Failed(error.to_string()))?;
        holiday::is_holiday(date, country).map_err(HostError::Failed)
    }
}

/// A variable of the host; `SECRET_…` are not for `env()`.
pub fn environment(name: &str) -> Result<String, HostError> {
    let known = if name.starts_with("SECRET_") { None } else { std::env::var(name).ok() };
    known.ok_or_else(|| HostError::Missing(format!("the host has no environment variable `{name}`")))
}

/// A port that nobody listens at now.
pub fn free_port() -> Result<u16, HostError> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|error| HostError::Failed(format!("no port is free: {error}")))
}

fn stored(error: &switchyard_store::storage::Error) -> HostError {
    match error {
        switchyard_store::storage::Error::Missing { .. } => HostError::Missing(error.to_string()),
        other => HostError::Failed(other.to_string()),
    }
}
