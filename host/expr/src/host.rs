//! The services that some functions need and an expression cannot bring itself.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// Why a service gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// This place has no such service (a trigger has no `errorLogs()`).
    #[error("{0} is not available here")]
    Unavailable(&'static str),
    /// The service works, the thing asked for does not exist. `??` and `default` swallow this.
    #[error("{0}")]
    Missing(String),
    /// The service failed.
    #[error("{0}")]
    Failed(String),
}

type Answer<T = Value> = Result<T, HostError>;

/// What `http()` asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpCall {
    pub uri: String,
    pub method: String,
    pub query: Value,
    pub body: Value,
    pub content_type: Option<String>,
    pub headers: Value,
    pub options: Value,
    pub accept: Option<String>,
}

/// The services behind the functions. Every one is optional; calls may block.
pub trait Host: Send + Sync {
    /// Time in nanoseconds since 1970.
    fn now(&self) -> i128 {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or_default();
        i128::try_from(nanos).unwrap_or_default()
    }
    /// IANA name of the zone that dates are shown in; `None`: the system's.
    fn time_zone(&self) -> Option<&str> {
        None
    }
    /// Fills `bytes` with unpredictable bytes (ids, ports, encryption nonces).
    fn random(&self, bytes: &mut [u8]) -> Answer<()> {
        use aes_gcm::aead::rand_core::RngCore;
        aes_gcm::aead::OsRng.try_fill_bytes(bytes).map_err(|error| HostError::Failed(format!("no random bytes from the system: {error}")))
    }
    /// A secret as text; `subkey` picks from a secret that is a JSON object.
    fn secret(&self, key: &str, namespace: Option<&str>, subkey: Option<&str>) -> Answer<String> {
        let _ = (key, namespace, subkey);
        Err(HostError::Unavailable("secret()"))
    }
    /// Told of every secret text that an expression has seen, so that it can be masked.
    fn disclosed(&self, secret: &str) {
        let _ = secret;
    }
    /// A value of the key-value store.
    fn kv(&self, key: &str, namespace: Option<&str>) -> Answer {
        let _ = (key, namespace);
        Err(HostError::Unavailable("kv()"))
    }
    /// The text of a `kestra:///` URI or a namespace file.
    fn read(&self, path: &str, namespace: Option<&str>) -> Answer<String> {
        let _ = (path, namespace);
        Err(HostError::Unavailable("read()"))
    }
    /// The URI of a namespace file.
    fn file_uri(&self, path: &str, namespace: Option<&str>) -> Answer<String> {
        let _ = (path, namespace);
        Err(HostError::Unavailable("fileURI()"))
    }
    /// Size in bytes.
    fn file_size(&self, path: &str, namespace: Option<&str>) -> Answer<u64> {
        let _ = (path, namespace);
        Err(HostError::Unavailable("fileSize()"))
    }
    fn file_exists(&self, path: &str, namespace: Option<&str>) -> Answer<bool> {
        let _ = (path, namespace);
        Err(HostError::Unavailable("fileExists()"))
    }
    /// The error log entries of this execution.
    fn error_logs(&self) -> Answer {
        Err(HostError::Unavailable("errorLogs()"))
    }
    /// The task runs of this execution that are in `state`.
    fn tasks_with_state(&self, state: &str) -> Answer {
        let _ = state;
        Err(HostError::Unavailable("tasksWithState()"))
    }
    /// The parsed body of an HTTP answer.
    fn http(&self, call: &HttpCall) -> Answer {
        let _ = call;
        Err(HostError::Unavailable("http()"))
    }
    /// An environment variable of the host.
    fn env(&self, name: &str) -> Answer<String> {
        let _ = name;
        Err(HostError::Unavailable("env()"))
    }
    /// A free TCP port.
    fn random_port(&self) -> Answer<u16> {
        Err(HostError::Unavailable("randomPort()"))
    }
    /// Runs a subflow and gives its outputs (input forms only).
    fn subflow(&self, arguments: &Value) -> Answer {
        let _ = arguments;
        Err(HostError::Unavailable("subflow()"))
    }
    /// Whether a date (`yyyy-MM-dd`) is a public holiday.
    fn public_holiday(&self, date: &str, country: Option<&str>, subdivision: Option<&str>) -> Answer<bool> {
        let _ = (date, country, subdivision);
        Err(HostError::Unavailable("isPublicHoliday()"))
    }
}

/// A host without services: only the system's clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl Host for Nowhere {}
