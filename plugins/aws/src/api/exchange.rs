//! One question and its answer: signed, repeated while the service stumbles.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use object_store::{aws::AwsAuthorizer, client::HttpRequestBody};
use switchyard_cloud_api::http::reason;
use switchyard_plugin_api::Error;
use tokio::time::sleep;

use super::error::{self, is_passing};
use crate::credentials::Credentials;

/// Pauses before the same request is made again.
const PAUSES: [u64; 4] = [150, 600, 2_000, 5_000];

/// When the same question may be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Whenever the service stumbled.
    Always,
    /// Only when it surely did nothing: asking twice would do it twice.
    Refused,
}

pub struct Exchange<'a> {
    pub http: &'a reqwest::Client,
    pub credentials: &'a Credentials,
    pub service: &'a str,
    pub region: &'a str,
    pub what: &'a str,
    pub url: String,
    pub headers: &'a [(&'static str, &'a str)],
    pub body: Bytes,
}

/// Between three and five quarters of a pause: tasks that were refused together come back apart.
fn spread(millis: u64) -> Duration {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    Duration::from_millis(millis * 3 / 4 + u64::from(nanos % 1000) * millis / 2000)
}

impl Exchange<'_> {
    /// The text of a good answer.
    pub async fn send(&self, again: Again, mut fresh: bool) -> Result<String, Error> {
        let mut renewed = fresh;
        let mut pauses = PAUSES.iter();
        loop {
            let (error, surely_refused) = match self.once(std::mem::take(&mut fresh)).await {
                Ok(text) => return Ok(text),
                Err(failed) => failed,
            };
            if matches!(error.code.as_str(), "aws_batch::expired_credentials" | "aws_batch::unauthorized")
                && !renewed
                && self.credentials.renews()
            {
                (renewed, fresh) = (true, true);
                continue;
            }
            match pauses.next() {
                Some(pause) if is_passing(&error) && (surely_refused || again == Again::Always) => sleep(spread(*pause)).await,
                _ => return Err(error),
            }
        }
    }

    /// The answer, or the error and whether nothing can have happened.
    async fn once(&self, fresh: bool) -> Result<String, (Error, bool)> {
        let what = self.what;
        let credential = self.credentials.get(fresh).await.map_err(|error| (error, true))?;
        let mut request = http::Request::post(&self.url);
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let wrong = |error: &dyn std::fmt::Display| {
            (
                Error::user("aws_batch::invalid_endpoint", format!("while {what}: {:?} cannot be asked: {error}", self.url))
                    .with_help("check `region` and `endpointOverride`"),
                true,
            )
        };
        let mut request = request.body(HttpRequestBody::from(self.body.clone())).map_err(|error| wrong(&error))?;
        if request.uri().host().is_none() {
            return Err(wrong(&"it names no host"));
        }
        AwsAuthorizer::new(&credential, self.service, self.region).try_authorize(&mut request, None).map_err(|error| wrong(&error))?;
        let headers = std::mem::take(request.headers_mut());
        let unreachable = |error: reqwest::Error, nothing: bool| {
            let error = Error::environment("aws_batch::unreachable", format!("while {what}: {}", reason(&error)))
                .with_help("check `region`, `endpointOverride`, and the host's network and proxy settings");
            (error, nothing)
        };
        let answered = self.http.post(&self.url).headers(headers).body(self.body.clone()).send().await;
        let response = answered.map_err(|error| {
            let nothing = error.is_connect();
            unreachable(error, nothing)
        })?;
        let status = response.status();
        let kind = response.headers().get("x-amzn-errortype").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = response.text().await.map_err(|error| unreachable(error, false))?;
        if status.is_success() {
            return Ok(text);
        }
        // Who was sent away did nothing; a broken service may have.
        Err((error::refused(what, status, kind.as_deref(), &text), !status.is_server_error()))
    }
}

/// Text as part of an address or a form.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(byte as char),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

pub fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join("&")
}

/// The service that tells who somebody is and lends roles.
pub struct Sts {
    pub http: reqwest::Client,
    pub endpoint: String,
    pub region: String,
}

impl Sts {
    pub async fn ask(&self, credentials: &Credentials, what: &str, body: String, fresh: bool) -> Result<String, Error> {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let exchange = Exchange {
            http: &self.http,
            credentials,
            service: "sts",
            region: &self.region,
            what,
            url: format!("{}/", self.endpoint),
            headers: &headers,
            body: Bytes::from(body),
        };
        exchange.send(Again::Always, fresh).await
    }
}
