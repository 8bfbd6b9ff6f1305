//! Requests that are made again when the service stumbles.

use std::{future::Future, sync::OnceLock, time::Duration};

use reqwest::{
    Client, Request, RequestBuilder, Response, StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use serde_json::Value;
use switchyard_plugin_api::Error;
use tokio::time::sleep;

/// Pauses before the same request is made again.
const PAUSES: [Duration; 4] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(8)];
/// No service is waited for longer than this, whatever it asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long an idle connection is kept: longer than most pauses between two looks.
const IDLE: Duration = Duration::from_secs(20);
/// For questions whose answers are short.
pub const SHORT: Duration = Duration::from_secs(120);

/// How one service is asked, and what its refusals mean.
pub trait Service: Sync {
    /// Adds what the service knows its callers by; `again` when it did not accept the last one.
    fn sign(&self, request: Request, again: bool) -> impl Future<Output = Result<Request, Error>> + Send;
    /// A refusal in words.
    fn refused(&self, what: &str, status: StatusCode, headers: &HeaderMap, body: &str) -> Error;
    /// No answer at all.
    fn unreachable(&self, what: &str, why: &str) -> Error;
    /// An answer that makes no sense.
    fn unexpected(&self, what: &str, why: &str) -> Error;
}

/// The client for all services and all runs: its connections are used again, and certificates are read once. Large files take their time, so
/// only a standstill is an error.
pub fn client() -> Result<Client, reqwest::Error> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    // One provider for all of the program; another one that was first is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().connect_timeout(Duration::from_secs(10)).read_timeout(SHORT).pool_idle_timeout(IDLE);
    let client = builder.build()?;
    Ok(CLIENT.get_or_init(|| client).clone())
}

/// Sends a request until it is answered: unreachable and overloaded services are asked again, a refused caller is named anew once.
pub async fn send<S: Service>(
    service: &S,
    http: &Client,
    what: &str,
    build: impl Fn(&Client) -> Result<RequestBuilder, Error> + Send + Sync,
) -> Result<Response, Error> {
    send_expecting(service, http, what, &[], build).await
}

/// The same where some refusals are answers.
pub async fn send_expecting<S: Service>(
    service: &S,
    http: &Client,
    what: &str,
    fine: &[StatusCode],
    build: impl Fn(&Client) -> Result<RequestBuilder, Error> + Send + Sync,
) -> Result<Response, Error> {
    let mut again = false;
    let mut pauses = PAUSES.iter();
    loop {
        let request =
            build(http)?.build().map_err(|error| service.unexpected(what, &format!("the request is wrong: {}", reason(&error))))?;
        let request = service.sign(request, again).await?;
        let (error, wish) = match http.execute(request).await {
            Ok(response) if response.status().is_success() || fine.contains(&response.status()) => return Ok(response),
            Ok(response) => {
                let status = response.status();
                if status == StatusCode::UNAUTHORIZED && !again {
                    again = true;
                    continue;
                }
                let wish = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
                let headers = response.headers().clone();
                let error = service.refused(what, status, &headers, &response.text().await.unwrap_or_default());
                if !is_passing(status) {
                    return Err(error);
                }
                (error, wish)
            }
            Err(error) => (service.unreachable(what, &reason(&error)), None),
        };
        let Some(pause) = pauses.next() else { return Err(error) };
        sleep(wish.unwrap_or(*pause).min(LONGEST_PAUSE)).await;
    }
}

/// Whether the same request may be answered a moment later.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// The answer as JSON; null when it is empty.
pub async fn json<S: Service>(service: &S, what: &str, response: Response) -> Result<Value, Error> {
    let bytes =
        response.bytes().await.map_err(|error| service.unreachable(what, &format!("the answer was cut off: {}", reason(&error))))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|error| service.unexpected(what, &format!("the answer was no JSON: {error}")))
}

/// Down to the innermost reason, which says most. Without the address: it may hold a signature.
pub fn reason(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = source {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = if text.is_empty() { said } else { format!("{text}: {said}") };
        }
        source = inner.source();
    }
    if text.is_empty() { "no answer".to_owned() } else { text }
}
