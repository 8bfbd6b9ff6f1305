//! S3, through the library that the host's own storage uses.

use std::{sync::Arc, time::Duration};

use object_store::{
    ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
};
use reqwest::StatusCode;
use switchyard_plugin_api::Error;

use super::error;
use crate::credentials::Credentials;

/// The bucket. Another endpoint is asked by path: the name of a bucket in front of it seldom resolves.
pub fn store(credentials: &Credentials, region: &str, bucket: &str, endpoint: Option<&str>, path_style: bool) -> Result<AmazonS3, Error> {
    let retry = RetryConfig { max_retries: 6, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
    let options =
        ClientOptions::new().with_timeout(Duration::from_secs(600)).with_connect_timeout(Duration::from_secs(10)).with_allow_http(true);
    // The certificate of S3 does not cover names with dots.
    let by_path = path_style || endpoint.is_some() || bucket.contains('.');
    let mut builder = AmazonS3Builder::new()
        .with_region(region)
        .with_bucket_name(bucket)
        .with_credentials(Arc::new(credentials.clone()))
        .with_client_options(options)
        .with_retry(retry)
        .with_virtual_hosted_style_request(!by_path);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    builder.build().map_err(|error| Error::user("aws_batch::refused", format!("the bucket cannot be used: {error}")).at("/bucket"))
}

/// What S3 refused. The library tells the answer only as text.
pub fn of_storage(what: &str, bucket: &str, failed: object_store::Error) -> Error {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&failed);
    let mut text = String::new();
    while let Some(inner) = source {
        // The runner's own, from asking for credentials.
        if let Some(own) = inner.downcast_ref::<Error>() {
            return own.clone();
        }
        let said = inner.to_string();
        if !text.contains(&said) {
            text = if text.is_empty() { said } else { format!("{text}: {said}") };
        }
        source = inner.source();
    }
    let kind = error_element(&text, "Code").unwrap_or_default();
    let said = error_element(&text, "Message").unwrap_or_else(|| text.clone());
    let status = match &failed {
        object_store::Error::NotFound { .. } => StatusCode::NOT_FOUND,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => StatusCode::FORBIDDEN,
        _ if kind.is_empty() => {
            return Error::environment("aws_batch::unreachable", format!("while {what} in the bucket {bucket}: {text}"))
                .with_help("check `bucket`, `region`, `endpointOverride`, and the host's network and proxy settings");
        }
        _ => StatusCode::BAD_REQUEST,
    };
    error::of(&format!("{what} in the bucket {bucket}"), status, &kind, &said).at("/bucket")
}

fn error_element(text: &str, name: &str) -> Option<String> {
    crate::credentials::element(text, name).map(str::to_owned)
}
