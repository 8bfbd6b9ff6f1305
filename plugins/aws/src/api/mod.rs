//! AWS over plain HTTP: signed requests with retries, errors in words.

mod batch;
mod error;
mod exchange;
mod jobs;
mod logs;
mod storage;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use bytes::Bytes;
use object_store::aws::AmazonS3;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use switchyard_cloud_api::http::{self, reason};
use switchyard_plugin_api::Error;

#[cfg(test)]
pub use batch::Container;
pub use batch::{Environment, Job, MAIN, Status};
pub use error::{is_missing, is_passing};
pub use exchange::{Again, Sts, escape, form};
pub use jobs::Watch;
pub use logs::Event;
pub use storage::of_storage;

use crate::{
    batch::properties::{Config, Properties},
    credentials::{Credentials, Keys, Role, element},
};
use exchange::Exchange;
use jobs::Jobs;

/// A client for all tasks that reach AWS in the same way. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    credentials: Credentials,
    region: String,
    batch: String,
    logs: String,
    sts: Sts,
    s3: Option<String>,
    path_style: bool,
    jobs: Jobs,
    /// The log group was seen.
    group: std::sync::atomic::AtomicBool,
}

/// Clients in use, so that tasks share connections, tokens and questions. The keys are hashes: they stand for secrets too.
static CLIENTS: LazyLock<Mutex<BTreeMap<[u8; 32], Weak<Inner>>>> = LazyLock::new(Mutex::default);

impl Client {
    pub fn of(properties: &Properties, config: &Config) -> Result<Self, Error> {
        let way = json!([
            properties.region,
            properties.access_key_id,
            properties.secret_key_id,
            properties.session_token,
            properties.sts_role_arn,
            properties.sts_role_external_id,
            properties.sts_role_session_name,
            properties.sts_role_session_duration,
            properties.sts_endpoint_override,
            properties.endpoint_override,
            properties.force_path_style,
            config.batch_endpoint,
            config.logs_endpoint,
            config.s3_endpoint,
            config.sts_endpoint,
        ]);
        let key: [u8; 32] = Sha256::digest(way.to_string()).into();
        let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inner) = clients.get(&key).and_then(Weak::upgrade) {
            return Ok(Self(inner));
        }
        let client = Self::new(properties, config)?;
        clients.retain(|_, inner| inner.strong_count() > 0);
        clients.insert(key, Arc::downgrade(&client.0));
        Ok(client)
    }

    fn new(properties: &Properties, config: &Config) -> Result<Self, Error> {
        let http = http::client()
            .map_err(|error| Error::environment("aws_batch::no_client", format!("no HTTP client can be made: {}", reason(&error))))?;
        let region = properties.region.trim().to_owned();
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let clean = |text: &str| text.trim().trim_end_matches('/').to_owned();
        let other = |configured: &Option<String>| properties.endpoint_override.as_deref().or(configured.as_deref()).map(clean);
        let usual = |service: &str, configured: &Option<String>| {
            other(configured).unwrap_or_else(|| format!("https://{service}.{region}.{domain}"))
        };
        let sts = Sts {
            http: http.clone(),
            endpoint: properties.sts_endpoint_override.as_deref().map_or_else(|| usual("sts", &config.sts_endpoint), clean),
            region: region.clone(),
        };
        let keys = Keys {
            access_key_id: properties.access_key_id.clone(),
            secret_key_id: properties.secret_key_id.clone(),
            session_token: properties.session_token.clone(),
        };
        let mut credentials = Credentials::find(&keys, &region, &http, &sts.endpoint)?;
        if let Some(arn) = properties.sts_role_arn.clone().filter(|arn| !arn.trim().is_empty()) {
            credentials = Credentials::assume(Role {
                from: credentials,
                arn,
                external_id: properties.sts_role_external_id.clone(),
                session_name: properties.sts_role_session_name.clone(),
                duration: properties.sts_role_session_duration.map(|duration| duration.0),
                sts: Sts { http: http.clone(), endpoint: sts.endpoint.clone(), region: region.clone() },
            });
        }
        Ok(Self(Arc::new(Inner {
            credentials,
            batch: usual("batch", &config.batch_endpoint),
            logs: usual("logs", &config.logs_endpoint),
            sts,
            s3: other(&config.s3_endpoint),
            path_style: properties.force_path_style.unwrap_or_default(),
            jobs: Jobs::default(),
            group: Default::default(),
            http,
            region,
        })))
    }

    /// Another endpoint of S3, which the containers have to know as well.
    pub fn storage_endpoint(&self) -> Option<&str> {
        self.0.s3.as_deref()
    }

    async fn ask(
        &self,
        service: &str,
        what: &str,
        url: String,
        headers: &[(&'static str, &str)],
        body: &Value,
        again: Again,
    ) -> Result<Value, Error> {
        let exchange = Exchange {
            http: &self.0.http,
            credentials: &self.0.credentials,
            service,
            region: &self.0.region,
            what,
            url,
            headers,
            body: Bytes::from(body.to_string()),
        };
        let text = exchange.send(again, false).await?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text)
            .map_err(|error| Error::environment("aws_batch::unexpected_answer", format!("while {what} the answer was no JSON: {error}")))
    }

    /// Who the credentials are, as an ARN.
    pub async fn identity(&self) -> Result<String, Error> {
        let body = form(&[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]);
        let answer = self.0.sts.ask(&self.0.credentials, "asking who the credentials are", body, false).await?;
        Ok(element(&answer, "Arn").unwrap_or("somebody").to_owned())
    }

    pub fn store(&self, bucket: &str) -> Result<AmazonS3, Error> {
        storage::store(&self.0.credentials, &self.0.region, bucket, self.0.s3.as_deref(), self.0.path_style)
    }
}
